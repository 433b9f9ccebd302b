import numpy as np
import pytest

from vitrine.errors import OptionError
from vitrine.evaluation.ratings import make_splits
from vitrine.ratings import Interactions


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    pairs = rng.choice(20 * 30, 300, replace=False)
    return Interactions.from_arrays(
        pairs // 30, pairs % 30, rng.integers(1, 6, 300), rng.permutation(300)
    )


def rows(data):
    times = data.timestamps.tolist()
    return set(zip(data.user_ids, data.item_ids, data.ratings.tolist(), times, strict=True))


NAMES = [
    "folds:4",
    "leave-last-out",
    "global-time",
    "cold-items",
    "cold-users:4",
    "share-of-each-user",
]


@pytest.mark.parametrize("name", NAMES)
def test_every_rating_is_on_one_side_and_unchanged(name, data):
    for split in make_splits(name, data):
        assert rows(split.train) | rows(split.test) == rows(data)
        assert not rows(split.train) & rows(split.test)


@pytest.mark.parametrize("name", NAMES)
def test_the_training_part_knows_nobody_without_a_rating(name, data):
    for split in make_splits(name, data):
        assert set(split.train.users.values) == set(split.train.user_ids)
        assert set(split.train.items.values) == set(split.train.item_ids)


def test_folds_cover_everything_once(data):
    tests = [rows(split.test) for split in make_splits("folds:4", data)]
    assert [len(test) for test in tests] == [75] * 4
    assert set().union(*tests) == rows(data)


def test_the_seed_decides(data):
    first, again, other = (
        rows(next(make_splits("folds:4", data, random_state=seed)).test) for seed in (1, 1, 2)
    )
    assert first == again != other


def test_leave_last_out_asks_for_the_latest_of_each_user(data):
    (split,) = make_splits("leave-last-out:2", data)
    assert set(split.test.by_user.counts) == {2}
    latest = {}
    for user, _, _, time in rows(split.train):
        latest[user] = max(latest.get(user, 0), time)
    assert all(time > latest[user] for user, _, _, time in rows(split.test))


def test_global_time_learns_from_the_past_only(data):
    (split,) = make_splits("global-time:0.25", data)
    assert split.train.timestamps.max() < split.test.timestamps.min()
    assert len(split.test) == pytest.approx(75, abs=1)


def test_cold_items_lose_all_their_ratings(data):
    splits = list(make_splits("cold-items:0.2", data))
    assert len(splits) == 5
    for split in splits:
        assert len(split.test.items) == 6
        assert not set(split.train.items.values) & set(split.test.items.values)


def test_cold_users_lose_all_their_ratings_each_once(data):
    splits = list(make_splits("cold-users:4", data))
    asked = sorted(user for split in splits for user in split.test.users.values)
    assert asked == sorted(data.users.values)
    for split in splits:
        assert not set(split.train.user_ids) & set(split.test.user_ids)


def test_share_of_each_user(data):
    (split,) = make_splits("share-of-each-user:0.3", data)
    kept = dict(zip(split.train.users.values, split.train.by_user.counts, strict=True))
    for user, n in zip(split.test.users.values, split.test.by_user.counts, strict=True):
        assert n == round(0.3 * (n + kept[user]))


def test_given_folds_are_read_from_their_folder(tmp_path):
    for number in (1, 2):
        (tmp_path / f"u{number}.base").write_text("1\t1\t5\t1\n2\t1\t4\t2\n")
        (tmp_path / f"u{number}.test").write_text("1\t2\t3\t3\n")
    splits = list(make_splits("given:u1..u2", folder=tmp_path))
    assert [split.name for split in splits] == ["u1", "u2"]
    assert [(len(split.train), len(split.test)) for split in splits] == [(2, 1), (2, 1)]


@pytest.mark.parametrize(
    "name",
    ["holdout", "folds:1", "folds:x", "global-time:2", "cold-items:0", "given:u1", "given:a..b"],
)
def test_unknown_or_impossible_splits_say_so(name, data, tmp_path):
    with pytest.raises(OptionError):
        list(make_splits(name, data, folder=tmp_path))


def test_splits_by_time_need_timestamps(data):
    timeless = Interactions.from_arrays(data.user_ids, data.item_ids, data.ratings)
    for name in ("leave-last-out", "global-time"):
        with pytest.raises(OptionError, match="timestamps"):
            list(make_splits(name, timeless))
