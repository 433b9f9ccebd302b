"""Hostile tables: refused as a whole or row by row, with the reason; good rows come."""

from __future__ import annotations

import csv
import gzip
import json
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.catalogue.conftest import encoded, gradient
from vitrine.catalogue import Catalogue, tables
from vitrine.encoders import make_encoder
from vitrine.errors import SourceError
from vitrine.shop import Shop

PICTURE = encoded(gradient(9, 9))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "a.png").write_bytes(PICTURE)
    return tmp_path


def read(folder, content, name="items.csv"):
    data = content if isinstance(content, bytes) else content.encode()
    (folder / name).write_bytes(data)
    started = time.process_time()
    catalogue = Catalogue.read(folder / name)
    assert time.process_time() - started < 5
    return catalogue


def reasons(catalogue):
    return {rejection.item_id: rejection.reason for rejection in catalogue.rejected}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b"\n\n\n", "empty"),
        (b"id,image\n", "no item is left"),
        (b"\xff\xfe\x00\xd8", "cannot be read|empty"),
        ("id,image," + ",".join(f"c{n}" for n in range(100_000)), "100002 columns, over the limit"),
        (b"id,image,image\n1,a.png,a.png\n", "twice"),
        (b"id,image,a,a\n1,a.png,1,2\n", "twice"),
        (b"\0" * 1000, "items.csv"),
        (b'id,image\n"1,a.png\n2,a.png\n', "items.csv"),
        (b"price,image\n1,a.png\n", "plainly the id"),
        ("=id,=image\n1,a.png\n", None),
    ],
)  # fmt: skip
def test_a_table_that_cannot_be_read_says_why(folder, content, says):
    if says is None:
        assert len(read(folder, content)) == 1
        return
    with pytest.raises(SourceError, match=says) as refused:
        read(folder, content)
    assert len(str(refused.value)) < 1_000


@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252", "latin-1", "koi8-r", "cp932"],
)
def test_whatever_wrote_it_the_rows_come(folder, encoding):
    """Without a mark of its encoding a text may be read wrongly, but the items are there."""
    text = "id,image,title\n1,a.png,Größe\n2,a.png,ok\n" if encoding in (
        "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252", "latin-1",
    ) else "id,image,title\n1,a.png,ок\n2,a.png,ok\n"  # fmt: skip
    try:
        catalogue = read(folder, text.encode(encoding, "replace"))
    except SourceError:
        assert encoding == "utf-16-le"  # no mark, and every other byte is zero
        return
    assert catalogue.item_ids == ["1", "2"]
    assert catalogue.values("title")[1] == "ok"
    if encoding in ("utf-8", "utf-8-sig", "utf-16", "cp1252", "latin-1"):
        assert catalogue.values("title")[0] == "Größe"


def test_cells_of_ten_megabytes_are_refused_alone(folder):
    huge = "x" * 10_000_000
    rows = [f"1,a.png,{huge}", f"{huge},a.png,x", f"3,{huge},x", "4,a.png,fine"]
    catalogue = read(folder, "id,image,title\n" + "\n".join(rows))
    assert set(catalogue.item_ids) == {"1", "4"}
    assert {len(one.reason) < 500 for one in catalogue.rejected} == {True}
    Shop.create(folder / "shop", catalogue, make_encoder("pixels")).close()
    with Shop.open(folder / "shop") as shop:
        assert shop.item_ids == ["4"]
    with open(folder / "shop" / "rejected.csv", newline="") as file:
        said = {row["row"]: row["reason"] for row in csv.DictReader(file) if row["item_id"] == "1"}
    assert "10,000,000 characters, over the limit of 100,000" in "".join(said.values())


def test_ragged_rows_are_refused_alone(folder):
    rows = ["1,a.png,1", "2,a.png", "3", ",,,,,", "4,a.png,1,2", "5,a.png,2"]
    catalogue = read(folder, "id,image,n\n" + "\n".join(rows))
    assert catalogue.item_ids == ["1", "5"]
    assert [one.row for one in catalogue.rejected] == [2, 3, 4, 5]


def test_one_wrong_value_among_many_numbers_is_refused_alone(folder):
    rows = [f"{n},a.png,{n}.5" for n in range(200)]
    rows[7] = "7,a.png,a lot"
    catalogue = read(folder, "id,image,price\n" + "\n".join(rows))
    assert len(catalogue) == 199
    assert reasons(catalogue) == {"7": "price: 'a lot' is not of the type number"}


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1.234,56", "2,5"], "text"),  # as in German: not guessed at
        (["1,234.56", "2.5"], "text"),
        (["31.12.2024", "01.02.2024"], "text"),
        (["12/31/2024", "02/01/2024"], "text"),
        (["1 234", "5 678"], "text"),
        (["٣", "٤"], "text"),
        (["１", "２"], "text"),
        (["1e400", "1"], "number"),
        (["0x10", "0b1"], "text"),
        (["1_000", "2"], "text"),
        (["99999999999999999999", "1"], "text"),
        (["NaN", "1"], "integer"),
        (["inf", "1"], "text"),
        (["2024-12-31", "2024-02-29"], "date"),
        (["2024-12-31T23:59:60", "2024-01-01"], "date"),
        (["0000-00-00", "2024-01-01"], "date"),
        (["=1+1", "2"], "text"),
    ],
)  # fmt: skip
def test_what_other_countries_write_is_text_and_not_guessed_wrongly(folder, values, kind):
    rows = "\n".join(f'{n},a.png,"{value}"' for n, value in enumerate(values))
    catalogue = read(folder, f"id,image,v\n{rows}\n")
    assert catalogue.schema == {"v": kind}
    there = [value for value in catalogue.values("v") if value is not None]
    if kind == "text":
        assert there == values
    assert all(value == value and value not in (float("inf"),) for value in there)


@pytest.mark.parametrize(
    "name",
    [
        "../../../etc/passwd", "/etc/passwd", "..\\..\\boot.ini", "a.png/../../x", "\0a.png",
        "a\0.png", "x" * 300, "x/" * 2_000, "new\nline.png", "~/a.png", "$HOME/a.png",
        "file:///etc/passwd", "http://127.0.0.1/b.png", "//host/share/b.png", "\\\\host\\b.png",
        "/dev/zero", "/dev/random", "/proc/self/mem", "/dev/stdin", "pipe.png", "folder",
        "link.png", "dangling.png", "unreadable/a.png", ".", "..", "|touch x", "`touch x`",
        "=1+1",
    ],
)  # fmt: skip
def test_a_row_cannot_lead_out_of_the_folder_or_to_what_is_no_file(folder, tmp_path_factory, name):
    import os

    outside = tmp_path_factory.mktemp("outside") / "secret.png"
    outside.write_bytes(PICTURE)
    os.mkfifo(folder / "pipe.png")
    (folder / "folder").mkdir()
    (folder / "link.png").symlink_to(outside)
    (folder / "dangling.png").symlink_to(folder / "nothing")
    rows = [{"id": "good", "image": "a.png"}, {"id": "bad", "image": name}]
    catalogue = read(folder, "\n".join(map(json.dumps, rows)), "items.jsonl")
    assert catalogue.item_ids == ["good"]
    assert set(reasons(catalogue)) == {"bad"}
    assert not (folder / "x").exists()


def test_a_gzipped_table_unpacks_to_so_much_and_no_more(folder):
    with gzip.open(folder / "items.csv.gz", "wb", 1) as file:
        file.write(b"id,image,title\n")
        for _ in range(200):
            file.write(b"1,a.png," + b"x" * 1_000_000 + b"\n")
    for name in ("items.csv.gz", "items.jsonl.gz"):
        (folder / "items.csv.gz").rename(folder / name)
        with pytest.raises(SourceError, match="over 100 times its size"):
            Catalogue.read(folder / name)
        (folder / name).rename(folder / "items.csv.gz")


def test_a_small_parquet_file_of_many_rows_is_refused(folder, monkeypatch):
    """Runs of one value take next to no room in a file."""
    table = pa.table({"id": pa.array([1] * 10**6), "image": pa.array(["a.png"] * 10**6)})
    pq.write_table(table, folder / "items.parquet")
    assert (folder / "items.parquet").stat().st_size < 50_000
    monkeypatch.setattr(tables, "MAX_CELLS", 1e6)
    with pytest.raises(SourceError, match=r"1,000,000 rows of 2 columns, over the limit"):
        Catalogue.read(folder / "items.parquet")


def test_json_that_is_deep_or_strange_is_refused_by_row(folder):
    lines = [
        '{"id": "good", "image": "a.png"}', "[" * 100_000, '{"a":' * 50_000, "null", "1e999",
        '{"id": {"$gt": ""}, "image": "a.png"}', '{"id": "x", "image": {"path": "a.png"}}',
        '{"id": "y", "image": ["a.png", 7, null, ["a.png"]]}', '"\\ud800"',
        '{"id": "\\ud800", "image": "a.png"}', '{"__proto__": 1, "id": "p", "image": "a.png"}',
        "9" * 10_000,
    ]  # fmt: skip
    catalogue = read(folder, "\n".join(lines), "items.jsonl")
    assert {"good", "y", "p"} <= set(catalogue.item_ids)
    assert len(catalogue) + len({one.row for one in catalogue.rejected}) == len(lines)


CELL = st.text(max_size=12) | st.sampled_from(["", "a.png", "=1", '"', "\x00", "1", "1.5", "true"])


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(
    header=st.lists(CELL, max_size=5),
    rows=st.lists(st.lists(CELL, max_size=6), max_size=6),
    delimiter=st.sampled_from(",;\t|"),
)
def test_any_table_is_read_or_refused(tmp_path_factory, header, rows, delimiter):
    folder = tmp_path_factory.mktemp("any")
    (folder / "a.png").write_bytes(PICTURE)
    with open(folder / "items.csv", "w", newline="", encoding="utf-8", errors="replace") as file:
        csv.writer(file, delimiter=delimiter).writerows([["id", "image", *header], *rows])
    try:
        catalogue = Catalogue.read(folder / "items.csv")
    except SourceError:
        return
    assert 0 < len(catalogue) <= len(rows)
    assert all(item.id and item.pictures for item in catalogue)


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(content=st.binary(max_size=400), name=st.sampled_from(["t.csv", "t.jsonl", "t.parquet",
                                                             "t.csv.gz"]))  # fmt: skip
def test_any_bytes_are_a_table_or_refused(tmp_path_factory, content, name):
    path = tmp_path_factory.mktemp("bytes") / name
    path.write_bytes(content)
    with pytest.raises(SourceError, match=name):
        Catalogue.read(path)
