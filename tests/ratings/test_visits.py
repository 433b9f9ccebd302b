"""What was chosen on one visit, as rows that models learn from."""

import numpy as np
import pytest

from vitrine.errors import OptionError
from vitrine.ratings import Interactions, make_rating_model
from vitrine.ratings.visits import visits

USERS = ["a", "a", "a", "a", "b", "b"]
ITEMS = ["x", "y", "z", "w", "x", "w"]
TIMES = [0, 50, 1000, 1090, 7, 5000]


def data(times=TIMES):
    return Interactions.from_arrays(USERS, ITEMS, None, times, feedback="implicit")


def test_a_visit_is_what_one_user_chose_within_the_time():
    known = data()
    rows = visits(known, 100)
    cut = zip(rows.indptr[:-1], rows.indptr[1:], strict=True)
    found = [set(known.items.take(rows.indices[low:high])) for low, high in cut]
    assert found == [{"x", "y"}, {"z", "w"}]
    assert visits(known, 10) is None
    assert visits(data(None), 100) is None
    with pytest.raises(OptionError, match="above 0"):
        visits(known, 0)


@pytest.mark.parametrize("name", ["ease", "hybrid", "implicit-als"])
def test_models_learn_of_visits_and_only_of_them(name):
    seen = make_rating_model(name, visit_seconds=100.0).fit(data())
    plain = make_rating_model(name).fit(data())
    timeless = make_rating_model(name, visit_seconds=100.0).fit(data(None))
    assert len(seen._scores(np.arange(2, dtype=np.int32))) == 2
    assert not np.array_equal(seen.predict(USERS, ITEMS), plain.predict(USERS, ITEMS))
    assert np.array_equal(timeless.predict(USERS, ITEMS), plain.predict(USERS, ITEMS))
    near, far = seen.predict(["b", "b"], ["y", "z"]) - plain.predict(["b", "b"], ["y", "z"])
    assert np.isfinite([near, far]).all()
