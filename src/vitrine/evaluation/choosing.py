"""The encoder that suits a catalogue best, found by trying."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from sklearn.base import clone

from vitrine.catalogue import Catalogue
from vitrine.encoders import Encoder
from vitrine.errors import InputError
from vitrine.evaluation.bootstrap import Figure
from vitrine.evaluation.candidates import ALL, networks_at_hand, read_candidates
from vitrine.evaluation.experiments import Row, compare
from vitrine.evaluation.splits import train_test_split_catalogue
from vitrine.evaluation.views import evaluate_views
from vitrine.progress import task

MAX_ITEMS = 12_000
"""Items that a trial takes at most; the winner is fitted on all."""
BUDGET_MINUTES = 10.0
UNTRAINED = ("looks", "hog", "colour", "pixels")
"""What is tried without labels, after the networks at hand; of equals the first is taken. Not
`hybrid-looks`: without labels its weights are found by the views that would then judge it."""


@dataclass(frozen=True)
class Try:
    """One encoder that was tried.

    Attributes
    ----------
    encoder : str
    figure : Figure or None
        None where it failed.
    seconds : float or None
        To fit and encode.
    error : str or None
    """

    encoder: str
    figure: Figure | None = None
    seconds: float | None = None
    error: str | None = None


@dataclass(frozen=True)
class Choice:
    """What was chosen, and why.

    Attributes
    ----------
    name : str
    encoder : Encoder
        Not fitted.
    tries : list of Try
        Best first.
    how : str
        What was measured, in a sentence for people.
    """

    name: str
    encoder: Encoder
    tries: list[Try] = field(default_factory=list)
    how: str = ""


def choose_encoder(
    catalogue: Catalogue,
    label: str | None = None,
    *,
    networks: Sequence[str] = (),
    budget_minutes: float = BUDGET_MINUTES,
    random_state: int = 0,
    on_row: Callable[[Row], None] | None = None,
) -> Choice:
    """Try what can run here on a part of a catalogue, and return the best, not fitted.

    With labels it is the encoder with the highest same-category rate on held-out items. Without,
    descriptors and the pretrained networks on this machine are judged by `evaluate_views`.

    Parameters
    ----------
    catalogue : Catalogue
    label : str, optional
        The attribute that says which items belong together.
    networks : sequence of str
        Pretrained networks to try as well, ``onnx:PATH:mean=0.5`` or alike.
    budget_minutes : float
        For the training of all together.
    random_state : int
    on_row : function of a Row, optional
        As for `compare`; called with labels only.

    Raises
    ------
    InputError
        If no picture can be read, or every encoder failed.
    """
    rng = np.random.default_rng(random_state)
    if len(catalogue) > MAX_ITEMS:
        drawn = rng.choice(len(catalogue), MAX_ITEMS, replace=False)
        catalogue = catalogue.take(np.sort(drawn))
    readable = catalogue.readable(cover=1)
    if len(readable) < 2:
        raise InputError(f"{catalogue.name}: has too few readable pictures to try encoders on")
    if label is None:
        return _by_views(readable, networks, random_state)
    return _by_labels(readable, label, networks, budget_minutes, random_state, on_row)


def _by_labels(
    catalogue: Catalogue,
    label: str,
    networks: Sequence[str],
    budget_minutes: float,
    random_state: int,
    on_row: Callable[[Row], None] | None,
) -> Choice:
    split = train_test_split_catalogue(catalogue, label, random_state=random_state)
    candidates = read_candidates(",".join([ALL, *networks]), random_state=random_state)
    rows = compare(
        split.train.pictures(), split.train.values(label),
        split.test.pictures(), split.test.values(label),
        candidates.encoders, random_state=random_state, budget_minutes=budget_minutes,
        on_row=on_row,
    )  # fmt: skip
    tries = [
        Try(
            row.encoder,
            row.result.same_category_rate if row.result else None,
            (row.fit_seconds or 0.0) + (row.transform_seconds or 0.0),
            row.error,
        )
        for row in rows
    ]
    how = f"same {label} @1 of {len(split.test):,} held-out items"
    return _best(tries, candidates.encoders, how)


def _by_views(catalogue: Catalogue, networks: Sequence[str], random_state: int) -> Choice:
    here, _ = networks_at_hand()
    names = [*here, *networks, *UNTRAINED]
    encoders = read_candidates(",".join(names), labels=False, random_state=random_state).encoders
    pictures, tries = catalogue.pictures(), []
    with task("trying encoders", len(encoders)) as progress:
        for name, encoder in encoders.items():
            started = time.perf_counter()
            try:
                encoder.fit(pictures)
                figure = evaluate_views(encoder, pictures, random_state=random_state).figure
                tries.append(Try(name, figure, time.perf_counter() - started))
            except Exception as error:  # one that fails must not cost the others
                tries.append(Try(name, error=f"{type(error).__name__}: {error}"))
            progress.advance(note=name)
    return _best(tries, encoders, "two views of one picture find each other; no labels were used")


def _best(tries: list[Try], encoders: dict[str, Encoder], how: str) -> Choice:
    ranked = sorted(tries, key=lambda one: -one.figure.value if one.figure else math.inf)
    best = ranked[0]
    if best.figure is None:
        raise InputError(f"no encoder could be tried; the first failure: {best.error}")
    return Choice(best.encoder, clone(encoders[best.encoder]), ranked, how)
