"""Hostile ratings: refused by row with the reason, or learned from without a number going wrong."""

from __future__ import annotations

import os
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.pictures import write_table
from vitrine.catalogue import Catalogue
from vitrine.encoders import make_encoder
from vitrine.errors import InputError, SourceError, TrainingError
from vitrine.ratings.features import UserFeatures
from vitrine.ratings.interactions import Interactions
from vitrine.ratings.reading import read_interactions
from vitrine.ratings.registry import make_rating_model, rating_model_class, rating_model_names
from vitrine.shop import Shop

N_GREEDY = int(os.environ.get("VITRINE_GREEDY_RATINGS", "50000"))
"""Ratings of one user; the guarantees' table has what a million come to."""

QUICK = {"n_epochs": 2, "n_iterations": 2, "n_samples": 2, "burn_in": 1, "n_factors": 4}


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("nan", "not a finite number"), ("NaN", "not a finite number"),
        ("inf", "not a finite number"), ("-Infinity", "not a finite number"),
        ("1e999", "not a finite number"), ("1e38", "over 1e+09"), ("4e38", "over 1e+09"),
        ("", "is not a number"), ("five", "is not a number"), ("=5", "is not a number"),
        ("5,0", "fields"), ("0x5", "is not a number"), ("1_0", None), ("٥", None),
        ("5" * 400, "not a finite number"),
    ],
)  # fmt: skip
def test_a_value_that_is_no_rating_is_refused_alone(tmp_path, value, says):
    rows = f"user,item,rating\na,x,4\nb,y,{value}\nc,z,2\n"
    reading = read_interactions(write(tmp_path / "r.csv", rows))
    refused = {row.row: row.reason for row in reading.rejected}
    if says is None:
        assert (len(reading.interactions), refused) == (3, {})
        return
    assert list(refused) == [2]
    assert says in refused[2]
    assert len(reading.interactions) == 2


def test_a_cell_of_a_megabyte_does_not_lose_the_others(tmp_path):
    rows = f"user,item,rating\na,x,4\n{'u' * 10**6},y,3\nc,z,2\n"
    reading = read_interactions(write(tmp_path / "r.csv", rows))
    assert len(reading.interactions) == 2
    assert [row.row for row in reading.rejected] == [2]


@pytest.mark.parametrize("text", ["", "\n", "user,item,rating\n", "user,item,rating\na,b,x\n",
                                  "\ufeff", "[]", "a\0b,c,d\n"])  # fmt: skip
def test_nothing_to_read_is_one_clear_error(tmp_path, text):
    with pytest.raises(SourceError, match=r"r\.csv"):
        read_interactions(write(tmp_path / "r.csv", text))


HOSTILE = {
    "all equal": [(u, i, 3.0) for u in range(12) for i in range(8)],
    "one rating": [(0, 0, 5.0)],
    "one user": [(0, i, float(i % 5)) for i in range(30)],
    "one item": [(u, 0, float(u % 5)) for u in range(30)],
    "huge": [(u, i, 1e8 if (u + i) % 2 else -1e8) for u in range(8) for i in range(8)],
    "tiny": [(u, i, 1e-30 * (u + i)) for u in range(8) for i in range(8)],
    "out of scale": [(u, i, 1e6 if u == i else 1.0) for u in range(8) for i in range(8)],
    "one pair again and again": [(0, 0, float(n % 5)) for n in range(500)] + [(1, 1, 1.0)],
    "one user with all of it": [(0, i, float(i % 5 + 1)) for i in range(400)] + [(1, 1, 2.0)],
}


@pytest.mark.parametrize("data", HOSTILE)
@pytest.mark.parametrize("name", rating_model_names())
def test_every_model_learns_or_says_why_not(name, data):
    """Whatever the numbers: no warning, no score that is none, no error that is not ours."""
    users, items, values = zip(*HOSTILE[data], strict=True)
    feedback = "explicit" if rating_model_class(name).predicts_ratings else "implicit"
    values = np.abs(values) + (feedback == "implicit")
    interactions = Interactions.from_arrays(
        users, items, values, feedback=feedback, duplicates="last"
    )
    model = make_rating_model(name)
    known = model.get_params(deep=False)
    model.set_params(**{key: value for key, value in QUICK.items() if key in known})
    try:
        model.fit(interactions)
    except (InputError, TrainingError):
        return
    assert np.isfinite(model.predict(users[:3], items[:3])).all()
    [picks] = model.recommend(users[:1], 3, exclude_seen=False)
    assert len(picks) == min(3, len(set(items)))
    assert np.isfinite([pick.score for pick in picks]).all()


FACTS = {
    "one person": (["0"], {"sex": ["f"]}, [[30.0]]),
    "nobody who rated": (["x", "y"], {"sex": ["f", "m"]}, [[1.0], [2.0]]),
    "all alike": ([str(u) for u in range(8)], {"sex": ["f"] * 8}, [[5.0]] * 8),
    "huge": ([str(u) for u in range(8)], {"sex": list("abcdefgh")}, [[1e15 * u] for u in range(8)]),
    "nothing": ([], {"sex": []}, np.zeros((0, 1))),
}


@pytest.mark.parametrize("facts", FACTS)
@pytest.mark.parametrize("name", ["user-profile", "rank-stack"])
def test_whatever_is_known_of_people_is_learned_or_refused(name, facts):
    ids, columns, ages = FACTS[facts]
    told = UserFeatures.from_columns(ids, columns, {"age": np.array(ages)})
    rows = [(str(u), i) for u in range(8) for i in range(8) if (u * i) % 3]
    users, items = (list(column) for column in zip(*rows, strict=True))
    data = Interactions.from_arrays(users, items, feedback="implicit").described_by(told)
    model = make_rating_model(name, **({} if name == "user-profile" else {"n_draws": 1}))
    try:
        model.fit(data)
    except InputError:
        return
    for user in ("0", "1", "x", "nobody"):
        [picks] = model.recommend([user], 3, exclude_seen=False)
        assert len(picks) == 3
        assert np.isfinite([pick.score for pick in picks]).all()


ID = st.text(max_size=6) | st.integers(-(2**70), 2**70) | st.none() | st.floats()
NUMBER = st.floats() | st.integers(-(2**70), 2**70) | st.text(max_size=4) | st.none()


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rated")
    catalogue = Catalogue.read(write_table(folder / "catalogue", 2))
    with Shop.create(folder / "shop", catalogue, make_encoder("pixels")) as made:
        yield made


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(rows=st.lists(st.tuples(ID, ID, NUMBER, NUMBER), max_size=6))
def test_any_rows_are_taken_or_refused_one_by_one(shop, rows):
    before = shop.ratings.info().ratings
    result = shop.ratings.rate_many([("sure", "apple-0", 4.0, None), *rows])
    assert result.added + result.updated + result.unchanged + len(result.rejected) == 1 + len(rows)
    assert shop.ratings.info().ratings >= before
    assert np.isfinite([pick.score for pick in shop.recommend("sure", 3).picks]).all()


@pytest.mark.slow
def test_a_user_who_rates_very_much_costs_what_the_ratings_cost(tmp_path):
    def rows(first, last):
        return [f"greedy,thing-{n},{n % 5 + 1}\n" for n in range(first, last)]

    some = [f"user-{n % 40},apple-{n // 40},{n % 5 + 1}\n" for n in range(400)]
    half = [*rows(0, N_GREEDY // 2), *some]
    parts = [half, rows(N_GREEDY // 2, N_GREEDY)]
    seconds = []
    catalogue = Catalogue.read(write_table(tmp_path / "catalogue", 10))
    with Shop.create(tmp_path / "shop", catalogue, make_encoder("pixels")) as shop:
        for part in parts:
            file = write(tmp_path / "r.csv", "user,item,rating\n" + "".join(part))
            started = time.process_time()
            assert shop.ratings.add(file).added == len(part)
            seconds.append(time.process_time() - started)
        assert seconds[1] < 2 * seconds[0]  # whatever the user has rated before
        for model in ("popularity", "biases", "implicit-als"):
            shop.ratings.fit(model)
            for user in ("greedy", "user-3"):
                picks = shop.recommend(user, 3).picks
                assert len(picks) == 3
                assert np.isfinite([pick.score for pick in picks]).all()
        assert shop.ratings.forget("greedy") == N_GREEDY
