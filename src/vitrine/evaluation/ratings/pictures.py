"""Whether pictures tell ratings: the plain published test, beside saying the usual rating."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import KNeighborsClassifier

from vitrine.errors import InputError, OptionError
from vitrine.evaluation.bootstrap import Figure
from vitrine.evaluation.ratings.result import resampled_ratios
from vitrine.index.distance import unit
from vitrine.ratings.ids import encode


@dataclass(frozen=True)
class PictureVote:
    """How often a review's rating is told right, with 95 % intervals over resampled pictures.

    Attributes
    ----------
    accuracy : Figure
        By the k most similar pictures of the training part.
    always_usual : Figure
        By saying `usual` each time.
    difference : Figure
        The first less the second, paired.
    usual : float
        The most frequent rating of the training part.
    n_train, n_test : int
        Reviews.
    """

    accuracy: Figure
    always_usual: Figure
    difference: Figure
    usual: float
    n_train: int
    n_test: int


def rating_from_picture(
    vectors: NDArray[Any],
    ratings: Sequence[float] | NDArray[Any],
    pictures: Sequence[Hashable] | None = None,
    *,
    k: int = 5,
    test_share: float = 0.2,
    random_state: int = 0,
) -> PictureVote:
    """Predict each review's rating by a k-nearest-neighbour classifier on picture vectors.

    The k most similar reviews of the training part vote, by cosine. Reviews of one picture lie on
    one side of the split: else a picture is its own nearest neighbour, and what is measured is how
    much reviewers of one item agree.

    Parameters
    ----------
    vectors : ndarray of shape (n, d)
        The picture's vector of each review.
    ratings : sequence of float, length n
    pictures : sequence of hashable, length n, optional
        Which picture each review is of; without them every review has its own.
    k : int
    test_share : float
        Of the pictures.
    random_state : int

    Raises
    ------
    InputError
        If lengths differ, or there are too few reviews or pictures.
    OptionError
        If k or the share makes no sense.
    """
    stars = np.asarray(ratings, np.float64)
    _, groups = encode(range(len(stars)) if pictures is None else pictures)
    if not len(vectors) == len(stars) == len(groups):
        raise InputError(f"{len(vectors)} vectors, {len(stars)} ratings, {len(groups)} pictures")
    if k < 1 or not 0 < test_share < 1:
        raise OptionError(f"k is {k}, test_share {test_share}; k is 1 or more, the share 0 to 1")
    n_groups = int(groups.max(initial=-1)) + 1
    drawn = np.random.default_rng(random_state).permutation(n_groups)
    test = np.isin(groups, drawn[: max(1, round(test_share * n_groups))])
    if (~test).sum() < k or not test.any():
        raise InputError(f"{len(stars)} reviews of {n_groups} pictures are too few for k = {k}")
    levels, codes = np.unique(stars, return_inverse=True)
    looks = unit(np.asarray(vectors, np.float32))
    classifier = KNeighborsClassifier(k).fit(looks[~test], codes[~test])
    usual = int(np.bincount(codes[~test]).argmax())
    guesses = [classifier.predict(looks[test]), np.full(test.sum(), usual)]
    right = [(guess == codes[test]).astype(np.float64) for guess in guesses]
    accuracy, always_usual, difference = (
        _over_pictures(values, groups[test]) for values in (*right, right[0] - right[1])
    )
    n_train, n_test = int((~test).sum()), int(test.sum())
    return PictureVote(accuracy, always_usual, difference, float(levels[usual]), n_train, n_test)


def _over_pictures(values: NDArray[np.float64], groups: NDArray[Any]) -> Figure:
    """Return the mean over reviews, with its interval over resampled pictures."""
    _, codes = np.unique(groups, return_inverse=True)
    sums, counts = np.bincount(codes, values).astype(np.float64), np.bincount(codes)
    low, high = np.percentile(resampled_ratios(sums, counts, 1000, 0), [2.5, 97.5])
    return Figure(float(values.mean()), float(low), float(high))
