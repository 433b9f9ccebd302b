import numpy as np
import pyarrow as pa
import pytest

from vitrine.cli.main import run
from vitrine.errors import OptionError
from vitrine.ratings import Interactions, load_rating_model, make_rating_model, read_interactions
from vitrine.ratings.folding_neighbours import folding
from vitrine.ratings.mllib import SparkALS, SparkImplicitALS
from vitrine.spark.factorizing import make_als

pytestmark = pytest.mark.java


def mllib(spark, interactions, **options):
    """MLlib called directly."""
    from pyspark.ml.recommendation import ALS

    columns = {
        "user": interactions.user_codes,
        "item": interactions.item_codes,
        "rating": interactions.ratings,
    }
    als = ALS(userCol="user", itemCol="item", ratingCol="rating", **options)
    return als.fit(spark.createDataFrame(pa.table(columns)))


@pytest.mark.shared_data
def test_rmse_on_movielens_is_that_of_mllib(spark, shared_data):
    train = read_interactions(shared_data / "ml-100k" / "u1.base").interactions
    test = read_interactions(shared_data / "ml-100k" / "u1.test").interactions
    users = train.users.codes(test.users.take(test.user_codes))
    items = train.items.codes(test.items.take(test.item_codes))
    known = (users >= 0) & (items >= 0)
    options = {"n_factors": 10, "n_epochs": 4, "regularization": 0.1, "random_state": 5}
    model = make_als(spark, implicit=False, **options).fit(train)
    direct = mllib(spark, train, rank=10, maxIter=4, regParam=0.1, seed=5)
    asked = {"user": users[known], "item": items[known], "rating": test.ratings[known]}
    answered = direct.transform(spark.createDataFrame(pa.table(asked))).toArrow()
    errors = answered["prediction"].to_numpy() - answered["rating"].to_numpy()
    theirs = np.sqrt(np.mean(errors**2))
    raw = model._predict(users[known], items[known])
    ours = np.sqrt(np.mean((raw - test.ratings[known]) ** 2))
    assert ours == pytest.approx(theirs, abs=1e-4)
    assert 0.90 < ours < 1.0
    clipped = model.predict_codes(users, items)
    assert np.sqrt(np.mean((clipped - test.ratings) ** 2)) < ours + 0.01


@pytest.fixture(scope="module")
def two_tastes():
    """60 users who like either the first or the last of 20 items; explicit and implicit."""
    rng = np.random.default_rng(0)
    users = np.repeat(np.arange(60), 8)
    items = np.concatenate([rng.choice(20, 8, replace=False) for _ in range(60)])
    likes = (items < 10) == (users < 30)
    explicit = Interactions.from_arrays(users, items, np.where(likes, 5.0, 1.0))
    implicit = Interactions.from_arrays(
        users[likes], items[likes], rng.integers(1, 4, likes.sum()), feedback="implicit"
    )
    return explicit, implicit


@pytest.mark.parametrize("implicit", [False, True])
def test_folding_in_is_mllibs_own_half_step(spark, two_tastes, implicit):
    interactions = two_tastes[implicit]
    model = make_als(spark, implicit=implicit, n_factors=4, n_epochs=10, alpha=3.0)
    model.fit(interactions)
    kept = load_rating_model(model.to_artifact())
    assert type(kept) is (SparkImplicitALS if implicit else SparkALS)
    assert kept.predicts_ratings is not implicit
    # MLlib solves users last but one: after many rounds a user's own ratings give its row again.
    serving = folding(kept)
    rows = kept.seen_
    for user in (0, 45):
        span = slice(rows.indptr[user], rows.indptr[user + 1])
        scores = serving.scores(rows.indices[span], rows.ratings[span].astype(float))
        own = kept._scores(np.array([user]))[0]
        assert np.corrcoef(scores, own)[0, 1] > 0.999
        np.testing.assert_allclose(scores, own, atol=0.05 * np.ptp(own))
    shares = serving.contributions(rows.indices[span], rows.ratings[span], np.array([0, 19]))
    sums = shares.sum(axis=1)
    np.testing.assert_allclose(sums, scores[[0, 19]], atol=1e-6)


def test_who_is_not_known_gets_what_is_usual(spark, two_tastes):
    explicit, implicit = two_tastes
    model = make_als(spark, implicit=False, n_factors=3).fit(explicit)
    mean = explicit.ratings.mean()
    assert model.predict(["nobody"], ["nothing"])[0] == pytest.approx(mean)
    assert model.predict([0], ["nothing"])[0] == pytest.approx(mean)
    assert len(model.recommend(["nobody"], 5)[0]) == 5
    chosen = make_als(spark, implicit=True, n_factors=3).fit(implicit)
    assert chosen.predict([0], ["nothing"])[0] == 0


def test_without_spark_it_says_where_it_is_fitted(two_tastes):
    with pytest.raises(OptionError, match="vitrine spark als"):
        make_rating_model("spark-als").fit(two_tastes[0])


def test_the_command_brings_factors_into_the_shop(spark, made, tmp_path, capsys):
    shop, _ = made
    rng = np.random.default_rng(1)
    ids = np.array(shop.item_ids)
    users = np.repeat([f"user-{i}" for i in range(40)], 12)
    items = np.concatenate([rng.choice(ids, 12, replace=False) for _ in range(40)])
    # Even users like what is called apple, odd ones the rest.
    even = np.array([int(user.split("-")[1]) % 2 == 0 for user in users])
    apple = np.array([item.startswith("apple") for item in items])
    folder = tmp_path / "ratings.parquet"
    table = pa.table({"user": users, "item": items, "rating": np.where(even == apple, 5.0, 1.0)})
    spark.createDataFrame(table).write.parquet(str(folder))
    arguments = ["spark", "als", str(folder), "--shop", str(shop.path), "--factors", "2"]
    assert run(arguments) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "spark-als fitted on 480 ratings" in said
    shop.refresh()
    picks = shop.recommend("user-2", 3)
    assert picks.model == "spark-als"
    assert picks.picks[0].id.startswith("apple")
    shop.ratings.rate_many([("new", "apple-0", 5.0, None), ("new", "sea-0", 1.0, None)])
    [pick, *_] = shop.recommend("new", 3).picks
    assert pick.id.startswith("apple")
    assert pick.reasons[0].item_id == "apple-0"
    info = shop.ratings.info()
    assert (info.model, info.model_options["n_factors"]) == ("spark-als", 2)
