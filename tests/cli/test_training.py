import csv
import json

import pytest
from tests.pictures import write_class_folders

from vitrine.cli.main import run


@pytest.fixture
def photos(tmp_path):
    return str(write_class_folders(tmp_path / "photos", 8))


def test_compare_cross_validates(photos, capsys):
    assert run(["compare", photos, "--encoders", "colour,hog", "--folds", "4"]) == 0
    printed = capsys.readouterr().out
    assert "±" in printed
    assert "4 folds of 24 items" in printed
    assert run(["compare", photos, "--encoders", "colour", "--folds", "2", "--json"]) == 0
    [row] = json.loads(capsys.readouterr().out)
    assert len(row["same_category_rate_folds"]) == 2


def test_training_leaves_curves_and_a_history(photos, tmp_path, capsys):
    for module in ("torch", "tensorboard"):
        pytest.importorskip(module)
    shop, logs = str(tmp_path / "shop"), tmp_path / "logs"
    options = ["--encoder", "dense-autoencoder", "--encoder-option", "epochs=3"]
    assert run(["create", shop, photos, *options, "--log-dir", str(logs)]) == 0
    assert (logs / "history.csv").is_file()
    capsys.readouterr()
    assert run(["history", shop]) == 0
    assert capsys.readouterr().out.split()[:2] == ["epoch", "loss"]
    assert run(["history", shop, "-o", str(tmp_path / "h.csv")]) == 0
    with open(tmp_path / "h.csv") as file:
        assert len(list(csv.reader(file))) == 4
    encoders = ["--encoders", "dense-autoencoder:epochs=2,pixels", "--log-dir", str(logs)]
    assert run(["compare", photos, *encoders]) == 0
    assert (logs / "dense-autoencoder_epochs_2" / "history.csv").is_file()
    assert not (logs / "pixels").exists()


def test_a_shop_is_retrained_and_rolled_back(photos, tmp_path, capsys):
    shop = str(tmp_path / "shop")
    assert run(["create", shop, photos, "--encoder", "colour"]) == 0
    assert run(["history", shop]) == 0
    assert "no history" in capsys.readouterr().out
    options = ["--encoder", "hog", "--encoder-option", "n_components=4"]
    assert run(["retrain", shop, *options]) == 0
    printed = capsys.readouterr().out
    assert "colour → hog: 24 items, 4 dimensions; 24 encoded in this run" in printed
    assert f"vitrine rollback {shop}" in printed
    assert run(["rollback", shop, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["after"] == "colour"
    assert run(["retrain", shop, "--encoder-option", "n_components=4"]) == 2
