"""How training went, epoch by epoch: as a table, and as TensorBoard's event files."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

from vitrine.errors import MissingExtraError

if TYPE_CHECKING:
    from vitrine.encoders.base import Encoder

TABLE_NAME = "history.csv"


def history_of(encoder: Encoder) -> dict[str, list[float]]:
    """Return what a fitted encoder noted in each epoch; empty if it was not trained.

    Returns
    -------
    dict of str to list of float
        Of equal lengths: ``epoch`` (from 1), ``loss``, ``seconds`` and what else it noted.
    """
    noted = getattr(encoder, "history_", None) or {}
    columns = {name: list(values) for name, values in noted.items() if values}
    if not columns:
        return {}
    n = max(len(values) for values in columns.values())
    full = {name: values for name, values in columns.items() if len(values) == n}
    return {"epoch": [float(i) for i in range(1, n + 1)], **full}


def check_tensorboard() -> None:
    """Raise `MissingExtraError` where TensorBoard is not installed."""
    try:
        import tensorboard.summary  # noqa: F401 - is it there?
    except ImportError:
        raise MissingExtraError("writing TensorBoard events", "tensorboard") from None


def write_table(encoder: Encoder, folder: Path) -> Path | None:
    """Write a trained encoder's history as ``history.csv``; None for one that was not trained."""
    history = history_of(encoder)
    if not history:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / TABLE_NAME
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(history)
        rows.writerows(zip(*history.values(), strict=True))
    return path


def write_history(encoder: Encoder, folder: Path) -> Path | None:
    """Write a trained encoder's history as ``history.csv`` and as TensorBoard events.

    Parameters
    ----------
    encoder : Encoder
        Fitted.
    folder : Path
        Is made. ``tensorboard --logdir`` of it, or of the folder above, shows the curves.

    Returns
    -------
    Path or None
        The table; None for an encoder that was not trained.

    Raises
    ------
    MissingExtraError
        If tensorboard is not installed.
    """
    check_tensorboard()
    from tensorboard.summary import Writer

    path = write_table(encoder, folder)
    if path is None:
        return None
    writer = Writer(str(folder))
    for name, values in history_of(encoder).items():
        if name != "epoch":
            for epoch, value in enumerate(values, 1):
                writer.add_scalar(name, value, epoch)
    writer.close()
    return path
