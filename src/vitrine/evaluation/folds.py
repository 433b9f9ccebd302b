"""Stratified cross-validation: how far figures move with the items that are held out."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.model_selection import StratifiedKFold

from vitrine.catalogue import Catalogue
from vitrine.encoders import Encoder
from vitrine.errors import InputError, OptionError
from vitrine.evaluation.retrieval import evaluate
from vitrine.progress import task

logger = logging.getLogger(__name__)


@dataclass
class FoldsRow:
    """How one encoder fared, fold by fold.

    Attributes
    ----------
    encoder : str
    same_category_rate : list of float
        Leave-one-out among the held-out items of each fold.
    accuracy : list of float
        Share of them that the encoder itself names rightly; empty if it is no classifier.
    error : str or None
        Why it failed; folds before that are kept.
    """

    encoder: str
    same_category_rate: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    error: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the folds, their means and standard deviations as JSON can hold them."""
        found: dict[str, Any] = {"encoder": self.encoder, "error": self.error}
        for name in ("same_category_rate", "accuracy"):
            values = getattr(self, name)
            mean, spread = mean_and_spread(values) if values else (None, None)
            found |= {f"{name}_folds": values, f"{name}_mean": mean, f"{name}_sd": spread}
        return found


def mean_and_spread(values: list[float]) -> tuple[float, float]:
    """Return the mean and the standard deviation of a sample (0 for one value)."""
    return float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def cross_validate(
    catalogue: Catalogue,
    label: str,
    encoders: Mapping[str, Encoder],
    n_folds: int = 5,
    random_state: int = 0,
) -> list[FoldsRow]:
    """Fit each encoder on all folds but one and measure it on that one, in turn.

    Folds are the same for all encoders and hold the same share of every category. Items without
    one, and those of categories with fewer members than folds, are left out.

    Parameters
    ----------
    catalogue : Catalogue
        Of readable pictures.
    label : str
        The attribute that holds the category.
    encoders : mapping of str to Encoder
        Unfitted, by the name their row gets.
    n_folds : int
    random_state : int

    Returns
    -------
    list of FoldsRow
        In the order of `encoders`; one that fails has its error in its row.

    Raises
    ------
    OptionError
        If there are fewer than two folds.
    InputError
        If fewer than two categories have so many members.
    """
    if n_folds < 2:
        raise OptionError(f"{n_folds} folds: two at least")
    positions, names = _usable(catalogue, label, n_folds)
    folds = StratifiedKFold(n_folds, shuffle=True, random_state=random_state)
    parts = [(positions[train], positions[test]) for train, test in folds.split(names, names)]
    rows = []
    with task("cross-validating", n_folds * len(encoders)) as progress:
        for name, encoder in encoders.items():
            row = FoldsRow(name)
            rows.append(row)
            try:
                for accuracy, rate in _fold_by_fold(catalogue, label, encoder, parts):
                    row.same_category_rate.append(rate)
                    row.accuracy += [] if accuracy is None else [accuracy]
                    progress.advance(note=name)
            except Exception as error:  # one encoder's failure must not cost the others' hours
                row.error = f"{type(error).__name__}: {error}"
    return rows


def _usable(
    catalogue: Catalogue, label: str, n_folds: int
) -> tuple[NDArray[np.int64], NDArray[np.str_]]:
    """Return the positions of items whose category has members enough, and their categories."""
    values = catalogue.values(label)
    known = [i for i, value in enumerate(values) if value is not None]
    names = np.array([str(values[i]) for i in known], np.str_)
    categories, counts = np.unique(names, return_counts=True)
    kept = categories[counts >= n_folds]
    if len(kept) < 2:
        raise InputError(
            f"{catalogue.name}: fewer than two categories have {n_folds} items; take fewer folds"
        )
    chosen = np.isin(names, kept)
    if not chosen.all() or len(known) < len(values):
        logger.info(
            "%d items without a category, or of one with under %d items, are left out",
            len(values) - int(chosen.sum()), n_folds,
        )  # fmt: skip
    return np.array(known, np.int64)[chosen], names[chosen]


def _fold_by_fold(
    catalogue: Catalogue,
    label: str,
    encoder: Encoder,
    parts: list[tuple[NDArray[np.int64], NDArray[np.int64]]],
) -> Iterator[tuple[float | None, float]]:
    """Yield each fold's accuracy, where there is one, and same-category rate."""
    for train, test in parts:
        learned, held = catalogue.take(train), catalogue.take(test)
        fitted: Any = clone(encoder).fit(learned.pictures(), learned.values(label))
        truth = held.values(label)
        accuracy = None
        if hasattr(fitted, "predict"):
            accuracy = float(np.mean([str(one) for one in fitted.predict(held.pictures())]
                                     == np.array([str(value) for value in truth])))  # fmt: skip
        vectors = fitted.transform(held.pictures())
        result = evaluate(vectors, truth, distance=fitted.distance_, n_bootstrap=0)
        yield accuracy, result.same_category_rate.value
