"""What was chosen on one visit, as rows that models learn from."""

import numpy as np
import pytest

from vitrine.errors import OptionError
from vitrine.ratings import Interactions, make_rating_model
from vitrine.ratings.visits import with_visits

USERS = ["a", "a", "a", "a", "b", "b", "c"]
ITEMS = ["x", "y", "z", "w", "x", "w", "x"]
TIMES = [0, 50, 1000, 1090, 7, 5000, 9]


def data(times=TIMES):
    return Interactions.from_arrays(USERS, ITEMS, None, times, feedback="implicit")


def test_a_visit_is_what_one_user_chose_within_the_time():
    known = data()
    users, rows = known.by_user, with_visits(known, 100)
    assert np.array_equal(rows.take(np.arange(3)).ratings, users.ratings)
    cut = zip(rows.indptr[3:-1], rows.indptr[4:], strict=True)
    found = [set(known.items.take(rows.indices[low:high])) for low, high in cut]
    assert found == [{"x", "y"}, {"z", "w"}]
    assert with_visits(known, 10).counts.tolist() == users.counts.tolist()
    assert with_visits(data(None), 100).counts.tolist() == users.counts.tolist()
    with pytest.raises(OptionError, match="above 0"):
        with_visits(known, 0)


@pytest.mark.parametrize(
    ("name", "params", "noise"),
    [
        # So few choices say too little of pairs for the default regularization.
        ("ease", {"regularization": 1.0}, 1e-5),
        ("hybrid", {"regularization": 1.0}, 1e-5),
        ("implicit-als", {"regularization": 0.1, "n_epochs": 60}, 1e-5),
        # What is learned by drawing does not come out quite equal.
        ("mult-vae", {"n_factors": 4, "n_hidden": 16, "n_epochs": 300, "weight_decay": 0}, 0.005),
    ],
)
def test_models_learn_of_visits_and_only_of_them(name, params, noise):
    visited = params | {"visit_seconds": 100.0}
    seen = make_rating_model(name, **visited).fit(data())
    plain = make_rating_model(name, **params).fit(data())
    timeless = make_rating_model(name, **visited).fit(data(None))
    assert len(seen._scores(np.arange(3, dtype=np.int32))) == 3
    assert not np.array_equal(seen.predict(USERS, ITEMS), plain.predict(USERS, ITEMS))
    assert np.array_equal(timeless.predict(USERS, ITEMS), plain.predict(USERS, ITEMS))
    same_visit, other_visit = seen.predict(["c", "c"], ["y", "z"])  # "c" chose "x" alone
    assert same_visit > other_visit + noise + 0.01
    assert np.isclose(*plain.predict(["c", "c"], ["y", "z"]), atol=noise)
