"""Two who write the same item at the same moment: what one keeps the other may have changed."""

import io

import pytest
from PIL import Image
from tests.pictures import make_picture, write_table

from vitrine.catalogue import Catalogue
from vitrine.encoders import make_encoder
from vitrine.shop import Shop
from vitrine.shop.checking import check
from vitrine.shop.receiving import NewItem
from vitrine.store import Store


def png(category, seed):
    file = io.BytesIO()
    Image.fromarray(make_picture(category, seed)).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def path(tmp_path):
    table = write_table(tmp_path / "catalogue", 3)
    encoder = make_encoder("colour", n_components=3)
    Shop.create(tmp_path / "shop", Catalogue.read(table), encoder).close()
    return tmp_path / "shop"


@pytest.fixture
def between(monkeypatch):
    """Return what does something once, just before the next write of items is stored."""

    def do_then(action):
        put, pending = Store.put, [action]

        def put_later(self, batch, encoder_id):
            if batch and pending:
                pending.pop()()
            put(self, batch, encoder_id)

        monkeypatch.setattr(Store, "put", put_later)

    return do_then


def test_new_attributes_keep_the_picture_that_another_has_just_written(path, between):
    with Shop.open(path) as shop, Shop.open(path) as other:
        between(lambda: other.receive([NewItem("sea-0", {"price": 1}, [png("apple", 77)])]))
        [received] = shop.receive([NewItem("sea-0", {"price": 99}, [])])
        assert received.status == "updated"
        assert shop.similar(png("apple", 77), 1)[0].id == "sea-0"
        assert shop.similar("sea-1", 9, "price=99")[0].id == "sea-0"
    assert check(path).problems == []  # its picture is still the one that its vector is of


def test_new_attributes_of_an_item_that_is_just_removed_do_not_bring_half_of_it_back(path, between):
    with Shop.open(path) as shop, Shop.open(path) as other:
        between(lambda: other.remove(["sea-0"]))
        [received] = shop.receive([NewItem("sea-0", {"price": 99}, [])])
        assert (received.status, received.reason) == ("refused", "it was removed meanwhile")
        assert "sea-0" not in shop
    assert check(path).problems == []


def test_a_catalogue_brings_an_item_back_whole_that_is_just_removed(path, between, tmp_path):
    table = tmp_path / "catalogue" / "items.csv"
    table.write_text(
        table.read_text().replace("sea-0,sea/sea-0.png,sea,20", "sea-0,sea/sea-0.png,sea,7")
    )
    with Shop.open(path) as shop, Shop.open(path) as other:
        between(lambda: other.remove(["sea-0"]))
        shop.add(Catalogue.read(table))
        assert [hit.id for hit in shop.similar("sea-1", 9, "price=7")] == ["sea-0"]
    assert check(path).problems == []


def test_an_item_that_is_removed_right_after_it_was_written_was_written(path, monkeypatch):
    put = Store.put

    def put_then_remove(self, batch, encoder_id):
        put(self, batch, encoder_id)
        if batch:
            self.remove(["sea-0"])

    monkeypatch.setattr(Store, "put", put_then_remove)
    with Shop.open(path) as shop:
        [received] = shop.receive([NewItem("sea-0", {"price": 9}, [png("apple", 5)])])
        assert (received.status, received.reason) == ("updated", None)
        assert "sea-0" not in shop
