import datetime as dt
import json
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.catalogue.conftest import gradient

from vitrine.catalogue import Catalogue
from vitrine.errors import SourceError


@pytest.fixture
def shop(tmp_path):
    """A folder with img/a.png … img/e.png for tables to name."""
    (tmp_path / "img").mkdir()
    for letter in "abcde":
        gradient(9, 9).save(tmp_path / "img" / f"{letter}.png")
    return tmp_path


def read_text(shop, text, name="items.csv", encoding="utf-8", **options):
    (shop / name).write_bytes(text.encode(encoding))
    return Catalogue.read(shop / name, **options)


def test_columns_get_types_and_ids_stay_text(shop):
    catalogue = read_text(
        shop,
        "sku,image,price,stock,new,added,seen,zip,size\n"
        "00123,img/a.png,1.50,3,true,2024-02-29,2024-02-29T10:00:00Z,01234,38\n"
        "00124,img/b.png,,n/a,False,,2024-02-29 12:30,99999,XL\n",
    )
    assert catalogue.schema == {
        "price": "number", "stock": "integer", "new": "boolean", "added": "date", "seen": "date",
        "zip": "text", "size": "text",
    }  # fmt: skip
    assert catalogue.item_ids == ["00123", "00124"]
    assert catalogue[0].attributes == {
        "price": 1.5, "stock": 3, "new": True, "added": dt.date(2024, 2, 29),
        "seen": dt.datetime(2024, 2, 29, 10), "zip": "01234", "size": "38",
    }  # fmt: skip
    assert catalogue[1].attributes["price"] is None
    assert catalogue[1].attributes["stock"] is None
    assert catalogue[1].attributes["seen"] == dt.datetime(2024, 2, 29, 12, 30)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_delimiters_and_encodings_are_found(shop, delimiter, encoding):
    text = 'id,image,title\r\n1,img/a.png,"Größe ""M"""\r\n\r\n2,img/b.png,"zwei\r\nZeilen"\r\n'
    catalogue = read_text(shop, text.replace(",", delimiter), encoding=encoding)
    assert catalogue.values("title") == ['Größe "M"', "zwei\r\nZeilen"]
    assert catalogue.item_ids == ["1", "2"]


def test_bad_rows_are_refused_one_by_one_with_their_numbers(shop):
    catalogue = read_text(
        shop,
        "id,image,n\n"
        "1,img/a.png,1\n"
        "2,img/b.png\n"
        "3,img/c.png,3,4\n"
        "1,img/d.png,5\n"
        ",img/d.png,6\n"
        "7,img/missing.png,7\n"
        "8,,8\n"
        "9,img/e.png,9\n",
    )
    assert catalogue.item_ids == ["1", "9"]
    assert catalogue.schema == {"n": "integer"}
    found = {r.row: r for r in catalogue.rejected}
    assert list(found) == [2, 3, 4, 5, 6, 7]
    assert "2 cells, the header has 3" in found[2].reason
    assert "already, in row 1" in found[4].reason
    assert "id (id) is empty" in found[5].reason
    assert (found[6].item_id, found[6].picture) == ("7", "img/missing.png")
    assert "no such picture" in found[6].reason
    assert "no picture" in found[7].reason
    assert {r.source for r in catalogue.rejected} == {str(shop / "items.csv")}


def test_pictures_elsewhere_are_refused(shop, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    gradient(9, 9).save(outside / "secret.png")
    (shop / "img" / "link.png").symlink_to(outside / "secret.png")
    (shop / "linked").symlink_to(outside)
    names = {
        "absolute": outside / "secret.png",
        "dots": os.path.relpath(outside / "secret.png", shop),
        "link": "img/link.png",
        "folder link": "linked/secret.png",
        "url": "https://example.com/a.png",
        "no scheme": "//example.com/a.png",
        "folder": "img",
        "through a file": "img/a.png/b.png",
        "absolute but inside": shop / "img" / "a.png",
        "dots but inside": "img/../img/b.png",
        "windows": "img\\c.png",
    }
    rows = "".join(f"{item_id},{name}\n" for item_id, name in names.items())
    catalogue = read_text(shop, "id,image\n" + rows)
    assert catalogue.item_ids == ["absolute but inside", "dots but inside", "windows"]
    reasons = {r.item_id: r.reason for r in catalogue.rejected}
    for item_id in ("absolute", "dots", "link", "folder link"):
        assert "outside" in reasons[item_id]
    for item_id in ("url", "no scheme"):
        assert "not fetched" in reasons[item_id]
    assert reasons["folder"] == "not a file"
    assert len(list(catalogue.pictures())) == 3


def test_several_pictures_in_columns_in_a_cell_and_in_a_list(shop):
    for text in (
        "id,image1,image2\nx,img/a.png,img/b.png\n",
        "id;images\nx;img/a.png|img/b.png\n",
        "id,images\nx,img/a.png; img/b.png;\n",
        'id,images\nx,"[""img/a.png"", ""img/b.png""]"\n',
    ):
        (item,) = read_text(shop, text)
        assert [os.path.basename(ref.path) for ref in item.pictures] == ["a.png", "b.png"]


def test_one_missing_picture_of_several_does_not_lose_the_item(shop):
    catalogue = read_text(shop, "id,images\nx,img/a.png;img/no.png\n")
    assert len(catalogue[0].pictures) == 1
    assert [r.picture for r in catalogue.rejected] == ["img/no.png"]


def test_columns_can_be_said_and_wrong_ones_are_errors(shop):
    text = "number,where,name\n1,img/a.png,x\n"
    with pytest.raises(SourceError, match=r"plainly the id.*--id-column"):
        read_text(shop, text)
    with pytest.raises(SourceError, match=r"plainly names pictures.*--picture-column"):
        read_text(shop, text, id_column="number")
    with pytest.raises(SourceError, match=r"no column 'nr'; there are number, where, name"):
        read_text(shop, text, id_column="nr")
    catalogue = read_text(shop, text, id_column="number", picture_columns=["where"])
    assert catalogue[0].id == "1"
    assert catalogue.schema == {"name": "text"}


def test_pictures_may_lie_in_a_folder_of_their_own(shop, tmp_path_factory):
    table = tmp_path_factory.mktemp("tables") / "items.csv"
    table.write_text("id,image\n1,a.png\n")
    assert Catalogue.read(table, pictures=shop / "img")[0].pictures[0].path.endswith("img/a.png")
    with pytest.raises(SourceError, match=r"no item is left, 1 refused.*no such picture"):
        Catalogue.read(table)
    with pytest.raises(SourceError, match="no such folder"):
        Catalogue.read(table, pictures=shop / "nowhere")


def test_without_a_picture_column_files_are_named_by_id(shop):
    catalogue = read_text(shop, "id,price\na,1\nz,2\n", pictures=shop / "img")
    assert catalogue.item_ids == ["a"]
    assert [r.item_id for r in catalogue.rejected] == ["z"]


def test_a_typo_among_many_numbers_is_a_bad_row_not_a_text_column(shop):
    rows = [f"{i},img/a.png,{i}.5" for i in range(300)]
    rows[200] = "200,img/a.png,2O.5"
    catalogue = read_text(shop, "id,image,price\n" + "\n".join(rows))
    assert catalogue.schema == {"price": "number"}
    (rejection,) = catalogue.rejected
    assert (rejection.row, rejection.item_id) == (201, "200")
    assert "'2O.5' is not of the type number" in rejection.reason


def test_a_schema_that_is_said_holds(shop):
    text = "id,image,size\n1,img/a.png,38\n2,img/b.png,XL\n"
    assert read_text(shop, text, schema={"size": "text"}).values("size") == ["38", "XL"]
    catalogue = read_text(shop, text, schema={"size": "integer"})
    assert catalogue.values("size") == [38]
    assert [r.row for r in catalogue.rejected] == [2]


def test_impossible_dates_stay_text_or_are_refused(shop):
    text = "id,image,day\n1,img/a.png,2024-01-31\n2,img/b.png,2024-02-30\n"
    catalogue = read_text(shop, text, schema={"day": "date"})
    assert catalogue.values("day") == [dt.date(2024, 1, 31)]
    assert [r.row for r in catalogue.rejected] == [2]


def test_json_lines_keep_types_and_lists(shop):
    rows = [
        {"id": "007", "image": ["img/a.png", "img/b.png"], "n": 1, "code": "01", "tags": ["x"]},
        {"id": 8, "image": "img/c.png", "n": 2.5, "code": "2", "ok": True},
    ]
    lines = [json.dumps(rows[0]), "{broken", "[1]", "", json.dumps(rows[1]), '{"id": NaN}']
    catalogue = read_text(shop, "\n".join(lines), name="items.jsonl")
    assert catalogue.item_ids == ["007", "8"]
    assert catalogue.schema == {"n": "number", "code": "text", "tags": "text", "ok": "boolean"}
    assert catalogue[0].attributes == {"n": 1.0, "code": "01", "tags": '["x"]', "ok": None}
    assert len(catalogue[0].pictures) == 2
    assert [r.row for r in catalogue.rejected] == [2, 3, 5]


def test_parquet_keeps_its_types(shop):
    columns = {
        "id": pa.array([1.0, 2.0]),
        "image": pa.array([["img/a.png", "img/b.png"], None], pa.list_(pa.string())),
        "n": pa.array([1, None], pa.int8()),
        "x": pa.array([float("nan"), 2.0]),
        "kind": pa.array(["a", "b"]).dictionary_encode(),
        "when": pa.array([dt.datetime(2024, 1, 1, 3), None], pa.timestamp("ns", "Europe/Berlin")),
        "blob": pa.array([b"x", b"y"]),
        "huge": pa.array([2**64 - 1, 0], pa.uint64()),
    }
    pq.write_table(pa.table(columns), shop / "items.parquet")
    catalogue = Catalogue.read(shop / "items.parquet")
    assert catalogue.item_ids == ["1"]
    assert catalogue.schema == {
        "n": "integer", "x": "number", "kind": "text", "when": "date", "huge": "number",
    }  # fmt: skip
    attributes = catalogue[0].attributes
    assert attributes["x"] is None
    assert attributes["when"] == dt.datetime(2024, 1, 1, 3)
    assert [r.row for r in catalogue.rejected] == [2]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", b""),
        ("a.csv", b"\n\n"),
        ("a.csv", b"id,image\n"),
        ("a.csv", b"id,image,image\n1,a,b\n"),
        ("a.csv", b"\0\x01\x02"),
        ("a.csv.gz", b"not gzip"),
        ("a.jsonl", b"no json at all"),
        ("a.jsonl", b""),
        ("a.parquet", b"PAR1"),
        ("a.parquet", b"id,image"),
    ],
)
def test_a_table_that_cannot_be_read_is_one_clear_error(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError, match=name.replace(".", r"\.")):
        Catalogue.read(tmp_path / name)


def test_addresses_are_found_where_their_files_were_saved(tmp_path):
    """As Amazon's tables of products are: lists of addresses, never fetched."""
    folder = tmp_path / "saved"
    folder.mkdir()
    for name in ("71a.jpg", "B2.jpg"):
        gradient(9, 9).save(folder / name)
    lines = [
        {"asin": f"B{n}", "title": "T", "brand": "Acme", "price": "$12.99",
         "imageURL": [f"https://example.org/I/{image}"]}
        for n, image in ((1, "71a._US40_.jpg"), (2, "81b.jpg"), (3, "91c.jpg"))
    ]  # fmt: skip
    path = tmp_path / "meta.json"
    path.write_text("\n".join(map(json.dumps, lines)))
    catalogue = Catalogue.read(path, pictures=folder)
    names = {item.id: [Path(ref.path).name for ref in item.pictures] for item in catalogue}
    assert names == {"B1": ["71a.jpg"], "B2": ["B2.jpg"]}
    assert catalogue[0].attributes == {"title": "T", "brand": "Acme", "price": "$12.99"}
    assert [rejection.item_id for rejection in catalogue.rejected] == ["B3"]
    assert "not fetched" in catalogue.rejected[0].reason
