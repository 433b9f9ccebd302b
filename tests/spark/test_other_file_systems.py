"""Tables and pictures where only Hadoop's clients can read and write them."""

import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.spark.test_embedding import check_like, rows_of
from tests.spark.webhdfs import served
from vitrine.catalogue.decoding import Limits
from vitrine.errors import JobError
from vitrine.spark.embedding import embed
from vitrine.spark.neighbours import neighbours
from vitrine.spark.sources import read_source
from vitrine.spark.vectors import read_vectors

pytestmark = pytest.mark.java


@pytest.fixture
def remote(made, tmp_path):
    """The pictures on a WebHDFS: the folder behind it, its address, and what it was asked for."""
    _, csv = made
    folder = tmp_path / "remote"
    shutil.copytree(csv.parent, folder / "shop")
    with served(folder) as (root, asked):
        yield folder / "shop", f"{root}/shop", asked


def test_pictures_are_read_where_only_spark_can(spark, made, remote):
    shop, _ = made
    folder, address, asked = remote
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n nothing")
    (folder / "large.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(200_000))
    shutil.move(folder / "apple" / "apple-0.png", folder / "apple" / "100 % red.png")
    cells = [f"{name}/{name}-{i}.png" for name in ("apple", "leaf", "sea") for i in range(8)]
    ids = [cell.split("/")[1][:-4] for cell in cells]
    cells[0], cells[1] = "apple/100 % red.png", f"{address}/{cells[1]}"
    bad = {
        "gone": "nowhere.png", "broken": "broken.png", "large": "large.png", "blank": None,
        "outside": address.replace("/shop", "/other/a.png"), "web": "https://example.org/a.png",
    }  # fmt: skip
    table = pa.table({"id": [*ids, *bad], "image": [*cells, *bad.values()],
                      "price": range(30), "size.eu": range(30)})  # fmt: skip
    pq.write_table(table, folder / "items.parquet")
    source = read_source(spark, f"{address}/items.parquet")
    output = f"{address}/vectors.parquet"
    result = embed(
        spark, source, shop.encoder_files(), output, limits=Limits(max_bytes=100_000), partitions=2
    )
    assert (result.items, result.refused) == (24, 6)
    rows = rows_of(folder / "vectors.parquet")
    check_like(shop, rows)
    assert (rows["leaf-2"]["price"], rows["leaf-2"]["size.eu"]) == (10, 10)
    assert rows["leaf-2"]["picture"] == [f"{address}/leaf/leaf-2.png"]
    reasons = {name: rows[name]["reason"] for name in bad}
    assert "there is no such picture" in reasons["gone"]
    assert "damaged" in reasons["broken"]
    assert "0.2 MB, over the limit of 0.1 MB" in reasons["large"]
    assert reasons["blank"] == "it has no picture"
    assert "lies outside of" in reasons["outside"]
    assert "not fetched" in reasons["web"]
    opened = {path for operation, path in asked if operation == "OPEN"}
    assert any(path.endswith("leaf-2.png") for path in opened)
    assert not any(path.endswith("large.png") for path in opened)


def test_several_pictures_of_an_item_stay_in_order_and_one_bad_one_costs_itself_only(
    spark, made, remote
):
    shop, _ = made
    folder, address, _ = remote
    views = [["sea/sea-1.png", "gone.png", "leaf/leaf-1.png"], ["leaf/leaf-1.png", "sea/sea-1.png"]]
    pq.write_table(pa.table({"id": ["a", "b"], "image": views}), folder / "items.parquet")
    out = f"{address}/out.parquet"
    embed(
        spark,
        read_source(spark, f"{address}/items.parquet"),
        shop.encoder_files(),
        out,
        partitions=2,
    )
    rows = rows_of(folder / "out.parquet")
    assert rows["a"]["picture"] == [f"{address}/sea/sea-1.png", f"{address}/leaf/leaf-1.png"]
    assert rows["b"]["picture"] == rows["a"]["picture"][::-1]
    np.testing.assert_allclose(rows["a"]["vector"], rows["b"]["vector"], atol=1e-6)


def test_a_folder_that_is_not_there_is_said(spark, made, remote):
    shop, _ = made
    folder, address, _ = remote
    pq.write_table(pa.table({"id": ["a"], "image": ["a.png"]}), folder / "items.parquet")
    source = read_source(spark, f"{address}/items.parquet", pictures=f"{address}/nowhere")
    with pytest.raises(JobError, match="nowhere"):
        embed(spark, source, shop.encoder_files(), f"{address}/out.parquet")


def test_neighbours_of_a_table_there_are_written_there(spark, clustered, remote):
    ids, vectors = clustered
    folder, address, _ = remote
    table = pa.table({"item_id": ids, "vector": list(vectors)})
    pq.write_table(table, folder / "vectors.parquet")
    neighbours(
        spark, read_vectors(spark, f"{address}/vectors.parquet"), 5, f"{address}/similar.parquet"
    )
    found = pq.read_table(folder / "similar.parquet").to_pandas()
    assert len(found) == 5 * len(ids)
    first = found[(found["item_id"] == "item-0") & (found["rank"] == 1)].iloc[0]
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    scores = units @ units[0]
    scores[0] = -np.inf
    assert first["neighbour_id"] == ids[int(scores.argmax())]
