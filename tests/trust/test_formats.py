"""Shops that earlier formats left behind still open and answer as they did then."""

import gzip
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.trust.formats.make import picture
from vitrine.errors import ShopFormatError
from vitrine.shop import Shop
from vitrine.shop.backup import backup
from vitrine.shop.checking import check
from vitrine.store.formats import OLDEST_VERSION
from vitrine.store.tables import FORMAT_VERSION

FORMATS = Path(__file__).parent / "formats"
KEPT = ["v1", "v2"]


@pytest.fixture
def unpack(tmp_path):
    def unpack_one(name):
        path = tmp_path / name
        path.mkdir()
        (path / "shop.db").write_bytes(gzip.decompress((FORMATS / f"{name}.db.gz").read_bytes()))
        return path, json.loads((FORMATS / f"{name}.json").read_text())

    return unpack_one


def test_a_shop_of_every_format_is_kept():
    versions = {json.loads((FORMATS / f"{name}.json").read_text())["format"] for name in KEPT}
    assert versions == set(range(OLDEST_VERSION, FORMAT_VERSION + 1))


@pytest.mark.parametrize("name", KEPT)
def test_an_older_shop_opens_and_answers_as_it_did(name, unpack):
    path, answers = unpack(name)
    with Shop.open(path) as shop:
        assert len(shop) == 12
        for item_id, expected in answers["similar"].items():
            hits = shop.similar(item_id, 3, "price<9")
            assert [hit.id for hit in hits] == [other for other, _ in expected]
            for hit, (_, distance) in zip(hits, expected, strict=True):
                assert hit.distance == pytest.approx(distance, abs=2e-3)
        assert shop.similar(picture(5), 1)[0].id == "thing-5"  # the encoder works as well
        assert shop.schema == {
            "price": "number", "new": "boolean", "colour": "text",
        }  # fmt: skip


@pytest.mark.parametrize("name", KEPT)
def test_an_older_shop_can_be_written_kept_and_looked_through(name, unpack, tmp_path):
    path, _ = unpack(name)
    with Shop.open(path) as shop:
        shop.ratings.rate("u9", "thing-1", 5)
        assert [row.id for row in shop.ratings.history("u9")] == ["thing-1"]
        shop.retrain()  # from the small pictures: the files have gone
        assert shop.remove(["thing-0"]) == 1
    assert check(backup(path, tmp_path / "copy")).problems == []


def test_a_shop_of_a_newer_format_is_refused_and_left_as_it_is(unpack):
    path, _ = unpack("v2")
    with closing(sqlite3.connect(path / "shop.db")) as database, database:
        database.execute("UPDATE shop SET format_version = 99")
    before = (path / "shop.db").read_bytes()
    with pytest.raises(
        ShopFormatError, match=r"format 99, this Vitrine reads 1 to \d+; open it with"
    ):
        Shop.open(path)
    assert (path / "shop.db").read_bytes() == before
