import json

import numpy as np
import pytest
from PIL import Image
from tests.pictures import make_picture, write_class_folders, write_table

from vitrine import __version__
from vitrine.cli.main import run

OPTIONS = ["--encoder", "colour", "--encoder-option", "n_components=3"]


@pytest.fixture
def table(tmp_path):
    return write_table(tmp_path / "catalogue")


@pytest.fixture
def shop(tmp_path, table, capsys):
    path = str(tmp_path / "shop")
    assert run(["create", path, str(table), *OPTIONS]) == 0
    capsys.readouterr()
    return path


def rows(capsys):
    return json.loads(capsys.readouterr().out)


def test_create_says_what_came_of_it_and_what_comes_next(tmp_path, table, capsys):
    path = str(tmp_path / "shop")
    with open(table, "a") as file:
        file.write("ghost,apple/ghost.png,apple,1,true\n")
    assert run(["create", path, str(table), *OPTIONS]) == 0
    printed = capsys.readouterr().out
    assert "24 items (24 added, 0 updated, 0 unchanged)" in printed
    assert "1 refused" in printed
    assert "rejected.csv" in printed
    assert f"vitrine similar {path}" in printed


def test_similar_prints_rows_for_machines(shop, capsys):
    assert run(["similar", shop, "leaf-1", "-k", "3", "--where", "price>=11", "--json"]) == 0
    found = rows(capsys)
    assert len(found) == 3
    assert {row["attributes"]["category"] for row in found} == {"leaf"}
    assert set(found[0]) == {"id", "distance", "similarity", "attributes", "same"}
    assert found[0]["distance"] <= found[-1]["distance"]


def test_similar_takes_a_picture_and_prints_a_table_for_people(shop, tmp_path, capsys):
    Image.fromarray(make_picture("sea", 77)).save(tmp_path / "new.png")
    assert run(["similar", shop, str(tmp_path / "new.png"), "-k", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["id", "distance", "similarity", "category", "price", "new"]
    assert len(lines) == 3
    assert all(line.startswith("sea-") for line in lines[1:])


def test_similar_varies_and_collapses_where_asked(shop, capsys):
    arguments = ["similar", shop, "leaf-1", "-k", "3", "--json"]
    found = []
    for options in ([], ["--diversity", "0.9"], ["--collapse"]):
        assert run([*arguments, *options]) == 0
        found.append([row["id"] for row in rows(capsys)])
    assert found[0][0] == found[1][0]
    assert found[0] != found[1]
    assert len(found[2]) == 3
    assert run([*arguments, "--diversity", "2"]) == 2


def test_several_filters_all_hold(shop, capsys):
    arguments = ["--where", "category=sea", "--where", "price<23", "--json"]
    assert run(["similar", shop, "leaf-1", *arguments]) == 0
    assert {row["id"] for row in rows(capsys)} == {"sea-0", "sea-1", "sea-2"}
    assert run(["similar", shop, "leaf-1", "--where", "price>1000"]) == 0
    assert "no item is allowed" in capsys.readouterr().out


def test_add_and_remove_count(shop, tmp_path, capsys):
    more = write_class_folders(tmp_path / "more", n_each=1, first_seed=50)
    assert run(["add", shop, str(more), "--json"]) == 0
    assert rows(capsys)["added"] == 3
    assert run(["remove", shop, "sea-50", "sea-0", "nobody", "--json"]) == 0
    assert rows(capsys) == {"removed": 2, "not_there": 1}
    assert run(["remove", shop, "sea-50"]) == 0
    assert "0 removed, 1 were not there" in capsys.readouterr().out


def test_evaluate_prints_figures_beside_baselines(shop, capsys):
    assert run(["evaluate", shop, "--json", "-k", "3"]) == 0
    found = rows(capsys)
    assert found["same_category_rate"] == 1.0
    assert found["same_category_rate_low"] <= 1.0
    assert {"precision_at_k", "recall_at_k", "map_at_k", "k"} <= set(found)
    assert list(found["baselines"]) == ["random", "raw pixels", "PCA-2"]
    assert run(["evaluate", shop]) == 0
    printed = capsys.readouterr().out
    assert "raw pixels" in printed
    assert "macro avg" in printed


def test_evaluate_says_where_the_encoder_has_learned_what_it_is_asked(tmp_path, table, capsys):
    pytest.importorskip("torch")
    pytest.importorskip("onnx")
    shop = str(tmp_path / "shop")
    learned = ["--encoder", "category", "--label", "category", "--encoder-option", "epochs=1"]
    assert run(["create", shop, str(table), *learned]) == 0
    more = write_class_folders(tmp_path / "more", n_each=2, first_seed=70)
    capsys.readouterr()
    said = "has learned the categories of these very items"
    assert run(["evaluate", shop]) == 0
    assert said in " ".join(capsys.readouterr().out.split())
    for about_others in ([str(more)], ["--label", "new"]):
        assert run(["evaluate", shop, *about_others, "--json"]) == 0
        assert not any(said in note for note in rows(capsys)["notes"])


def test_evaluate_asks_about_another_catalogue(shop, tmp_path, capsys):
    more = write_class_folders(tmp_path / "more", n_each=2, first_seed=70)
    assert run(["evaluate", shop, str(more), "--json"]) == 0
    found = rows(capsys)
    assert (found["n_queries"], found["n_gallery"]) == (6, 24)
    assert run(["evaluate", shop, "--label", "brand"]) == 1
    assert "there is no attribute 'brand'" in capsys.readouterr().err


def test_compare_prints_one_row_an_encoder(tmp_path, table, capsys):
    arguments = ["compare", str(table), "--encoders", "pixels:n_components=2,colour", "-k", "10"]
    assert run([*arguments, "--json"]) == 0
    found = rows(capsys)
    assert [row["encoder"] for row in found] == ["pixels:n_components=2", "colour"]
    assert found[0]["n_components"] == 2
    wanted = "same_category_rate precision_at_10 map_at_10 fit_seconds transform_seconds"
    assert all(row[name] is not None for row in found for name in wanted.split())
    assert run(arguments) == 0
    assert "points ahead of" in capsys.readouterr().out


def test_an_encoder_that_fails_does_not_end_a_comparison(table, capsys):
    wrong = "dense-autoencoder:epochs=0"
    assert run(["compare", str(table), "--encoders", f"{wrong},pixels", "--json"]) == 0
    failed, fine = rows(capsys)
    assert failed["same_category_rate"] is None
    assert "epochs" in failed["error"]
    assert fine["same_category_rate"] is not None
    assert run(["compare", str(table), "--encoders", wrong]) == 1


def test_report_writes_one_file(shop, tmp_path, capsys):
    assert run(["report", shop, "-o", str(tmp_path / "out.html")]) == 0
    assert "MB; open it in a browser" in capsys.readouterr().out
    assert "<html" in (tmp_path / "out.html").read_text()[:200]


def test_ids_that_look_like_numbers_stay_as_the_table_has_them(tmp_path, table, capsys):
    table.write_text("id,image\n007,apple/apple-0.png\n7,sea/sea-0.png\n")
    path = str(tmp_path / "numbers")
    assert run(["create", path, str(table), "--encoder", "pixels"]) == 0
    capsys.readouterr()
    assert run(["similar", path, "007", "--json"]) == 0
    assert [row["id"] for row in rows(capsys)] == ["7"]


def test_info_names_everything(shop, capsys):
    assert run(["info", shop, "--json"]) == 0
    facts = rows(capsys)
    assert facts["items"] == 24
    assert facts["dimensions"] == 3
    assert facts["encoder"] == "colour"
    assert facts["attributes"] == {"category": "text", "price": "integer", "new": "boolean"}
    assert run(["info", shop]) == 0
    assert "category (text), price (integer)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["similar", "SHOP", "nobody"], 1, "error: there is no item 'nobody'"),
        (["similar", "SHOP", "sea-0", "--where", "colour=red"], 2, "there is no attribute"),
        (["similar", "SHOP", "sea-0", "-k", "0"], 2, "greater than or equal to 1"),
        (["similar", "nowhere", "sea-0"], 1, "vitrine create nowhere SOURCE"),
        (["create", "SHOP", "TABLE"], 1, "there is a shop already"),
        (["create", "new", "nothing-here"], 1, "nothing-here"),
        (["create", "new", "TABLE", "--encoder", "lookz"], 2, "looks"),
        (["create", "new", "TABLE", "--encoder-option", "size=big"], 2, "size"),
        (["create", "new", "TABLE", "--encoder-option", "sise=3"], 2, "sise"),
        (["create", "new", "TABLE", "--label", "brand"], 2, "brand"),
        (["conjure", "SHOP"], 2, "conjure"),
        (["create"], 2, "SHOP"),
    ],
)
def test_what_goes_wrong_is_one_clear_line_and_an_exit_code(
    arguments, code, says, shop, table, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    places = {"SHOP": shop, "TABLE": str(table)}
    assert run([places.get(argument, argument) for argument in arguments]) == code
    complaint = capsys.readouterr().err
    assert says in complaint
    assert "Traceback" not in complaint


def test_a_traceback_comes_only_with_debug(tmp_path):
    with pytest.raises(Exception, match="vitrine create"):
        run(["info", str(tmp_path / "nowhere"), "--debug"])


def test_ctrl_c_ends_with_a_word(shop, monkeypatch, capsys):
    def interrupt(*_args, **_kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("vitrine.cli.shops.Shop.open", interrupt)
    assert run(["info", shop]) == 130
    assert "run the same command again" in capsys.readouterr().err


def test_version_and_help(capsys):
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"{__version__}\n"
    assert run(["--help"]) == 0
    printed = capsys.readouterr().out
    for command in ("create", "add", "remove", "info", "similar", "evaluate", "compare", "report"):
        assert command in printed


def test_text_from_outside_is_printed_as_it_is(tmp_path, table, capsys):
    table.write_text("id,image,title\n[red]x[/red],sea/sea-0.png,[bold]y\nz,sea/sea-1.png,w\n")
    path = str(tmp_path / "markup")
    assert run(["create", path, str(table), "--encoder", "pixels"]) == 0
    assert run(["similar", path, "z"]) == 0
    assert "[red]x[/red]" in capsys.readouterr().out


def test_no_number_is_no_json(capsys):
    from vitrine.cli.console import print_json

    print_json({"rate": float("nan"), "rows": [np.float64(0.5).item()]})
    assert json.loads(capsys.readouterr().out) == {"rate": None, "rows": [0.5]}
