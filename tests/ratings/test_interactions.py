import numpy as np
import pytest

from vitrine.errors import ArtifactError, InputError, OptionError
from vitrine.ratings.ids import Ids, encode
from vitrine.ratings.interactions import Interactions, known_times


def small(**options):
    return Interactions.from_arrays(
        ["ann", "bob", "ann", "ann"], [7, 7, 9, 7], [1, 2, 3, 5], **options
    )


class TestIds:
    def test_numbers_ids_in_order_of_appearance(self):
        ids, codes = encode(np.array(["b", "a", "b"]))
        assert ids.values == ("b", "a")
        assert codes.tolist() == [0, 1, 0]

    def test_numpy_and_python_numbers_are_the_same_id(self):
        ids, _ = encode(np.array([5, 3]))
        assert ids.codes([3, np.int64(5), "5"]).tolist() == [1, 0, -1]

    def test_ids_of_mixed_types_survive_saving(self):
        ids = Ids([1, "1", "ä", 2.5])
        assert Ids.from_bytes(ids.to_bytes()) == ids

    def test_any_hashable_is_an_id_but_only_plain_ones_are_saved(self):
        ids, codes = encode([(1, 2), (3, 4), (1, 2)])
        assert codes.tolist() == [0, 1, 0]
        with pytest.raises(ArtifactError, match="tuple"):
            ids.to_bytes()

    @pytest.mark.parametrize("missing", [None, float("nan")])
    def test_refuses_missing_ids(self, missing):
        with pytest.raises(InputError, match="give every row an id"):
            encode(["a", missing])

    def test_extended_keeps_the_old_codes(self):
        assert Ids(["a"]).extended(["b", "a", "b"]).values == ("a", "b")


class TestDuplicates:
    def test_the_last_row_wins_by_default(self):
        assert small().ratings.tolist() == [5, 3, 2]

    def test_the_latest_time_wins_over_the_last_row(self):
        assert small(timestamps=[9, 1, 1, 2]).ratings.tolist() == [1, 3, 2]

    def test_mean(self):
        assert small(duplicates="mean").ratings.tolist() == [3, 3, 2]

    def test_implicit_weights_are_summed(self):
        assert small(feedback="implicit").ratings.tolist() == [6, 3, 2]

    def test_unknown_rule(self):
        with pytest.raises(OptionError, match="first"):
            small(duplicates="first")


class TestInteractions:
    def test_rows_by_user_and_by_item(self):
        data = small()
        assert data.by_user.indptr.tolist() == [0, 2, 3]
        assert data.by_user.indices.tolist() == [0, 1, 0]
        assert data.by_item.indptr.tolist() == [0, 2, 3]
        assert data.by_item.indices.tolist() == [0, 1, 0]
        assert data.by_item.ratings.tolist() == [5, 2, 3]
        assert data.by_item.counts.tolist() == [2, 1]
        assert data.by_user.matrix(2).toarray().tolist() == [[5, 3], [2, 0]]

    def test_row_order_of_the_input_changes_only_the_codes(self):
        rng = np.random.default_rng(0)
        users, items = rng.integers(0, 9, 200), rng.integers(0, 9, 200)
        ratings = rng.random(200)
        shuffled = rng.permutation(200)
        one = Interactions.from_arrays(users, items, ratings, np.arange(200))
        two = Interactions.from_arrays(
            users[shuffled], items[shuffled], ratings[shuffled], np.arange(200)[shuffled]
        )
        triples = [
            sorted(zip(data.user_ids, data.item_ids, data.ratings, strict=True))
            for data in (one, two)
        ]
        assert triples[0] == triples[1]

    def test_select_keeps_ids_and_compact_drops_them(self):
        chosen = small(timestamps=[1, 2, 3, 4]).select(np.array([False, True, False]))
        assert (chosen.n_users, chosen.n_items, len(chosen)) == (2, 2, 1)
        assert chosen.timestamps.tolist() == [3]
        compact = chosen.compact()
        assert compact.users.values == ("ann",)
        assert compact.items.values == (9,)

    def test_liked_makes_implicit_feedback(self):
        liked = small().liked(3)
        assert liked.feedback == "implicit"
        assert liked.ratings.tolist() == [1, 1]
        assert liked.item_ids == [7, 9]

    def test_with_items_adds_unrated_ones(self):
        assert small().with_items([9, 11]).items.values == (7, 9, 11)

    @pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300])
    def test_refuses_ratings_that_are_not_finite(self, bad):
        with pytest.raises(InputError, match="row 1"):
            Interactions.from_arrays([1, 2], [1, 2], [1.0, bad])

    @pytest.mark.parametrize(
        ("users", "items", "ratings"),
        [([], [], []), ([1], [1, 2], [1]), ([1], [1], [1, 2]), ([1], [1], ["x"]), ([1], [1], None)],
    )
    def test_refuses_what_does_not_fit_together(self, users, items, ratings):
        with pytest.raises(InputError):
            Interactions.from_arrays(users, items, ratings)

    def test_implicit_weights_must_be_above_zero(self):
        with pytest.raises(InputError, match="above 0"):
            Interactions.from_arrays([1], [1], [0], feedback="implicit")

    def test_unknown_feedback(self):
        with pytest.raises(OptionError, match="guessed"):
            Interactions.from_arrays([1], [1], [1], feedback="guessed")


def test_rows_are_taken_in_any_order():
    data = Interactions.from_arrays([0, 0, 1, 2], [5, 6, 6, 7], [1.0, 2.0, 3.0, 4.0])
    taken = data.by_user.take(np.array([2, 0, 0]))
    assert taken.counts.tolist() == [1, 2, 2]
    assert taken.ratings.tolist() == [4, 1, 2, 1, 2]
    assert taken.indices.tolist() == [2, 0, 1, 0, 1]
    assert data.by_user.take(np.array([], int)).counts.tolist() == []


def test_missing_times_count_as_the_earliest_where_half_are_known():
    assert known_times([5, None, 3, 9]).tolist() == [5, 3, 3, 9]
    assert known_times([5.0, float("nan")]).tolist() == [5, 5]
    assert known_times([5, None, None]) is None
    assert known_times([None]) is None
    assert known_times([]) is None
