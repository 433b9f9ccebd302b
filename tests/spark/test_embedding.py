import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from vitrine.catalogue.decoding import Limits
from vitrine.encoders import make_encoder
from vitrine.errors import OptionError, SourceError
from vitrine.spark.embedding import embed
from vitrine.spark.encoders import ready_files
from vitrine.spark.sources import read_source

pytestmark = pytest.mark.java


def rows_of(path):
    return {row["item_id"]: row for row in pq.read_table(path).to_pylist()}


def check_like(shop, rows):
    """See that each row's vector is the shop's own."""
    ids = shop.item_ids
    for item_id, own in zip(ids, shop.vectors, strict=True):
        vector = np.array(rows[item_id]["vector"], np.float32)
        assert vector @ own / np.linalg.norm(vector) / np.linalg.norm(own) >= 0.9999


@pytest.fixture
def table_of_paths(made, tmp_path):
    """A Parquet table beside the pictures: good paths, absolute and relative, and bad ones."""
    _, csv = made
    folder = csv.parent
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n nothing")
    outside = tmp_path / "outside.png"
    Image.new("RGB", (30, 30)).save(outside)
    rows = [(f"{name}-{i}", f"{name}/{name}-{i}.png") for name in ("apple", "leaf", "sea")
            for i in range(8)]  # fmt: skip
    rows[1] = (rows[1][0], str(folder / rows[1][1]))
    rows[2] = (rows[2][0], (folder / rows[2][1]).as_uri())
    rows += [
        ("gone", "nowhere.png"),
        ("broken", "broken.png"),
        ("outside", str(outside)),
        ("web", "https://example.org/a.png"),
        ("blank", None),
        (None, "sea/sea-0.png"),
    ]
    table = pa.table({
        "id": [row[0] for row in rows],
        "image": [row[1] for row in rows],
        "price": list(range(len(rows))),
    })  # fmt: skip
    path = folder / "paths.parquet"
    pq.write_table(table, path)
    return path


def test_paths_become_the_vectors_of_one_machine_and_bad_ones_reasons(
    spark, made, table_of_paths, tmp_path
):
    shop, _ = made
    out = tmp_path / "out.parquet"
    result = embed(spark, read_source(spark, str(table_of_paths)), shop.encoder_files(), str(out))
    assert (result.items, result.refused, result.dimensions) == (24, 6, 192)
    rows = rows_of(out)
    check_like(shop, rows)
    assert rows["leaf-2"]["price"] == 10
    assert rows["leaf-2"]["picture"] == [str(table_of_paths.parent / "leaf/leaf-2.png")]
    assert rows["leaf-2"]["reason"] is None
    reasons = {item_id: row["reason"] for item_id, row in rows.items() if not row["vector"]}
    assert "no such picture" in reasons["gone"]
    assert "damaged" in reasons["broken"]
    assert "outside of" in reasons["outside"]
    assert "not fetched" in reasons["web"]
    assert reasons["blank"] == "it has no picture"
    assert reasons[None] == "the id is empty"


def test_bytes_are_as_good_as_paths_and_limits_hold(spark, made, tmp_path):
    shop, csv = made
    ids = shop.item_ids
    contents = [(csv.parent / name.split("-")[0] / f"{name}.png").read_bytes() for name in ids]
    Image.new("RGB", (200, 100)).save(tmp_path / "large.png")
    contents += [(tmp_path / "large.png").read_bytes(), b"no picture", b"", bytes(50_000)]
    table = pa.table({"id": [*ids, "large", "text", "empty", "heavy"], "image": contents})
    pq.write_table(table, tmp_path / "bytes.parquet")
    source = read_source(spark, str(tmp_path / "bytes.parquet"))
    out = str(tmp_path / "out.parquet")
    limits = Limits(max_pixels=10_000, max_bytes=40_000)
    result = embed(spark, source, shop.encoder_files(), out, limits=limits)
    assert (result.items, result.refused) == (24, 4)
    rows = rows_of(out)
    check_like(shop, rows)
    assert "megapixels" in rows["large"]["reason"]
    assert "not a picture" in rows["text"]["reason"]
    assert rows["heavy"]["reason"] == "0.1 MB, over the limit of 0.04 MB"
    assert rows["sea-1"]["picture"] is None


def test_a_listed_catalogue_goes_over_the_cluster_and_into_a_shop(spark, made, tmp_path):
    shop, csv = made
    (tmp_path / "more.csv").write_text(csv.read_text() + "ghost,ghost.png,sea,1,true\n")
    source = read_source(spark, str(tmp_path / "more.csv"), pictures=str(csv.parent))
    out = tmp_path / "out.parquet"
    result = embed(spark, source, shop.encoder_files(), str(out))
    assert (result.items, result.refused) == (24, 1)
    rows = rows_of(out)
    check_like(shop, rows)
    number = shop.info().change_number
    imported = shop.import_vectors(out)
    assert (imported.added, imported.updated) == (0, 24)
    assert imported.change_number == number + 1
    assert [rejection.item_id for rejection in imported.rejected] == ["ghost"]
    assert shop.values("price")[0] == 0


def test_what_is_there_is_not_overwritten_unless_told(spark, made, tmp_path):
    shop, csv = made
    out = tmp_path / "out.parquet"
    out.mkdir()
    (out / "mine.txt").write_text("keep")
    source = read_source(spark, str(csv))
    with pytest.raises(OptionError, match="--overwrite"):
        embed(spark, source, shop.encoder_files(), str(out), partitions=2)
    assert (
        embed(spark, source, shop.encoder_files(), str(out), partitions=2, overwrite=True).items
        == 24
    )


def test_an_encoder_that_must_learn_first_is_refused():
    with pytest.raises(OptionError, match="--like SHOP"):
        ready_files(make_encoder("looks"))


def test_sources_that_cannot_be_read_are_said(spark, tmp_path):
    with pytest.raises(SourceError, match=r"only Parquet tables"):
        read_source(spark, "s3a://bucket/photos")
    with pytest.raises(SourceError, match="Spark cannot read it"):
        read_source(spark, str(tmp_path / "none.parquet"))
    pq.write_table(pa.table({"id": ["a"], "x": [1]}), tmp_path / "no.parquet")
    with pytest.raises(SourceError, match="say which one does with --picture-column"):
        read_source(spark, str(tmp_path / "no.parquet"))
