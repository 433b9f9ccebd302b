"""``--encoder auto``: try what can run here and take the best."""

from __future__ import annotations

from vitrine.catalogue import Catalogue
from vitrine.cli import console
from vitrine.cli.board import board, say_row
from vitrine.encoders.base import Encoder
from vitrine.errors import OptionError
from vitrine.evaluation import Choice
from vitrine.evaluation import choose_encoder as choose

AUTO = "auto"
_NETWORK, _MINUTES = "backbone=", "budget_minutes="


def choose_encoder(
    catalogue: Catalogue, label: str | None, options: list[str] | None, seed: int
) -> Encoder:
    """Try encoders on a part of a catalogue, show how they did, and return the best, not fitted.

    Raises
    ------
    OptionError
        If an option is neither ``backbone=NETWORK`` (repeatable) nor ``budget_minutes=M``.
    """
    networks, minutes = [], 10.0
    for option in options or []:
        if option.startswith(_NETWORK):
            networks.append(option.removeprefix(_NETWORK))
        elif option.startswith(_MINUTES):
            minutes = _number(option)
        else:
            raise OptionError(
                f"--encoder auto has no option {option!r}; it has backbone=NETWORK, such as "
                "backbone=onnx:net.onnx:mean=0.5:std=0.5, and budget_minutes=M"
            )
    with board(10) as shown:
        choice = choose(
            catalogue, label, networks=networks, budget_minutes=minutes, random_state=seed,
            on_row=say_row if shown is None else shown.add,
        )  # fmt: skip
    _print(choice)
    return choice.encoder


def _print(choice: Choice) -> None:
    """Say on the error stream, as standard output may be JSON, what was tried and chosen."""
    for tried in choice.tries:
        if tried.figure is None:
            console.complain(f"  {tried.encoder}: failed ({tried.error})")
        else:
            console.complain(f"  {tried.encoder}: {tried.figure}, {tried.seconds:.1f} s")
    console.complain(f"chosen: {choice.name} ({choice.how}); now fitted on everything")


def _number(option: str) -> float:
    try:
        return float(option.removeprefix(_MINUTES))
    except ValueError:
        raise OptionError(f"{option}: write it as budget_minutes=5") from None
