import csv
import datetime as dt
import os

import numpy as np
import pytest
from tests.catalogue.conftest import gradient

from vitrine.catalogue import Catalogue, Item, Limits, PictureRef, Rejection, write_rejected
from vitrine.encoders.preprocessing import Preprocessing
from vitrine.errors import OptionError, PictureError


def test_it_is_a_sequence_of_items(photos):
    catalogue = Catalogue.read(photos)
    assert len(catalogue) == 6
    assert catalogue[-1].id == "shoe1"
    assert [item.id for item in catalogue] == catalogue.item_ids
    assert catalogue[1:3].item_ids == ["bag1", "hat0"]
    with pytest.raises(IndexError):
        catalogue[6]


def test_take_keeps_the_order_given(photos):
    catalogue = Catalogue.read(photos).take([5, 0, 2]).take(np.array([2, 0]))
    assert catalogue.item_ids == ["hat0", "shoe1"]
    assert catalogue.values("category") == ["hat", "shoe"]


def test_what_is_not_there_is_named(photos):
    catalogue = Catalogue.read(photos)
    with pytest.raises(OptionError, match=r"no attribute 'price'; it has category"):
        catalogue.values("price")
    with pytest.raises(OptionError, match="no parts"):
        catalogue.part("train")


def test_pictures_decode_on_access(photos):
    pictures = Catalogue.read(photos).pictures()
    assert len(pictures) == 6
    assert pictures[1].shape == (30, 21, 3)
    assert [picture.shape[1] for picture in pictures[2:5]] == [20, 21, 20]
    assert [picture.shape[1] for picture in pictures] == [20, 21] * 3
    (photos / "bag" / "bag1.jpg").write_bytes(b"<html>")
    with pytest.raises(PictureError, match=r"bag1\.jpg"):
        pictures[1]
    with pytest.raises(PictureError, match=r"bag1\.jpg"):
        pictures[:3]


def test_preprocessing_in_the_pool_gives_what_it_gives_outside(photos):
    catalogue = Catalogue.read(photos)
    preprocessing = Preprocessing(16, 12)
    inside = list(preprocessing.batches(catalogue.pictures(), 4))
    assert [len(batch) for batch in inside] == [4, 2]
    outside = preprocessing.stack(list(catalogue.pictures(cover=preprocessing.cover)))
    assert np.array_equal(np.concatenate(inside), outside)


@pytest.mark.parametrize("channels", [1, 3])
def test_prepared_pictures_pass_the_preprocessing_unchanged(photos, channels):
    catalogue = Catalogue.read(photos)
    preprocessing = Preprocessing(16, 12, channels)
    (batch,) = catalogue.decoded(cover=preprocessing.cover, then=preprocessing.prepare)
    prepared = preprocessing.stack([pictures[0] for pictures in batch.pictures])
    assert np.array_equal(prepared, preprocessing.stack(catalogue.pictures()))


def test_bad_pictures_are_refused_and_their_neighbours_get_through(photos):
    (photos / "bag" / "bag1.jpg").write_bytes(b"")
    (photos / "hat" / "hat0.jpg").write_bytes(b"<html>")
    catalogue = Catalogue.read(photos)
    batches = list(catalogue.decoded(batch_size=2))
    assert [[item.id for item in b.items] for b in batches] == [
        ["bag0"],
        ["hat1"],
        ["shoe0", "shoe1"],
    ]
    assert all(len(b.items) == len(b.pictures) for b in batches)
    rejected = [r for b in batches for r in b.rejected]
    assert [r.item_id for r in rejected] == ["bag1", "hat0"]
    assert rejected[0].picture == str(photos / "bag" / "bag1.jpg")
    assert rejected[0].reason == "the file is empty (0 bytes)"


def test_limits_of_the_catalogue_hold_for_its_pictures(photos):
    catalogue = Catalogue.read(photos, limits=Limits(max_pixels=600))
    (batch,) = catalogue.decoded()
    assert len(batch.items) == len(batch.rejected) == 3
    with pytest.raises(PictureError):
        catalogue.take([1]).pictures()[0]


def test_readable_leaves_the_broken_out(photos):
    (photos / "bag" / "bag1.jpg").write_bytes(b"<html>")
    readable = Catalogue.read(photos).readable()
    assert len(readable) == len(list(readable.pictures())) == 5
    assert [r.item_id for r in readable.rejected] == ["bag1"]


def test_several_pictures_an_item_keep_the_good_ones(photos):
    (photos / "hat" / "hat1.jpg").write_bytes(b"")
    table = photos / "items.csv"
    table.write_text("id,image\nx,hat/hat0.jpg;hat/hat1.jpg;bag/bag0.jpg\ny,hat/hat1.jpg\n")
    (batch,) = Catalogue.read(table).decoded()
    (item,) = batch.items
    assert [os.path.basename(ref.path) for ref in item.pictures] == ["hat0.jpg", "bag0.jpg"]
    assert len(batch.pictures[0]) == 2
    assert [(r.item_id, r.row) for r in batch.rejected] == [("x", 1), ("y", 2)]


def test_the_fingerprint_changes_with_the_item_and_with_its_file(photos):
    item = Catalogue.read(photos)[0]
    first = item.fingerprint()
    assert first == Catalogue.read(photos)[0].fingerprint()
    path = item.pictures[0].path
    other = Item(item.id, item.pictures, {"category": "hat"})
    assert other.fingerprint() != first
    os.utime(path, ns=(0, os.stat(path).st_mtime_ns + 1000))
    touched = item.fingerprint()
    assert touched != first
    os.remove(path)
    assert item.fingerprint() not in (first, touched)


def test_fingerprints_know_dates_from_rows():
    ref = (PictureRef("/nowhere"),)
    prints = {
        Item("a", ref, {"d": value}).fingerprint()
        for value in (dt.date(2024, 1, 1), dt.datetime(2024, 1, 1), 1, 1.5, True, "1", None)
    }
    assert len(prints) == 7
    assert Item("a", (PictureRef("/nowhere", 0),), {}) != Item("a", ref, {})


def test_rejected_csv_runs_no_formula(tmp_path):
    rejections = [
        Rejection("items.csv", 3, "=cmd|'/c calc'!A1", "+1.jpg", '-bad, "quoted"\nreason'),
        Rejection("\udcff.jpg", None, None, None, "@x"),
    ]
    write_rejected(rejections, tmp_path / "rejected.csv")
    with open(tmp_path / "rejected.csv", encoding="utf-8", newline="") as file:
        header, first, second = csv.reader(file)
    assert header == ["source", "row", "item_id", "picture", "reason"]
    assert first[:2] == ["items.csv", "3"]
    assert all(cell.startswith("'") for cell in first[2:])
    assert second[1:4] == ["", "", ""]


def test_grey_and_large_pictures_mix(tmp_path):
    gradient(700, 900).convert("L").save(tmp_path / "a.png")
    gradient(9, 9).save(tmp_path / "b.png")
    (batch,) = Catalogue.read(tmp_path).decoded(cover=100)
    assert [p[0].shape for p in batch.pictures] == [(129, 100, 3), (9, 9, 3)]
