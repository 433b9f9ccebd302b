import csv
import json

import numpy as np
import pytest
from tests.pictures import write_table

from vitrine.cli.main import run

KINDS = ("apple", "leaf", "sea")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A shop and ``ratings.csv``: user n likes one kind of item; some rows are bad."""
    folder = tmp_path_factory.mktemp("ratings")
    table = write_table(folder / "catalogue")
    rng = np.random.default_rng(0)
    with open(folder / "ratings.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["user_id", "item_id", "rating", "time"])
        for user in range(24):
            for place, kind in enumerate(KINDS):
                for i in range(8):
                    if rng.random() < 0.7:
                        value = 5 if place == user % 3 else int(rng.integers(1, 3))
                        writer.writerow([f"u{user}", f"{kind}-{i}", value, 1000 + user * 10 + i])
        writer.writerow(["u1", "leaf-1", "lots", 5])
        writer.writerow(["u1", "elsewhere", 4, 5])
    options = ["--encoder", "colour", "--encoder-option", "n_components=3"]
    assert run(["create", str(folder / "shop"), str(table), *options]) == 0
    return folder


@pytest.fixture
def vitrine(folder, capsys, monkeypatch):
    monkeypatch.chdir(folder)
    capsys.readouterr()

    def call(*arguments, code=0):
        assert run([str(argument) for argument in arguments]) == code
        printed = capsys.readouterr()
        return printed.out if code == 0 else printed.err

    return call


def test_a_new_users_way(vitrine):
    text = vitrine("ratings", "add", "shop", "ratings.csv")
    assert "1 refused" in text
    assert "rejected-ratings.csv" in text
    assert "next: vitrine ratings fit shop" in text
    assert "1 of these items are not in the catalogue" in text
    assert "no model is fitted yet" in vitrine("recommend", "shop", "u1", "-k", 2)
    text = vitrine("ratings", "fit", "shop", "--model", "ease", "--option", "regularization=3")
    assert text.startswith("ease fitted on")
    text = vitrine("recommend", "shop", "u1", "-k", 2)
    assert "leaf" in text
    assert "you rated leaf" in text
    assert "there is no rating by me" in vitrine("recommend", "shop", "me")
    facts = json.loads(vitrine("ratings", "info", "shop", "--json"))
    assert (facts["model"], facts["users"], facts["feedback"]) == ("ease", 24, "explicit")
    assert facts["model_options"]["regularization"] == 3
    assert "ease" in vitrine("ratings", "info", "shop")


def test_the_usual_model(vitrine):
    vitrine("ratings", "add", "shop", "ratings.csv")
    text = vitrine("ratings", "fit", "shop", "--option", "regularization=3", code=2)
    assert "--model NAME" in text
    fitted = vitrine("ratings", "fit", "shop").split()[0]
    assert fitted == "trend-blend"
    text = vitrine("recommend", "shop", "me")
    assert text.startswith("the most popular items, for there is no rating by me")
    vitrine("ratings", "fit", "shop", "--model", "trending", "--option", "half_life_days=1")
    text = vitrine("recommend", "shop", "me")
    assert text.startswith("what is chosen now, for there is no rating by me")


def test_json_for_machines(vitrine):
    added = json.loads(vitrine("ratings", "add", "shop", "ratings.csv", "--json"))
    assert added["rejected"] == 1
    assert added["added"] + added["unchanged"] == added["ratings"]
    fitted = json.loads(vitrine("ratings", "fit", "shop", "--model", "svd", "--option",
                                "n_factors=3", "--json"))  # fmt: skip
    assert fitted["model"] == "svd"
    found = json.loads(vitrine("recommend", "shop", "u2", "--where", "category=sea", "--json"))
    assert found["known"] is True
    assert {pick["attributes"]["category"] for pick in found["picks"]} == {"sea"}
    assert {"kind", "item_id", "value", "weight"} == set(found["picks"][0]["reasons"][0])


def test_removing_and_forgetting(vitrine):
    vitrine("ratings", "add", "shop", "ratings.csv")
    assert "1 removed, 1 were not there" in vitrine(
        "ratings", "remove", "shop", "u1", "elsewhere", "nothing"
    )
    assert json.loads(vitrine("ratings", "forget", "shop", "u23", "--json"))["removed"] > 5
    assert "0 ratings removed" in vitrine("ratings", "forget", "shop", "u23")
    found = json.loads(vitrine("recommend", "shop", "u23", "--json"))
    assert found["known"] is False


def test_what_is_known_of_users(vitrine, folder):
    with open(folder / "people.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["user", "segment"])
        writer.writerows([f"u{user}", f"s{user % 3}"] for user in range(24))
        writer.writerows([["new", "s1"], ["", "s1"]])
    vitrine("ratings", "add", "shop", "ratings.csv")
    text = vitrine("ratings", "users", "shop", "people.csv")
    assert "something is known of 25 users (25 added" in text
    assert "rejected-users.csv (for example: the user is missing)" in text
    assert "next: vitrine ratings fit shop --model rank-stack" in text
    facts = json.loads(vitrine("ratings", "users", "shop", "people.csv", "--json"))
    assert facts == {
        "users_described": 25, "added": 0, "updated": 0, "unchanged": 25, "rejected": 1,
    }  # fmt: skip
    assert "age" in vitrine("ratings", "users", "--help")
    vitrine("ratings", "fit", "shop", "--model", "user-profile", "--option", "prior=20")
    text = vitrine("recommend", "shop", "new", "-k", 2)
    assert "what people like new choose" in text
    assert "leaf-" in text
    options = ["--split", "cold-users:3", "--models", "popularity,user-profile:prior=20", "--json"]
    blind = json.loads(vitrine("ratings", "compare", "ratings.csv", *options[:-3],
                               "--models", "popularity", "--json"))  # fmt: skip
    rows = json.loads(
        vitrine("ratings", "compare", "ratings.csv", "--users", "people.csv", *options)
    )
    by_name = {row["model"]: row["ndcg_at_20"] for row in rows}
    assert by_name["popularity"] == blind[0]["ndcg_at_20"]
    assert by_name["user-profile:prior=20"] > by_name["popularity"] + 0.1
    vitrine("ratings", "forget", "shop", "new")
    assert json.loads(vitrine("ratings", "info", "shop", "--json"))["users_described"] == 24


def test_models_are_compared(vitrine):
    models = "popularity,biases,svd:n_factors=3:n_epochs=5"
    rows = json.loads(vitrine("ratings", "compare", "ratings.csv", "--models", models,
                              "--split", "folds:3", "--top-n", 5, "--json"))  # fmt: skip
    assert [row["model"] for row in rows] == models.split(",")
    wanted = {"model", "rmse", "mae", "ndcg_at_5", "recall_at_5", "coverage", "fit_seconds",
              "predict_seconds", "ndcg_at_5_low", "by_warmth"}  # fmt: skip
    assert wanted <= set(rows[0])
    assert rows[0]["rmse"] is None
    assert rows[2]["rmse"] < rows[1]["rmse"]
    text = vitrine("ratings", "compare", "ratings.csv", "--models", models, "--split",
                   "global-time", "--top-n", 5)  # fmt: skip
    assert "ahead of" in text
    assert "a list should hold what got at least" in text


def test_cold_items_implicit_feedback_and_a_search(vitrine):
    rows = json.loads(
        vitrine("ratings", "compare", "ratings.csv", "--implicit", "--liked-from", 4,
                "--users-with", 3, "--split", "cold-items:0.3", "--features", "shop",
                "--models", "hybrid:regularization=5,popularity", "--top-n", 3, "--json")
    )  # fmt: skip
    assert rows[0]["ndcg_at_3"] > rows[1]["ndcg_at_3"] + 0.2
    text = vitrine("ratings", "compare", "ratings.csv", "--models", "biases,popularity",
                   "--split", "folds:2", "--search", 3)  # fmt: skip
    assert "biases, chosen in each training part" in text


def test_given_folds_lie_in_a_folder(vitrine, folder):
    for name, rest in (("u1", 0), ("u2", 1)):
        for part in ("base", "test"):
            lines = [
                f"{n % 9}\t{n // 9}\t{1 + n % 5}\t{n}"
                for n in range(90)
                if (n % 2 == rest) == (part == "test")
            ]
            (folder / f"{name}.{part}").write_text("\n".join(lines))
    text = vitrine("ratings", "compare", ".", "--split", "given:u1..u2", "--models", "mean,biases")
    assert "90 ratings asked for in 2 part(s)" in text


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("ratings", "add", "shop", "nothing.csv"), 1, "no such file"),
        (("ratings", "add", "shop", "ratings.csv", "--duplicates", "first"), 2, "last, mean, sum"),
        (("ratings", "add", "shop", "ratings.csv", "--user-column", "who"), 1, "no column 'who'"),
        (("ratings", "add", "shop", "ratings.csv", "--implicit"), 2, "holds one kind"),
        (("ratings", "fit", "shop", "--model", "svdd"), 2, "did you mean 'svd'"),
        (("ratings", "fit", "shop", "--model", "svd", "--option", "k=3"), 2, "no option 'k'"),
        (("ratings", "compare", "ratings.csv", "--split", "thirds"), 2, "no split is called"),
        (("ratings", "compare", "catalogue"), 2, "a folder without u.data"),
        (("ratings", "compare", "ratings.csv", "--models", "visual-knn"), 1, "needs item features"),
        (("recommend", "shop", "u1", "--where", "size=3"), 2, "there is no attribute 'size'"),
    ],
)
def test_what_goes_wrong_is_said(vitrine, arguments, code, message):
    vitrine("ratings", "add", "shop", "ratings.csv")
    assert message in vitrine(*arguments, code=code)
