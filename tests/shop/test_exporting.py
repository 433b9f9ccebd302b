import json
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest
from tests.pictures import write_table

from vitrine.catalogue import Catalogue
from vitrine.cli.main import run
from vitrine.encoders import make_encoder
from vitrine.errors import MissingExtraError, OptionError, ShopError
from vitrine.shop import Shop, exporting


@pytest.fixture(params=[10_000, 5])
def shop(tmp_path, request, monkeypatch):
    monkeypatch.setattr(exporting, "ITEMS_A_BLOCK", request.param)
    table = write_table(tmp_path / "catalogue")
    lines = table.read_text().splitlines()
    lines[0] += ",since"
    lines[1:] = [f"{line},{'' if i == 2 else '2024-05-0' + str(i % 9 + 1)}"
                 for i, line in enumerate(lines[1:])]  # fmt: skip
    lines[1] = lines[1].replace(",0,", ",,")  # apple-0 has no price
    table.write_text("\n".join(lines) + "\n")
    encoder = make_encoder("colour", n_components=3)
    with Shop.create(tmp_path / "shop", Catalogue.read(table), encoder) as shop:
        yield shop


def test_parquet_holds_ids_vectors_and_typed_attributes(shop, tmp_path):
    made = shop.export(tmp_path / "out.parquet")
    assert (made.items, made.dimensions) == (24, 3)
    assert made.attributes == ["category", "price", "new", "since"]
    table = pq.read_table(made.path)
    assert table["item_id"].to_pylist() == shop.item_ids
    vectors = np.stack(table["vector"].to_numpy(zero_copy_only=False))
    np.testing.assert_array_equal(vectors, shop.vectors)
    assert table["price"].to_pylist() == shop.values("price")
    assert table["price"][0].as_py() is None
    assert table["since"][1].as_py().isoformat() == "2024-05-02T00:00:00"
    about = json.loads(table.schema.metadata[b"vitrine"])
    assert (about["encoder"], about["distance"]["name"]) == ("colour", "cosine")


def test_npz_opens_without_pickle(shop, tmp_path):
    shop.export(tmp_path / "out.npz")
    with np.load(tmp_path / "out.npz", allow_pickle=False) as held:
        np.testing.assert_array_equal(held["vectors"], shop.vectors)
        assert held["item_ids"].tolist() == shop.item_ids
        assert held["attribute_category"].tolist() == shop.values("category")
        assert not held["has_price"][0]
        assert held["has_price"][1:].all()
        assert held["attribute_price"][5] == shop.values("price")[5]
        assert np.isnat(held["attribute_since"][2])
        assert json.loads(str(held["about"]))["encoder"] == "colour"


def test_hdf5_holds_the_same(shop, tmp_path):
    h5py = pytest.importorskip("h5py")
    shop.export(tmp_path / "out.h5")
    with h5py.File(tmp_path / "out.h5") as held:
        np.testing.assert_array_equal(held["vectors"][:], shop.vectors)
        assert held["item_ids"].asstr()[:].tolist() == shop.item_ids
        assert held["attributes/category"].asstr()[:].tolist() == shop.values("category")
        assert held["attributes/since"].asstr()[1].startswith("2024-05-02")
        assert held["has/price"][:].tolist() == [False] + [True] * 23


def test_the_file_is_there_whole_or_not_at_all(shop, tmp_path, monkeypatch):
    path = tmp_path / "out.parquet"
    path.write_text("of yesterday")
    monkeypatch.setattr(exporting, "track", _removing(shop))
    with pytest.raises(ShopError, match="changed meanwhile"):
        shop.export(path)
    assert path.read_text() == "of yesterday"
    assert not list(tmp_path.glob(".out*"))


def _removing(shop):
    def track(starts, _):
        shop.remove(["sea-3"])
        return starts

    return track


def test_other_formats_and_missing_extras_are_named(shop, tmp_path, monkeypatch):
    with pytest.raises(OptionError, match=r"\.parquet, \.npz, \.h5"):
        shop.export(tmp_path / "out.csv")
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(MissingExtraError, match=r'pip install "vitrine\[hdf5\]"'):
        shop.export(tmp_path / "out.h5")


def test_the_command_says_what_it_wrote(shop, tmp_path, capsys):
    assert run(["export", str(shop.path), str(tmp_path / "out.npz")]) == 0
    assert "24 items, 3 dimensions, attributes: category, price, new" in capsys.readouterr().out
    assert run(["export", str(shop.path), str(tmp_path / "out.parquet"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["items"] == 24
