import csv
import shutil
import threading
import time

import numpy as np
import pytest
from tests.pictures import write_class_folders, write_table

from vitrine.catalogue import Catalogue
from vitrine.encoders import make_encoder
from vitrine.errors import ArtifactError, FilterError, InputError, OptionError
from vitrine.ratings import Interactions
from vitrine.shop import Shop, ratings_serving, recommender
from vitrine.shop.ratings_fitting import read_stored
from vitrine.store import RatingStore

KINDS = ("apple", "leaf", "sea")
N_EACH, N_USERS = 8, 30


def rows(n_users=N_USERS, share=0.7):
    """Each user likes one kind of item and not the others; kind and items by a fixed draw."""
    rng = np.random.default_rng(0)
    return [
        (f"u{user}", f"{kind}-{i}", 5.0 if kind == KINDS[user % 3] else 1.0, 100 + user)
        for user in range(n_users)
        for kind in KINDS
        for i in range(N_EACH)
        if rng.random() < share
    ]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    encoder = make_encoder("colour", n_components=3)
    with Shop.create(folder / "shop", Catalogue.read(write_table(folder / "c", N_EACH)), encoder):
        return folder


@pytest.fixture
def shop(made, tmp_path):
    shutil.copytree(made / "shop", tmp_path / "shop")
    with Shop.open(tmp_path / "shop") as shop:
        yield shop


@pytest.fixture
def rated(shop):
    assert shop.ratings.rate_many(rows()).added == len(rows())
    return shop


def kinds(found):
    return [pick.id.split("-")[0] for pick in found.picks]


def test_a_stranger_gets_what_is_popular_and_is_told_so(rated):
    rated.ratings.rate_many([(f"fan {n}", "sea-3", 4, None) for n in range(9)])
    for fitted in (False, True):
        if fitted:
            rated.ratings.fit("ease")
        found = rated.recommend("nobody", k=4)
        assert (found.known, found.model, found.user_id) == (False, "popularity", "nobody")
        assert found.picks[0].id == "sea-3"
        assert found.picks[0].reasons[0].kind == "popular"
        assert str(found.picks[0].reasons[0]) == f"rated by {found.picks[0].score:.0f}"
        assert [pick.id for pick in found.picks] == [p.id for p in rated.ratings.popular(4)]


@pytest.mark.parametrize("model", ["trending", "trend-blend"])
def test_a_stranger_gets_what_is_chosen_now_from_a_model_that_knows_it(rated, model):
    later = 100 * 86_400
    rated.ratings.rate_many([(f"fan {n}", "sea-3", 5, later + n) for n in range(9)])
    rated.ratings.fit(model, half_life_days=1)
    found = rated.recommend("nobody", k=4)
    assert (found.known, found.model) == (False, model)
    assert found.picks[0].id == "sea-3"
    n_raters = sum(item == "sea-3" for _, item, _, _ in rows()) + 9
    assert str(found.picks[0].reasons[0]) == f"rated by {n_raters}"
    assert kinds(rated.recommend("nobody", 4, "category=leaf")) == ["leaf"] * 4
    assert len(rated.recommend("u1", k=4).picks) == 4


def test_the_usual_model_is_one_of_trends_where_most_ratings_have_times(rated):
    rated.ratings.rate_many([(f"fan {n}", "sea-3", 4, None) for n in range(9)])
    assert rated.ratings.fit(random_state=3).kind == "trend-blend"
    assert rated.ratings.info().model_options["random_state"] == 3
    with pytest.raises(OptionError, match="regularization"):
        rated.ratings.fit(regularization=3.0)
    untimed = [(user, item, value, None) for user, item, value, _ in rows()]
    rated.ratings.rate_many(untimed)
    assert rated.ratings.fit().kind == "hybrid"


def test_ratings_without_a_time_count_as_the_earliest(rated):
    rated.ratings.rate_many([("u1", "sea-7", 4, None)])
    data, _ = read_stored(RatingStore(rated._store.engine))
    assert data.timestamps.min() == 100
    untimed = (data.item_codes == data.items.codes(["sea-7"])[0]) & (data.ratings == 4)
    assert data.timestamps[untimed].tolist() == [100]


def test_a_rating_of_the_future_is_refused(rated):
    for ahead in (int(time.time()) + 10 * 86_400, int(time.time() * 1000)):
        with pytest.raises(InputError, match="lies ahead"):
            rated.ratings.rate("cy", "sea-1", 5, ahead)
    rated.ratings.rate("cy", "sea-1", 5, int(time.time()) + 60)


def test_new_items_do_not_stop_a_blend_whose_model_knows_none(rated, tmp_path):
    table = write_table(tmp_path / "more", N_EACH + 1)
    rated.ratings.fit("trend-blend", personal="ease", half_life_days=1)
    rated.add(Catalogue.read(table))
    with Shop.open(rated._store.folder) as again:
        everything = len(again.item_ids)
        assert everything > N_EACH * len(KINDS)
        assert again.recommend("u1", k=3).known
        assert len(again.recommend("nobody", k=everything).picks) == everything


def test_a_stranger_is_served_while_another_process_fits(rated, monkeypatch):
    rated.ratings.fit("trending", half_life_days=1)
    reading, first = recommender.Serving, []

    def gone_at_first(store, model_id):
        if not first:
            first.append(model_id)
            raise ArtifactError("there is no manifest.json")
        return reading(store, model_id)

    monkeypatch.setattr(recommender, "Serving", gone_at_first)
    assert rated.recommend("nobody", k=3).model == "popularity"
    assert rated.recommend("nobody", k=3).model == "trending"


def test_what_is_rated_by_hand_is_of_this_moment(rated):
    before = int(time.time())
    rated.ratings.rate("cy", "sea-1", 5)
    assert before <= rated.ratings.history("cy")[0].timestamp <= time.time()
    rated.ratings.rate("cy", "sea-2", 5, 7)
    assert rated.ratings.history("cy")[1].timestamp == 7


@pytest.mark.parametrize(
    "model", ["ease", "item-knn", "svd", "hybrid", "mult-vae", "content-profile", "visual-knn"]
)
def test_a_user_gets_what_the_user_likes_with_the_reasons(rated, model):
    options = {"ease": {"regularization": 3.0}, "hybrid": {"regularization": 3.0},
               "item-knn": {"shrinkage": 1.0}, "svd": {"n_factors": 4}}  # fmt: skip
    rated.ratings.fit(model, **options.get(model, {}))
    own = {row.id for row in rated.ratings.history("u1")}
    left = [f"leaf-{i}" for i in range(N_EACH) if f"leaf-{i}" not in own]
    found = rated.recommend("u1", k=len(left))
    assert (found.known, found.model) == (True, model)
    assert {pick.id for pick in found.picks} == set(left)
    for pick in found.picks:
        assert pick.attributes["category"] == "leaf"
        assert pick.reasons
        assert all(reason.item_id in own and reason.value == 5 for reason in pick.reasons)
        shares = [reason.weight for reason in pick.reasons]
        assert shares == sorted(shares, reverse=True)
        assert 0 < sum(shares) <= 1 + 1e-6
    if model not in ("ease", "hybrid", "mult-vae", "content-profile"):
        assert all(1 <= pick.score <= 5 for pick in found.picks)


def test_new_ratings_change_the_picks_at_once_without_a_new_fit(rated):
    rated.ratings.fit("ease", regularization=3.0)
    assert not rated.recommend("new").known
    rated.ratings.rate("new", "sea-1", 5)
    found = rated.recommend("new", k=5)
    assert found.known
    assert set(kinds(found)) == {"sea"}
    rated.ratings.rate_many([("new", f"apple-{i}", 5, None) for i in range(4)])
    rated.ratings.rate("new", "sea-1", 1)
    assert set(kinds(rated.recommend("new", k=3))) == {"apple"}
    assert rated.ratings.info().ratings_since == 5
    rated.ratings.remove("new", [f"apple-{i}" for i in range(4)])
    assert [row.id for row in rated.ratings.history("new")] == ["sea-1"]


def test_k_filters_and_what_was_seen(rated):
    rated.ratings.fit("ease")
    seen = {row.id for row in rated.ratings.history("u0")}
    assert len(rated.recommend("u0", k=100).picks) == 3 * N_EACH - len(seen)
    assert seen.isdisjoint(pick.id for pick in rated.recommend("u0", k=100).picks)
    assert len(rated.recommend("u0", k=100, exclude_seen=False).picks) == 3 * N_EACH
    only = rated.recommend("u0", k=5, where="category=sea and price>=22", exclude_seen=False)
    assert len(only.picks) == 5
    assert all(p.attributes["category"] == "sea" for p in only.picks)
    assert rated.recommend("u0", where="category=sock").picks == []
    assert len(rated.ratings.popular(3, "category=sea")) == 3
    with pytest.raises(OptionError, match="1 or more"):
        rated.recommend("u0", k=0)
    with pytest.raises(FilterError, match="no attribute"):
        rated.recommend("u0", where="colour=red")


@pytest.mark.parametrize(
    ("model", "options"),
    [
        ("hybrid", {"regularization": 3.0}),
        ("mult-vae", {}),
        ("content-profile", {}),
        ("rank-blend", {"models": [["implicit-als", {}], ["mult-vae", {}]]}),
    ],
)
def test_an_item_that_came_after_the_fit_is_recommended_by_its_picture(
    rated, tmp_path, model, options
):
    rated.ratings.fit(model, **options)
    later = write_class_folders(tmp_path / "later", n_each=1, first_seed=50)
    rated.add(Catalogue.read(later))
    found = rated.recommend("u2", k=30)
    places = {pick.id: place for place, pick in enumerate(found.picks)}
    new = {item for item in rated.item_ids if item.split("/")[-1].split("-")[-1].startswith("50")}
    assert len(new) == 3
    best = min(new, key=places.__getitem__)
    assert "sea" in best  # what looks like what this user likes comes first
    reasons = found.picks[places[best]].reasons
    assert {reason.kind for reason in reasons} == {"looks"}
    assert all(reason.item_id.startswith("sea") for reason in reasons)


def test_nobody_waits_while_items_that_came_meanwhile_are_placed(rated, tmp_path, monkeypatch):
    rated.ratings.fit("hybrid", regularization=3.0)
    before = [pick.id for pick in rated.recommend("u2", k=30).picks]
    place, go_on = ratings_serving.Serving._grown, threading.Event()

    def wait_and_place(serving, features):
        assert go_on.wait(60)
        return place(serving, features)

    monkeypatch.setattr(ratings_serving.Serving, "_grown", wait_and_place)
    rated.add(Catalogue.read(write_class_folders(tmp_path / "later", n_each=1, first_seed=50)))
    assert [pick.id for pick in rated.recommend("u2", k=30).picks] == before
    go_on.set()
    rated.ratings._recommender._serving._growing.join(60)
    assert len(rated.recommend("u2", k=30).picks) == len(before) + 3


def test_rated_items_outside_the_catalogue_and_items_nobody_rated_are_normal(rated):
    rated.ratings.rate_many([("u0", "gone", 5, None), ("u3", "gone", 5, None)])
    rated.remove(["apple-0"])
    for model in ("ease", "svd"):
        rated.ratings.fit(model)
        picks = {pick.id for pick in rated.recommend("u1", k=50, exclude_seen=False).picks}
        assert picks == set(rated.item_ids)
    info = rated.ratings.info()
    assert info.items_outside_catalogue == 2
    assert (info.users, info.items, info.model) == (N_USERS, 25, "svd")
    assert [row.attributes for row in rated.ratings.history("u0") if row.id == "gone"] == [None]


def test_another_process_sees_ratings_and_models_within_a_second(rated):
    with Shop.open(rated.path) as other:
        assert not other.recommend("new").known
        rated.ratings.rate("new", "leaf-2", 5)
        rated.ratings.fit("ease", regularization=3.0)
        assert set(kinds(other.recommend("new", k=4))) == {"leaf"}
        before = other.ratings.popular(1)[0].score
        rated.ratings.rate_many([(f"v{n}", "sea-0", 5, None) for n in range(40)])
        assert other.ratings.popular(1)[0].id == "sea-0"
        assert other.ratings.popular(1)[0].score > before
        rated.ratings.fit("popularity")
        assert other.recommend("new").model == "popularity"


def test_files_are_added_with_what_is_refused_listed(shop, tmp_path):
    path = tmp_path / "ratings.csv"
    path.write_text("user,item,stars,date\na,apple-1,5,2026-01-02\nb,apple-1,many,\nb,leaf-1,4,\n"
                    "a,apple-1,3,2026-01-01\nb,leaf-2,nan,\n")  # fmt: skip
    result = shop.ratings.add(path)
    assert (result.added, len(result.rejected)) == (1, 3)
    with open(shop.ratings.rejected_path, newline="") as file:
        refused = [(row["row"], row["reason"].split(" '")[0]) for row in csv.DictReader(file)]
    assert refused == [("2", "the rating"), ("3", "the time"), ("5", "the rating")]
    assert [(row.id, row.value) for row in shop.ratings.history("a")] == [("apple-1", 5.0)]
    again = shop.ratings.add(path)
    assert (again.added, again.unchanged) == (0, 1)


def test_implicit_feedback_sums_repeats_and_is_kept_apart(shop, tmp_path):
    path = tmp_path / "bought.csv"
    path.write_text("customer,product\na,apple-1\na,apple-1\nb,leaf-1\n")
    assert shop.ratings.add(path, feedback="implicit").added == 2
    assert shop.ratings.history("a")[0].value == 2.0
    with pytest.raises(OptionError, match="holds one kind"):
        shop.ratings.add(path, feedback="explicit")
    with pytest.raises(InputError, match="above 0"):
        shop.ratings.rate("a", "apple-2", 0)
    assert shop.ratings.rate("a", "apple-2").added == 1
    shop.ratings.add(Interactions.from_arrays([7], ["apple-3"], feedback="implicit"))
    assert [row.id for row in shop.ratings.history(7)] == ["apple-3"]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ((None, "x", 1, None), "the id None"),
        (("a", "", 1, None), "1 to 1000 characters"),
        (("a", True, 1, None), "neither text nor a number"),
        (("a", "x", "5", None), "not a number"),
        (("a", "x", float("nan"), None), "not a finite number"),
        (("a", "x", float("inf"), None), "not a finite number"),
        (("a", "x", 1, "noon"), "seconds since 1970"),
        (("a", "x", 1, float("inf")), "seconds since 1970"),
    ],
)
def test_bad_ratings_are_refused_one_by_one(shop, row, message):
    with pytest.raises(InputError, match=message):
        shop.ratings.rate(*row)
    result = shop.ratings.rate_many([("a", "leaf-1", 3, 1.0), row, (7.0, "leaf-1", 2, None)])
    assert result.added == 2
    assert [rejection.row for rejection in result.rejected] == [2]
    assert [item.id for item in shop.ratings.history("7")] == ["leaf-1"]


def test_a_forgotten_user_is_a_stranger_again(rated):
    rated.ratings.fit("svd", n_factors=2)
    assert rated.recommend("u4").known
    n = len(rated.ratings.history("u4"))
    assert rated.ratings.forget("u4") == n > 0
    assert not rated.recommend("u4").known
    assert rated.ratings.info().users == N_USERS - 1


def test_what_cannot_be_fitted_says_what_to_do(shop):
    with pytest.raises(InputError, match="vitrine ratings add"):
        shop.ratings.fit("svd")
    shop.ratings.rate("a", "leaf-1", 3)
    with pytest.raises(OptionError, match="did you mean 'svd'"):
        shop.ratings.fit("svdd")
    with pytest.raises(OptionError, match="no parameter 'factors'"):
        shop.ratings.fit("svd", factors=3)
    assert shop.ratings.info().model is None


def test_a_retrained_encoder_leaves_the_model_serving(rated):
    rated.ratings.fit("hybrid", regularization=3.0)
    before = [pick.id for pick in rated.recommend("u0", k=3).picks]
    rated.retrain(make_encoder("colour", n_components=2))
    assert [pick.id for pick in rated.recommend("u0", k=3).picks] == before
