from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.pictures import COLOURS, write_class_folders, write_table
from vitrine.catalogue import Catalogue
from vitrine.charts.plane import project
from vitrine.encoders import make_encoder
from vitrine.errors import InputError
from vitrine.report import build_report, write_report
from vitrine.report import gather as gathering
from vitrine.report.gallery import Gallery
from vitrine.report.gather import gather
from vitrine.shop import Shop


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    where = tmp_path_factory.mktemp("shop")
    source = write_class_folders(where / "pictures", n_each=12)
    return Shop.create(where / "made", Catalogue.read(source), "colour")


@pytest.fixture
def plain_shop(tmp_path: Path) -> Shop:
    """A shop of pictures without categories, and without thumbnails."""
    source = write_class_folders(tmp_path / "pictures", n_each=3) / "sea"
    return Shop.create(tmp_path / "plain", Catalogue.read(source), "pixels", thumbnails=False)


def test_figures_are_those_of_the_evaluation(shop):
    data, evaluation = gather(shop, k=5), shop.evaluate(k=5)
    assert data.figures.methods == ["colour", "random", "raw pixels", "PCA-2"]
    assert data.figures.values[0, 0] == evaluation.result.same_category_rate.value
    assert data.figures.low[2, 1] == evaluation.baselines["raw pixels"].precision_at_k.low
    assert [metric.name for metric in data.figures.metrics][1] == "Precision@5"
    np.testing.assert_array_equal(data.classes.matrix, evaluation.result.confusion)


def test_every_item_is_on_the_map_with_its_category_and_picture(shop):
    data = gather(shop)
    assert data.map.item_ids == shop.item_ids
    assert [data.categories[code] for code in data.map.codes] == shop.values("category")
    assert all(data.map.pictures)


def test_panels_show_items_of_their_category(shop):
    panels = gather(shop).panels
    assert [panel.name for panel in panels] == sorted(COLOURS)
    for panel in panels:
        assert panel.n_items == 12
        assert len(panel.cards) == 6
        assert {card.category for card in panel.cards} == {panel.name}


def test_neighbours_are_what_the_shop_finds(shop):
    rows = gather(shop, n_examples=4).neighbours
    assert len(rows) == 4
    hits = shop.similar(rows[0].query.item_id, 6)
    assert [card.item_id for card in rows[0].hits] == [hit.id for hit in hits]
    assert [card.similarity for card in rows[0].hits] == [hit.similarity for hit in hits]


def test_confusions_pair_an_item_with_its_nearest(tmp_path):
    table = write_table(tmp_path / "source")
    table.write_text(table.read_text().replace(".png,apple,", ".png,leaf,", 4))
    shop = Shop.create(tmp_path / "mislabelled", Catalogue.read(table), "colour")
    worst = gather(shop).classes.confusions[0]
    assert {worst.actual, worst.nearest} == {"apple", "leaf"}
    for item, nearest in worst.pairs:
        assert item.category == worst.actual
        assert nearest.category == worst.nearest
        assert shop.similar(item.item_id, 1)[0].id == nearest.item_id


def test_the_largest_categories_get_a_panel(shop, monkeypatch):
    monkeypatch.setattr(gathering, "MAX_PANELS", 2)
    assert len(gather(shop).panels) == 2


def test_a_shop_without_categories_is_shown_without_them(plain_shop):
    data = gather(plain_shop, n_examples=2)
    assert data.figures is data.classes is None
    assert not data.panels
    assert "Left out" in data.notes[0]
    assert len(data.neighbours) == 2


def test_cards_have_pictures_where_no_thumbnails_are_kept(plain_shop):
    data = gather(plain_shop)
    assert all(row.query.picture for row in data.neighbours)
    assert not any(data.map.pictures)
    assert "3 items show no picture" in data.map.method


def test_hover_pictures_stop_at_their_share_of_the_file(shop):
    gallery = Gallery(shop, {})
    whole = gallery.hover_pictures(shop.item_ids)
    half = sum(len(picture.base64) for picture in whole[:18])
    pictures = gallery.hover_pictures(shop.item_ids, at_most=half)
    assert all(pictures[:18])
    assert not any(pictures[18:])


@pytest.mark.parametrize("colour", [True, False], ids=["colour", "grey"])
def test_an_autoencoder_shows_reconstructions_and_its_history(tmp_path, colour):
    source = write_class_folders(tmp_path / "pictures", n_each=6)
    for file in [] if colour else source.rglob("*.png"):
        with Image.open(file) as picture:
            picture.convert("L").save(file)
    encoder = make_encoder("dense-autoencoder", n_components=2, epochs=2)
    data = gather(Shop.create(tmp_path / "drawn", Catalogue.read(source), encoder), n_examples=3)
    assert len(data.reconstructions) == 3
    assert {picture.width for pair in data.reconstructions for picture in pair} == {24}
    assert len(data.history["loss"]) == 2
    assert "own two dimensions" in data.map.method


def test_an_unknown_label_is_refused(shop):
    with pytest.raises(InputError, match="brand"):
        gather(shop, label="brand")


def test_an_empty_shop_is_refused(plain_shop):
    plain_shop.remove(plain_shop.item_ids)
    with pytest.raises(InputError, match="empty"):
        gather(plain_shop)


def test_the_same_seed_gives_the_same_report(shop):
    assert build_report(shop) == build_report(shop)
    assert build_report(shop, random_state=1) != build_report(shop)


def test_a_report_is_written_whole_or_not_at_all(shop, tmp_path):
    path = write_report(shop, tmp_path / "new" / "report.html", title="A & B")
    assert "<title>A &amp; B</title>" in path.read_text()
    with pytest.raises(InputError):
        write_report(shop, path, label="brand")
    assert "<title>A &amp; B</title>" in path.read_text()
    assert [file.name for file in path.parent.iterdir()] == ["report.html"]


def test_two_dimensions_are_shown_as_they_are():
    vectors = np.random.default_rng(0).normal(size=(9, 2)).astype(np.float32)
    points, how = project(vectors, np.array([4, 2]))
    np.testing.assert_array_equal(points, vectors[[4, 2]])
    assert "own two" in how


def test_one_dimension_is_a_line():
    points, _ = project(np.arange(5, dtype=np.float32)[:, None], np.array([1, 3]))
    np.testing.assert_array_equal(points, [[1, 0], [3, 0]])


def test_more_dimensions_are_shown_by_their_principal_components():
    rng = np.random.default_rng(0)
    plane = rng.normal(size=(200, 2)) * [9, 4]
    turned = plane @ np.linalg.qr(rng.normal(size=(5, 5)))[0][:2]
    points, how = project(turned.astype(np.float32), np.arange(200))
    between = np.linalg.norm(plane[:, None] - plane, axis=2)
    np.testing.assert_allclose(np.linalg.norm(points[:, None] - points, axis=2), between, atol=1e-4)
    assert "hold 100%" in how


@pytest.mark.parametrize("n", [1, 3])
def test_equal_vectors_lie_on_one_spot(n):
    points, how = project(np.ones((n, 5), np.float32), np.arange(n))
    np.testing.assert_array_equal(points, np.zeros((n, 2)))
    assert "the same" in how


def test_a_shop_of_one_item_has_a_report(plain_shop):
    plain_shop.remove(plain_shop.item_ids[1:])
    html = build_report(plain_shop)
    assert "1 random items" not in html
    assert "All 1 items" not in html
