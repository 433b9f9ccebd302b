"""What a shop knows of people besides their ratings: kept, learned from, forgotten."""

import csv
import json
import shutil

import numpy as np
import pytest
from tests.pictures import write_table

from vitrine.catalogue import Catalogue
from vitrine.encoders import make_encoder
from vitrine.errors import SourceError
from vitrine.ratings import read_users
from vitrine.shop import Shop
from vitrine.shop.ratings_fitting import read_stored
from vitrine.store import RatingStore

KINDS, N_USERS = ("apple", "leaf", "sea"), 30
STRANGER = "somebody new"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A shop in which each user likes one kind of item and not the others."""
    folder = tmp_path_factory.mktemp("made")
    encoder = make_encoder("colour", n_components=3)
    with Shop.create(
        folder / "shop", Catalogue.read(write_table(folder / "c", 8)), encoder
    ) as shop:
        rng = np.random.default_rng(0)
        shop.ratings.rate_many(
            (f"u{user}", f"{kind}-{i}", 5.0 if kind == KINDS[user % 3] else 1.0, user)
            for user in range(N_USERS)
            for kind in KINDS
            for i in range(8)
            if rng.random() < 0.7
        )
    return folder


@pytest.fixture
def rated(made, tmp_path):
    shutil.copytree(made / "shop", tmp_path / "shop")
    with Shop.open(tmp_path / "shop") as shop:
        yield shop


@pytest.fixture
def people(tmp_path):
    """Users 0 to 29 and a stranger: the kind that they like as a segment, and an age."""
    path = tmp_path / "people.csv"
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["customer_id", "segment", "age", "name"])
        for user in range(30):
            writer.writerow([f"u{user}", f"segment {user % 3}", 20 + user // 3 % 2, f"name {user}"])
        writer.writerow([STRANGER, "segment 2", "", "Ann"])
        writer.writerow(["", "segment 2", 30, "nobody"])
        writer.writerow(["u1", "segment 1", 30, "again"])
    return path


def test_are_kept_as_they_are(rated, people):
    result = rated.ratings.describe(people)
    assert (result.added, result.updated, result.unchanged) == (31, 0, 0)
    assert [rejection.row for rejection in result.rejected] == [32, 33]
    assert "is there already" in rated.ratings.rejected_users_path.read_text()
    assert rated.ratings.described("u1") == {"segment": "segment 1", "age": 20, "name": "name 1"}
    assert rated.ratings.described(STRANGER) == {"segment": "segment 2", "name": "Ann"}
    assert rated.ratings.described("nobody") == {}
    assert rated.ratings.info().users_described == 31
    assert rated.ratings.info().users == 30


def test_what_is_new_takes_the_place_of_what_was_known(rated, people, tmp_path):
    rated.ratings.describe(people)
    other = tmp_path / "other.jsonl"
    rows = [
        {"user": "u1", "vip": True},
        {"user": "u2", "segment": "segment 2", "age": 20, "name": "name 2"},
    ]
    other.write_text("\n".join(json.dumps(row) for row in rows))
    result = rated.ratings.describe(read_users(other))
    assert (result.added, result.updated, result.unchanged) == (0, 1, 1)
    assert rated.ratings.described("u1") == {"vip": True}
    assert not rated.ratings.rejected_users_path.exists()


def test_models_are_told_what_says_something(rated, people):
    assert read_stored(RatingStore(rated._store.engine))[0].user_features is None
    rated.ratings.describe(people)
    features = read_stored(RatingStore(rated._store.engine))[0].user_features
    assert sorted(features.blocks) == ["age", "segment"]  # nobody shares a name
    assert features.blocks["segment"].sum() == 31
    assert features.blocks["age"][-1] == 0  # the stranger's is not known: the mean


@pytest.mark.parametrize(
    ("model", "options"),
    [("user-profile", {}), ("rank-stack", {"models": [["ease", {}]], "n_draws": 1})],
)
def test_somebody_who_rated_nothing_gets_what_people_like_that_choose(
    rated, people, model, options
):
    rated.ratings.describe(people)
    rated.ratings.fit(model, **options)
    found = rated.recommend(STRANGER, k=4)
    assert (found.known, found.described, found.model) == (False, True, model)
    assert [pick.id.split("-")[0] for pick in found.picks] == ["sea"] * 4
    assert found.picks[0].reasons[0].kind == "popular"
    assert not rated.recommend("nobody", k=4).described
    rated.ratings.rate(STRANGER, "sea-1", 5)
    assert rated.recommend(STRANGER, k=4).known
    for item in [row.id for row in rated.ratings.history("u4")]:
        rated.ratings.remove("u4", [item])
    assert not rated.recommend("u4", k=4).described  # the model knows ratings that are gone


def test_are_forgotten_with_the_user(rated, people):
    rated.ratings.describe(people)
    assert rated.ratings.forget("u1") > 0
    assert rated.ratings.forget(STRANGER) == 0
    assert rated.ratings.described("u1") == rated.ratings.described(STRANGER) == {}
    assert rated.ratings.info().users_described == 29
    assert b"Ann" not in (rated._store.folder / "shop.db").read_bytes()


def test_go_with_a_copy(rated, people, tmp_path):
    rated.ratings.describe(people)
    copied = tmp_path / "copied"
    rated.close()
    shutil.copytree(tmp_path / "shop", copied)
    with Shop.open(copied) as again:
        assert again.ratings.described("u2")["segment"] == "segment 2"


def test_a_table_that_is_none_changes_nothing(rated, tmp_path):
    with pytest.raises(SourceError, match="no such file"):
        rated.ratings.describe(tmp_path / "nowhere.csv")
    (tmp_path / "odd.csv").write_text("colour,age\nred,3\n")
    with pytest.raises(SourceError, match="looks like the user"):
        rated.ratings.describe(tmp_path / "odd.csv")
    assert rated.ratings.describe(tmp_path / "odd.csv", id_column="colour").added == 1
    assert np.isclose(rated.ratings.described("red")["age"], 3)
