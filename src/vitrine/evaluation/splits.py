"""Divide a catalogue into what an encoder is fitted on and what it is judged by."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vitrine.catalogue import Catalogue
from vitrine.errors import InputError, OptionError
from vitrine.topk import Positions


@dataclass(frozen=True)
class Split:
    """Two parts of a catalogue.

    Attributes
    ----------
    train, test : Catalogue
    how : str
        How they came about, in a sentence for people.
    notes : tuple of str
        What they should also know, such as categories that are not tested.
    """

    train: Catalogue
    test: Catalogue
    how: str
    notes: tuple[str, ...] = ()


def train_test_split_catalogue(
    catalogue: Catalogue,
    label: str | None = None,
    *,
    test_size: float = 0.2,
    random_state: int = 0,
) -> Split:
    """Divide a catalogue by its own parts, or at random where it has none.

    Parts called train and test are taken as they are; validation stands in for a missing test
    part, and is left alone otherwise. Without such parts, `test_size` of each category is drawn.
    Items of unknown category, and those whose category has one member, go to train: they could not
    be judged.

    Parameters
    ----------
    catalogue : Catalogue
    label : str, optional
        The attribute that holds the category; without one the items are drawn from all alike.
    test_size : float
        Share to test, between 0 and 1.
    random_state : int

    Raises
    ------
    OptionError
        If there is no such attribute, or `test_size` is not between 0 and 1.
    InputError
        If there are too few items for two parts.
    """
    if not 0 < test_size < 1:
        raise OptionError(f"test_size is {test_size}; it is a share between 0 and 1")
    parts = set(catalogue.parts)
    for test in ("test", "validation"):
        if {"train", test} <= parts:
            how = f"the source's own parts: fitted on train, judged by {test}"
            return Split(catalogue.part("train"), catalogue.part(test), how)
    values = [""] * len(catalogue) if label is None else catalogue.values(label)
    chosen, notes = _draw(values, test_size, random_state)
    rest = np.setdiff1d(np.arange(len(catalogue)), chosen)
    if len(chosen) == 0 or len(rest) == 0:
        raise InputError(
            f"{catalogue.name} has too few items of a known category to hold some back for "
            "testing; give at least two of one category"
        )
    stratified = "" if label is None else f" of each {label}"
    how = f"{test_size:.0%}{stratified} drawn for testing with seed {random_state}"
    return Split(catalogue.take(rest), catalogue.take(chosen), how, notes)


def _draw(
    values: Sequence[Any], test_size: float, random_state: int
) -> tuple[Positions, tuple[str, ...]]:
    """Return the positions drawn for testing, sorted, and notes."""
    members: defaultdict[str, list[int]] = defaultdict(list)
    unlabelled = 0
    for position, value in enumerate(values):
        if value is None or value != value:  # NaN is not itself
            unlabelled += 1
        else:
            members[str(value)].append(position)
    rng = np.random.default_rng(random_state)
    drawn: list[int] = []
    single = sorted(name for name, positions in members.items() if len(positions) == 1)
    for name in sorted(set(members) - set(single)):
        positions = members[name]
        n = min(len(positions) - 1, max(1, round(test_size * len(positions))))
        drawn.extend(rng.permutation(positions)[:n].tolist())
    notes = []
    if single:
        shown = ", ".join(single[:5]) + (", …" if len(single) > 5 else "")
        notes.append(f"{len(single)} categories with one item are not tested: {shown}")
    if unlabelled:
        notes.append(f"{unlabelled} items of unknown category are not tested")
    return np.sort(np.array(drawn, np.int64)), tuple(notes)
