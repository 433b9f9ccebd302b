import numpy as np
import pytest

from vitrine.store import RatingStore, StoredRating


@pytest.fixture
def ratings(store):
    return RatingStore(store.engine)


def rating(user, item_id, value=4.0, timestamp=None):
    return StoredRating(user, item_id, value, timestamp)


def counts(ratings, since=0):
    return {row.item_id: (row.n_ratings, row.total) for row in ratings.counts(since)[1]}


def test_ratings_are_upserted_and_counted(ratings):
    written = ratings.put([rating("ann", "x", 5), rating("ann", "y", 3), rating("bob", "x", 1)],
                          "explicit")  # fmt: skip
    assert written == (3, 0, 0)
    assert counts(ratings) == {"x": (2, 6.0), "y": (1, 3.0)}
    again = ratings.put([rating("ann", "x", 5), rating("ann", "y", 4, 9), rating("bob", "z")],
                        "explicit")  # fmt: skip
    assert again == (1, 1, 1)
    assert counts(ratings) == {"x": (2, 6.0), "y": (1, 4.0), "z": (1, 4.0)}
    assert ratings.history("ann") == [rating("ann", "y", 4.0, 9), rating("ann", "x", 5.0)]


def test_of_several_ratings_of_one_pair_the_last_counts(ratings):
    assert ratings.put([rating("ann", "x", 1), rating("ann", "x", 2)], "explicit") == (1, 0, 0)
    assert ratings.history("ann") == [rating("ann", "x", 2)]
    assert counts(ratings) == {"x": (1, 2.0)}


def test_every_write_takes_a_change_number_and_the_counts_follow_it(store, ratings):
    ratings.put([rating("ann", "x")], "explicit")
    first = ratings.state().change_number
    assert first == store.change_number()
    ratings.put([rating("bob", "y")], "explicit")
    assert counts(ratings, first) == {"y": (1, 4.0)}
    assert ratings.changed_after(first) == 1
    assert ratings.remove("ann", ["x", "nothing"]) == 1
    assert counts(ratings, first + 1) == {"x": (0, 0.0)}
    assert ratings.remove("nobody") == 0


def test_a_user_who_is_forgotten_is_gone_and_the_code_is_not_given_again(ratings):
    others = [rating(f"user {n}", f"item {m}") for n in range(50) for m in range(20)]
    ratings.put(others, "explicit")
    ratings.put([rating("somebody", f"item {m}", 2.5) for m in range(20)], "explicit")
    assert ratings.forget("somebody") == 20
    assert ratings.forget("somebody") == 0
    assert ratings.history("somebody") == []
    assert counts(ratings)["item 3"] == (50, 200.0)
    code = ratings.seen_by("user 49")[1]
    ratings.put([rating("somebody new", "item 1")], "explicit")
    assert ratings.seen_by("somebody new")[1] > code + 1


def test_columns_hold_everything_in_order(ratings):
    ratings.put([rating("b", "y", 2, 7), rating("a", "x", 1, 5), rating("b", "x", 3, 6)],
                "explicit")  # fmt: skip
    columns = ratings.columns()
    assert np.diff(columns.user_codes).tolist() == [0, 1]
    assert [columns.item_ids[code] for code in columns.item_codes.tolist()] == ["y", "x", "x"]
    assert columns.values.tolist() == [2, 3, 1]
    assert columns.timestamps.tolist() == [7, 6, 5]
    assert columns.change_number == ratings.state().change_number
    ratings.put([rating("c", "x", 3)], "explicit")
    assert np.isnan(ratings.columns().timestamps).tolist() == [False, False, False, True]


def test_a_fitted_model_replaces_the_former_one(ratings, store):
    ratings.put([rating("a", "x")], "explicit")
    first = ratings.save_model("ease", {"manifest.json": b"1"}, 1)
    second = ratings.save_model("svd", {"manifest.json": b"2"}, 2)
    state = ratings.state()
    assert (state.model_id, state.model_change_number) == (second, 2)
    assert store.artifact(first) == {}
    assert store.artifact(second) == {"manifest.json": b"2"}
    assert ratings.model_kind(second)[0] == "svd"
