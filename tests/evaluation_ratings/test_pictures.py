"""The kNN classifier on picture vectors that predicts a rating."""

import numpy as np
import pytest

from vitrine.errors import InputError, OptionError
from vitrine.evaluation.ratings import rating_from_picture


def reviews(n_pictures=60, seed=0):
    """Three reviews a picture; pictures that point up get five stars, others three."""
    rng = np.random.default_rng(seed)
    up = np.arange(n_pictures) % 3 > 0
    vectors = np.where(up[:, None], [0.0, 1.0], [1.0, 0.0]) + rng.normal(0, 0.1, (n_pictures, 2))
    pictures = np.repeat(np.arange(n_pictures), 3)
    return vectors[pictures], np.where(up, 5.0, 3.0)[pictures], pictures


def test_pictures_that_tell_everything():
    found = rating_from_picture(*reviews(), k=3)
    assert found.accuracy.value == 1.0
    assert found.usual == 5.0
    assert 0.3 < found.always_usual.value < 0.9
    assert found.difference.value == pytest.approx(1 - found.always_usual.value)
    assert found.difference.low > 0
    assert (found.n_train, found.n_test) == (144, 36)


def test_pictures_that_tell_nothing():
    vectors, ratings, _ = reviews()
    found = rating_from_picture(np.random.default_rng(1).permutation(vectors), ratings, k=15)
    assert found.difference.low <= 0


def test_reviews_of_one_picture_are_not_their_own_neighbours():
    # Every picture is unlike all others and has a rating by chance: only a leak could tell it.
    rng = np.random.default_rng(0)
    pictures = np.repeat(np.arange(80), 5)
    vectors, ratings = rng.normal(0, 1, (80, 40))[pictures], rng.integers(1, 6, 80)[pictures]
    assert rating_from_picture(vectors, ratings, pictures, k=1).accuracy.value < 0.5
    assert rating_from_picture(vectors, ratings, k=1).accuracy.value > 0.9


@pytest.mark.parametrize(
    ("change", "error"),
    [({"k": 0}, OptionError), ({"test_share": 1.0}, OptionError), ({"k": 500}, InputError),
     ({"pictures": [1]}, InputError)],
)  # fmt: skip
def test_refuses_what_makes_no_sense(change, error):
    vectors, ratings, pictures = reviews()
    with pytest.raises(error):
        rating_from_picture(vectors, ratings, **({"pictures": pictures} | change))
