import shutil
import sqlite3

import numpy as np
import pytest
from tests.pictures import make_picture, write_class_folders, write_table

from vitrine.catalogue import Catalogue
from vitrine.encoders import make_encoder
from vitrine.errors import (
    FilterError,
    InputError,
    OptionError,
    PictureError,
    ShopExistsError,
    ShopFormatError,
    ShopNotFoundError,
    UnknownItemError,
)
from vitrine.shop import Shop


@pytest.fixture
def table(tmp_path):
    return write_table(tmp_path / "catalogue")


@pytest.fixture
def shop(tmp_path, table):
    encoder = make_encoder("colour", n_components=3)
    with Shop.create(tmp_path / "shop", Catalogue.read(table), encoder) as shop:
        yield shop


def test_similar_items_are_of_the_same_kind_and_never_the_query(shop):
    for query in ("apple-0", "leaf-3", "sea-7"):
        hits = shop.similar(query, k=7)
        assert len(hits) == 7
        assert query not in {hit.id for hit in hits}
        assert {hit.attributes["category"] for hit in hits} == {query.split("-")[0]}
        distances = [hit.distance for hit in hits]
        assert distances == sorted(distances)
        assert hits[0].similarity == pytest.approx(1 - hits[0].distance, abs=1e-6)


def test_k_is_met_exactly_whenever_so_many_are_allowed(shop):
    assert len(shop.similar("apple-0", k=23)) == 23
    assert len(shop.similar("apple-0", k=24)) == 23  # all others
    assert len(shop.similar("apple-0", k=7, where="category=apple")) == 7
    assert len(shop.similar("apple-0", k=8, where="category=apple")) == 7
    assert len(shop.similar("apple-0", k=8, where="category=sea")) == 8
    assert shop.similar("apple-0", where="category=sock") == []


def test_a_filter_lets_through_only_what_it_allows(shop):
    hits = shop.similar("apple-0", k=20, where=["price>=10 and price<25", "new=true"])
    assert {hit.id for hit in hits} == {
        *(f"leaf-{i}" for i in (0, 2, 4, 6)), "sea-0", "sea-2", "sea-4",
    }  # fmt: skip
    with pytest.raises(FilterError, match="there is no attribute 'colour'"):
        shop.similar("apple-0", where="colour=red")


def test_a_picture_a_file_its_bytes_and_its_vector_find_the_same(shop, tmp_path):
    path = tmp_path / "catalogue" / "leaf" / "leaf-2.png"
    vector = shop.vectors[shop.item_ids.index("leaf-2")]
    picture = make_picture("leaf", 2)
    found = [[hit.id for hit in shop.similar(query)]
             for query in (path, path.read_bytes(), picture, vector)]  # fmt: skip
    assert found[0][0] == "leaf-2"  # a picture may find itself
    assert found[0] == found[1] == found[2] == found[3]


def test_what_cannot_be_asked_is_refused(shop, tmp_path):
    with pytest.raises(UnknownItemError, match="did you mean 'apple-0'"):
        shop.similar("aple-0")
    with pytest.raises(OptionError, match="k=0"):
        shop.similar("apple-0", k=0)
    with pytest.raises(InputError, match="3 finite numbers"):
        shop.similar(np.zeros(8, np.float32))
    with pytest.raises(InputError, match="3 finite numbers"):
        shop.similar(np.full(3, np.nan, np.float32))
    (tmp_path / "page.jpg").write_text("<html>not found</html>")
    with pytest.raises(PictureError, match=r"page\.jpg"):
        shop.similar(tmp_path / "page.jpg")
    with pytest.raises(PictureError):
        shop.similar(b"")


def test_a_reopened_shop_answers_the_same(shop, tmp_path):
    with Shop.open(tmp_path / "shop") as again:
        assert again.similar("sea-1", k=9) == shop.similar("sea-1", k=9)
        assert again.item_ids == shop.item_ids
        assert again.info().items == 24


def test_the_same_seed_makes_the_same_shop(shop, tmp_path, table):
    encoder = make_encoder("colour", n_components=3)
    with Shop.create(tmp_path / "second", Catalogue.read(table), encoder) as second:
        np.testing.assert_array_equal(second.vectors, shop.vectors)


def test_adding_again_leaves_alone_what_is_unchanged(shop, table):
    result = shop.add(Catalogue.read(table))
    assert (result.added, result.updated, result.unchanged) == (0, 0, 24)


def test_a_new_price_is_stored_without_encoding_anew(shop, table, monkeypatch):
    before = shop.vectors.copy()
    table.write_text(table.read_text().replace("apple,0,True", "apple,99,True"))
    monkeypatch.setattr(type(shop.encoder), "transform", None)  # would fail if called
    result = shop.add(Catalogue.read(table))
    assert (result.added, result.updated, result.unchanged) == (0, 1, 23)
    assert [hit.id for hit in shop.similar(before[3], where="price=99")] == ["apple-0"]
    np.testing.assert_array_equal(shop.vectors, before)


def test_a_new_picture_is_encoded_anew(shop, table, tmp_path):
    shutil.copy(tmp_path / "catalogue/sea/sea-0.png", tmp_path / "catalogue/apple/apple-0.png")
    result = shop.add(Catalogue.read(table))
    assert (result.added, result.updated, result.unchanged) == (0, 1, 23)
    assert shop.similar("apple-0", k=1)[0].id == "sea-0"


def test_removed_items_are_gone_and_can_come_back(shop, table):
    assert shop.remove(["apple-1", "apple-2", "nobody"]) == 2
    assert len(shop) == 22
    assert "apple-1" not in {hit.id for hit in shop.similar("apple-0", k=22)}
    with pytest.raises(UnknownItemError):
        shop.similar("apple-1")
    assert shop.add(Catalogue.read(table)).added == 2
    assert len(shop.similar("apple-1", k=30)) == 23


def test_an_open_shop_sees_what_another_writes(shop, tmp_path):
    more = write_class_folders(tmp_path / "more", n_each=2, first_seed=100)
    with Shop.open(tmp_path / "shop") as writer:
        writer.add(Catalogue.read(more))
        writer.remove(["leaf-0"])
    assert shop.refresh()
    assert not shop.refresh()
    assert "sea-100" in shop
    assert "leaf-0" not in shop
    assert shop.item_ids == Shop.open(tmp_path / "shop").item_ids
    assert shop.schema == {"category": "text", "price": "integer", "new": "boolean"}


def test_an_item_removed_elsewhere_is_unknown_from_the_next_look_on(shop, tmp_path):
    with Shop.open(tmp_path / "shop") as writer:
        writer.remove(["apple-0"])
    shop.refresh()
    with pytest.raises(UnknownItemError, match="apple-0"):
        shop.similar("apple-0")


def test_one_bad_picture_and_one_bad_row_never_stop_the_rest(tmp_path, table):
    (tmp_path / "catalogue/leaf/leaf-1.png").write_bytes(b"")
    (tmp_path / "catalogue/sea/sea-2.png").write_text("<html>")
    with open(table, "a") as file:
        file.write("apple-0,apple/apple-0.png,apple,1,true\n")
        file.write("ghost,apple/ghost.png,apple,1,true\n")
    with Shop.create(tmp_path / "shop", Catalogue.read(table), "pixels") as shop:
        assert len(shop) == 22
        reasons = {rejection.item_id: rejection.reason for rejection in shop.last_import.rejected}
        assert set(reasons) == {"leaf-1", "sea-2", "apple-0", "ghost"}
        assert len(shop.rejected_path.read_text().splitlines()) == 5
        shop.add(Catalogue.read(tmp_path / "catalogue" / "apple"))
        assert not shop.rejected_path.exists()  # the last import refused nothing


def test_an_attribute_that_does_not_fit_refuses_its_item_only(shop, tmp_path):
    folder = tmp_path / "catalogue"
    (folder / "odd.jsonl").write_text(
        '{"id": "odd", "image": "sea/sea-0.png", "price": "cheap"}\n'
        '{"id": "fine", "image": "sea/sea-0.png", "price": "7"}\n'
    )
    result = shop.add(Catalogue.read(folder / "odd.jsonl"))
    assert [rejection.item_id for rejection in result.rejected] == ["odd", "fine"]
    assert "'cheap' is not integer" in result.rejected[0].reason


def test_several_pictures_make_one_vector(tmp_path):
    folder = write_class_folders(tmp_path / "pictures")
    (folder / "items.jsonl").write_text(
        '{"id": "one", "image": ["sea/sea-0.png"]}\n'
        '{"id": "two", "image": ["sea/sea-0.png", "apple/apple-0.png"]}\n'
        '{"id": "three", "image": ["sea/sea-1.png", "apple/apple-1.png", "gone.png"]}\n'
    )
    encoder = make_encoder("pixels", n_components=None)
    with Shop.create(tmp_path / "shop", Catalogue.read(folder / "items.jsonl"), encoder) as shop:
        assert shop.item_ids == ["one", "two", "three"]
        one, two, _ = shop.vectors
        [apple] = shop.encoder.transform([make_picture("apple", 0)])
        np.testing.assert_allclose(two, (one + apple) / 2, atol=1e-6)
        again = shop.add(Catalogue.read(folder / "items.jsonl"))
        assert again.unchanged == 3  # also the one of whose pictures one is bad


def test_a_shop_that_moved_shows_its_thumbnails(shop, tmp_path):
    shutil.rmtree(tmp_path / "catalogue")
    picture, *_ = shop.pictures(["sea-0"])
    np.testing.assert_array_equal(picture, make_picture("sea", 0))


def test_thumbnails_can_be_turned_off(tmp_path, table):
    with Shop.create(tmp_path / "s", Catalogue.read(table), "pixels", thumbnails=False) as shop:
        assert shop.thumbnails(["sea-0"]) == [None]
        assert shop.pictures(["sea-0"])[0].shape == (24, 24, 3)
        (tmp_path / "catalogue/sea/sea-0.png").unlink()
        assert shop.pictures(["sea-0"]) == [None]


def test_a_fitted_encoder_is_taken_as_it_is(tmp_path, table):
    encoder = make_encoder("pixels", n_components=3)
    encoder.fit([make_picture("apple", seed) for seed in range(50, 60)])
    expected = encoder.transform([make_picture("sea", 0)])[0]
    with Shop.create(tmp_path / "shop", Catalogue.read(table), encoder) as shop:
        np.testing.assert_allclose(shop.vectors[16], expected, atol=1e-6)


def test_no_shop_is_made_over_anything(tmp_path, table, shop):
    with pytest.raises(ShopExistsError, match="vitrine add"):
        Shop.create(tmp_path / "shop", Catalogue.read(table), "pixels")
    with pytest.raises(ShopExistsError, match="not empty"):
        Shop.create(tmp_path / "catalogue", Catalogue.read(table), "pixels")
    with pytest.raises(InputError, match="no column 'brand'"):
        Shop.create(tmp_path / "new", Catalogue.read(table), "pixels", label="brand")
    assert not (tmp_path / "new").exists()


def test_what_is_not_a_shop_says_so(tmp_path):
    with pytest.raises(ShopNotFoundError, match="vitrine create"):
        Shop.open(tmp_path / "nowhere")


def test_a_catalogue_without_a_readable_picture_makes_no_shop(tmp_path):
    folder = tmp_path / "bad"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(b"")
    (folder / "b.jpg").write_text("<html>")
    with pytest.raises(InputError, match="no picture to learn from"):
        Shop.create(tmp_path / "shop", Catalogue.read(folder), "pixels")
    assert not (tmp_path / "shop").exists()


def test_a_damaged_encoder_is_found_out(shop, tmp_path):
    shop.close()
    with sqlite3.connect(tmp_path / "shop/shop.db") as connection:
        connection.execute(
            "UPDATE artifact_files SET content = x'00' WHERE name != 'manifest.json'"
        )
    connection.close()
    with pytest.raises(Exception, match="damaged"):
        Shop.open(tmp_path / "shop")


def test_a_shop_without_its_encoder_says_what_to_do(shop, tmp_path):
    shop.close()
    with sqlite3.connect(tmp_path / "shop/shop.db") as connection:
        connection.execute("UPDATE shop SET encoder_id = NULL")
    connection.close()
    with pytest.raises(ShopFormatError, match="vitrine create"):
        Shop.open(tmp_path / "shop")
