import pyarrow.parquet as pq
import pytest
from tests.pictures import write_table

from vitrine.catalogue import Catalogue
from vitrine.encoders import make_encoder
from vitrine.errors import OptionError, ShopError
from vitrine.shop import Shop, item_to_item


@pytest.fixture
def shop(tmp_path, monkeypatch):
    monkeypatch.setattr(item_to_item, "ITEMS_A_BLOCK", 5)
    table = write_table(tmp_path / "catalogue")
    encoder = make_encoder("colour", n_components=3)
    with Shop.create(tmp_path / "shop", Catalogue.read(table), encoder) as shop:
        yield shop


def test_the_table_holds_what_similar_answers_item_by_item(shop, tmp_path):
    made = shop.write_neighbours(tmp_path / "n.parquet", k=4, where="category!=sea")
    rows = pq.read_table(tmp_path / "n.parquet").to_pylist()
    assert (made.items, made.rows, made.resumed) == (len(shop), len(rows), 0)
    wanted = [
        (item_id, rank, hit.id)
        for item_id in shop.item_ids
        for rank, hit in enumerate(shop.similar(item_id, 4, "category!=sea"), 1)
    ]
    assert [(row["item_id"], row["rank"], row["neighbour_id"]) for row in rows] == wanted
    assert rows[0]["distance"] == pytest.approx(
        shop.similar(rows[0]["item_id"], 1, "category!=sea")[0].distance, abs=1e-6
    )
    assert not (tmp_path / "n.parquet.parts").exists()


def test_fewer_rows_where_fewer_are_allowed(shop, tmp_path):
    made = shop.write_neighbours(tmp_path / "n.parquet", k=100)
    assert made.rows == len(shop) * (len(shop) - 1)
    assert shop.write_neighbours(tmp_path / "none.parquet", where="category=sock").rows == 0


def break_off_after(monkeypatch, blocks):
    written = []
    write = item_to_item._Parts.write

    def stop_after(parts, start, table):
        if len(written) == blocks:
            raise KeyboardInterrupt
        written.append(start)
        write(parts, start, table)

    monkeypatch.setattr(item_to_item._Parts, "write", stop_after)


def test_a_run_that_broke_off_is_gone_on_with(shop, tmp_path, monkeypatch):
    whole = tmp_path / "whole.parquet"
    shop.write_neighbours(whole, k=3)
    output = tmp_path / "n.parquet"
    with monkeypatch.context() as patch:
        break_off_after(patch, blocks=2)
        with pytest.raises(KeyboardInterrupt):
            shop.write_neighbours(output, k=3)
    assert not output.exists()
    assert shop.write_neighbours(output, k=3).resumed == 10
    assert pq.read_table(output).equals(pq.read_table(whole))


def test_blocks_of_another_question_or_an_earlier_shop_are_not_used(shop, tmp_path, monkeypatch):
    output = tmp_path / "n.parquet"
    for change in (lambda: None, lambda: shop.remove(["apple-0"])):
        with monkeypatch.context() as patch:
            break_off_after(patch, blocks=2)
            with pytest.raises(KeyboardInterrupt):
                shop.write_neighbours(output, k=3)
        change()
        k = 3 if len(shop) < 24 else 2
        assert shop.write_neighbours(output, k=k).resumed == 0
    assert "apple-0" not in pq.read_table(output)["neighbour_id"].to_pylist()


def test_a_shop_that_changes_meanwhile_is_said(shop, tmp_path, monkeypatch):
    write = item_to_item._Parts.write

    def change_then_write(parts, start, table):
        if start == 0:
            shop.remove(["apple-0"])
        write(parts, start, table)

    monkeypatch.setattr(item_to_item._Parts, "write", change_then_write)
    with pytest.raises(ShopError, match="changed meanwhile"):
        shop.write_neighbours(tmp_path / "n.parquet", k=3)


def test_what_cannot_be_asked_is_refused(shop, tmp_path):
    with pytest.raises(OptionError, match="k is 0"):
        shop.write_neighbours(tmp_path / "n.parquet", k=0)
    with pytest.raises(OptionError, match=r"name it .*n\.csv\.parquet"):
        shop.write_neighbours(tmp_path / "n.csv")
