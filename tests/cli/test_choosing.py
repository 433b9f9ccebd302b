import json

import pytest
from tests.pictures import write_class_folders

from vitrine.cli.main import run
from vitrine.evaluation import choosing


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(choosing, "ALL", "pixels,colour")
    monkeypatch.setattr(choosing, "UNTRAINED", ("pixels", "colour"))


def test_auto_says_what_it_tried_and_makes_the_shop_with_the_best(tmp_path, capsys):
    folder = write_class_folders(tmp_path / "photos", 6)
    path = str(tmp_path / "shop")
    assert run(["create", path, str(folder), "--encoder", "auto", "--json"]) == 0
    printed = capsys.readouterr()
    assert "chosen: " in printed.err
    assert "same category @1 of 3 held-out items" in printed.err
    assert json.loads(printed.out)["items"] == 18


def test_auto_takes_networks_and_minutes_and_nothing_else(tmp_path, capsys):
    folder = str(write_class_folders(tmp_path / "photos", 4))
    create = ["create", str(tmp_path / "shop"), folder, "--encoder", "auto"]
    assert run([*create, "--encoder-option", "n_components=3"]) == 2
    assert "backbone=NETWORK" in capsys.readouterr().err
    assert run([*create, "--encoder-option", "budget_minutes=soon"]) == 2
    assert run([*create, "--encoder-option", "backbone=onnx:missing.onnx"]) == 0
    assert "onnx:missing.onnx: failed" in capsys.readouterr().err
