import signal
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.pictures import write_class_folders, write_table

from vitrine.catalogue import Catalogue
from vitrine.cli.main import run
from vitrine.encoders import make_encoder
from vitrine.errors import InputError, SourceError
from vitrine.shop import Shop, vector_import
from vitrine.shop.vector_tables import Origin
from vitrine.store.at_once import NO_PICTURE


def encoder():
    return make_encoder("colour", n_components=3)


@pytest.fixture
def shop(tmp_path):
    table = write_table(tmp_path / "catalogue")
    with Shop.create(tmp_path / "shop", Catalogue.read(table), encoder()) as shop:
        yield shop


def origin(shop):
    return Origin.of(shop._store.artifact(shop._store.state().encoder_id))


def write_vectors(path, shop, ids, vectors, **columns):
    """Write a table as Arrow would: who made the vectors stands in the footer."""
    table = pa.table(
        {"item_id": ids, "vector": pa.array(vectors, pa.list_(pa.float32())), **columns}
    )
    table = table.replace_schema_metadata({"vitrine": origin(shop).to_text()})
    pq.write_table(table, path)
    return path


def test_an_export_comes_in_as_it_was(shop, tmp_path):
    shop.export(tmp_path / "out.parquet")
    before = shop.vectors
    shop.remove(["leaf-1", "sea-2"])
    result = shop.import_vectors(tmp_path / "out.parquet")
    assert (result.added, result.updated, result.rejected) == (2, 22, [])
    ids = shop.item_ids
    assert sorted(ids[-2:]) == ["leaf-1", "sea-2"]
    with Shop.open(shop.path) as again:
        np.testing.assert_array_equal(again.vectors_of(sorted(ids)), shop.vectors_of(sorted(ids)))
        np.testing.assert_array_equal(again.vectors_of(["apple-0"])[0], before[0])
        assert again.values("price")[again.item_ids.index("sea-2")] == 22
        assert again.similar("leaf-1", where="price<15")


def test_all_rows_have_one_change_number_and_readers_see_all_or_none(shop, tmp_path, monkeypatch):
    monkeypatch.setattr("vitrine.shop.vector_import.BATCH_ITEMS", 4)
    ids = [f"new-{i}" for i in range(10)]
    vectors = np.random.default_rng(0).normal(size=(10, 3)).tolist()
    path = write_vectors(tmp_path / "v.parquet", shop, ids, vectors)
    seen = []
    counted = vector_import._counted

    def look(progress, batch):
        with Shop.open(shop.path) as other:
            seen.append(len(other))
        return counted(progress, batch)

    monkeypatch.setattr(vector_import, "_counted", look)
    number = shop.info().change_number
    result = shop.import_vectors(path)
    assert seen == [24, 24, 24]
    assert result.change_number == number + 1 == shop.info().change_number
    assert len(shop) == 34


def test_bad_rows_are_refused_with_their_reason(shop, tmp_path):
    vectors = [
        [1, 2, 3],
        [1, 2],
        None,
        [0, 0, 0],
        [1, float("nan"), 2],
        [1, 2, 3],
        [3, 2, 1],
        [1, 1, 1],
    ]
    ids = ["good", "short", "none", "zero", "nan", "good", None, "told"]
    reasons = [None] * 7 + ["the picture is damaged"]
    path = write_vectors(
        tmp_path / "v.parquet", shop, ids, vectors, reason=pa.array(reasons, pa.string())
    )
    result = shop.import_vectors(path)
    assert (result.added, result.updated) == (1, 0)
    said = {rejection.row: rejection.reason for rejection in result.rejected}
    assert said[2] == "its vector has 2 numbers, the shop's have 3"
    assert said[3] == "it has no vector"
    assert "all zeros" in said[4]
    assert "not finite" in said[5]
    assert "there already" in said[6]
    assert "an id has" in said[7]
    assert said[8] == "the picture is damaged"
    assert "its vector has 2 numbers" in shop.rejected_path.read_text()


def test_vectors_alone_keep_pictures_thumbnails_and_attributes(shop, tmp_path):
    path = write_vectors(tmp_path / "v.parquet", shop, ["apple-3"], [[9, 9, 9]])
    picture, small = shop.pictures(["apple-3"])[0], shop.thumbnails(["apple-3"])
    shop.import_vectors(path)
    np.testing.assert_array_equal(shop.vectors_of(["apple-3"])[0], [9, 9, 9])
    np.testing.assert_array_equal(shop.pictures(["apple-3"])[0], picture)
    assert shop.thumbnails(["apple-3"]) == small
    assert shop.values("price")[3] == 3


def test_new_items_bring_attributes_and_pictures(shop, tmp_path):
    photo = write_class_folders(tmp_path / "more", 1, 50) / "sea" / "sea-50.png"
    ids = ["by-path", "by-uri", "bare"]
    path = write_vectors(
        tmp_path / "v.parquet", shop, ids, [[1, 2, 3]] * 3,
        picture=pa.array([str(photo), photo.as_uri(), None], pa.string()),
        price=[5, 6, 7], brand=["a", "b", None],
    )  # fmt: skip
    result = shop.import_vectors(path, tmp_path / "more")
    assert (result.added, result.unlinked) == (3, 0)
    assert shop.schema["brand"] == "text"
    assert shop.values("brand")[-3:] == ["a", "b", None]
    assert [hit.id for hit in shop.similar("apple-1", 5, "brand=b")] == ["by-uri"]
    assert shop.pictures(ids[:2])[0] is not None
    assert shop.pictures(ids[:2])[1] is not None
    assert shop.pictures(["bare"]) == [None]
    assert shop.have_pictures(ids) == {"by-path", "by-uri"}
    assert shop._store.pictures(["bare"])["bare"][0].path == str(shop.path.resolve() / NO_PICTURE)


def test_a_table_cannot_show_files_from_elsewhere(shop, tmp_path):
    (tmp_path / "here").mkdir()
    secret = write_class_folders(tmp_path / "secret", 1) / "sea" / "sea-0.png"
    path = write_vectors(
        tmp_path / "here" / "v.parquet", shop, ["a", "b", "c"], [[1, 2, 3]] * 3,
        picture=[str(secret), "../secret/sea/sea-0.png", "s3a://bucket/c.png"],
    )  # fmt: skip
    result = shop.import_vectors(path)
    assert (result.added, result.unlinked) == (3, 3)
    assert "lies outside of" in result.why_unlinked
    assert shop.have_pictures(["a", "b", "c"]) == set()
    with pytest.raises(SourceError, match="no such folder of pictures"):
        shop.import_vectors(path, tmp_path / "nowhere")


def test_a_value_that_does_not_fit_the_shops_type_is_refused(shop, tmp_path):
    path = write_vectors(
        tmp_path / "v.parquet", shop, ["a", "b"], [[1, 2, 3]] * 2, price=["5", "dear"]
    )
    result = shop.import_vectors(path)
    assert result.added == 1
    assert result.rejected[0].reason == "price: 'dear' is not of the type integer"


def test_pictures_that_came_so_are_not_encoded_again(shop, tmp_path):
    folder = write_class_folders(tmp_path / "more", 2, 70)
    catalogue = Catalogue.read(folder)
    vectors = shop.encoder.transform(catalogue.pictures())
    path = write_vectors(
        tmp_path / "v.parquet", shop, [item.id for item in catalogue], vectors.tolist(),
        picture=[item.pictures[0].path for item in catalogue],
        category=[item.attributes["category"] for item in catalogue],
    )  # fmt: skip
    shop.import_vectors(path, folder)
    result = shop.add(catalogue)
    assert (result.added, result.updated, result.unchanged) == (0, 0, 6)


def test_another_encoders_vectors_are_refused(shop, tmp_path):
    shop.export(tmp_path / "out.parquet")
    shop.retrain(make_encoder("pixels", n_components=3))
    with pytest.raises(InputError, match=r"another encoder \(colour, 3 dimensions.*pixels, 3"):
        shop.import_vectors(tmp_path / "out.parquet")


def test_what_is_no_table_of_vectors_is_refused(shop, tmp_path):
    plain = tmp_path / "plain.parquet"
    pq.write_table(pa.table({"item_id": ["a"], "vector": [[1.0, 2.0, 3.0]]}), plain)
    with pytest.raises(InputError, match="does not say which encoder"):
        shop.import_vectors(plain)
    pq.write_table(pa.table({"item_id": ["a"]}), plain)
    with pytest.raises(SourceError, match="no column vector"):
        shop.import_vectors(plain)
    plain.write_bytes(b"no")
    with pytest.raises(SourceError, match="cannot be read as Parquet"):
        shop.import_vectors(plain)
    with pytest.raises(SourceError, match="no such file"):
        shop.import_vectors(tmp_path / "none.parquet")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match=r"no \.parquet file"):
        shop.import_vectors(tmp_path / "empty")
    table = pa.table({"item_id": ["a"], "vector": [[1.0, 2.0, 3.0]]})
    pq.write_table(table.replace_schema_metadata({"vitrine": "{}"}), plain)
    with pytest.raises(SourceError, match="does not say completely"):
        shop.import_vectors(plain)


KILLED = """
import os, signal, sys
from vitrine.shop import Shop, vector_import
vector_import.BATCH_ITEMS = 5
counted, batches = vector_import._counted, []
def kill(progress, batch):
    batches.append(batch)
    if len(batches) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return counted(progress, batch)
vector_import._counted = kill
Shop.open(sys.argv[1]).import_vectors(sys.argv[2])
"""


def test_a_kill_in_the_middle_leaves_the_shop_as_it_was(shop, tmp_path):
    ids = [f"new-{i}" for i in range(20)]
    path = write_vectors(tmp_path / "v.parquet", shop, ids, np.ones((20, 3)).tolist())
    number = shop.info().change_number
    done = subprocess.run([sys.executable, "-c", KILLED, shop.path, path], check=False)
    assert done.returncode == -signal.SIGKILL
    shop.refresh()
    assert (len(shop), shop.info().change_number) == (24, number)
    assert shop.import_vectors(path).added == 20


def test_the_command(shop, tmp_path, capsys):
    path = write_vectors(tmp_path / "v.parquet", shop, ["a", "b"], [[1, 2, 3], [0, 0, 0]])
    assert run(["import-vectors", str(shop.path), str(path)]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "25 items (1 added, 0 updated, all with change number" in printed
    assert "1 refused" in printed
