import gzip
import struct

import numpy as np
import pytest

from vitrine.catalogue import Catalogue, PictureRef, decode
from vitrine.catalogue.idx import read_idx
from vitrine.errors import PictureError, SourceError


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


@pytest.fixture
def digits(tmp_path):
    rng = np.random.default_rng(0)
    for stem, n, pack in (("train", 20, gzip.compress), ("t10k", 10, bytes)):
        pictures = rng.integers(0, 256, (n, 8, 6), dtype=np.uint8)
        labels = (np.arange(n) % 10).astype(np.uint8)
        suffix = ".gz" if pack is gzip.compress else ""
        (tmp_path / f"{stem}-images-idx3-ubyte{suffix}").write_bytes(pack(idx(pictures)))
        (tmp_path / f"{stem}-labels-idx1-ubyte{suffix}").write_bytes(pack(idx(labels)))
    return tmp_path


def test_pairs_become_parts(digits):
    catalogue = Catalogue.read(digits)
    assert catalogue.parts == ("train", "test")
    assert len(catalogue.part("train")) == 20
    assert catalogue[23].id == "test-3"
    assert catalogue[23].attributes == {"category": "3"}
    picture = catalogue.pictures()[23]
    assert picture.shape == (8, 6)
    assert np.array_equal(picture, read_idx(digits / "t10k-images-idx3-ubyte")[3])


def test_slices_are_arrays_and_the_stream_agrees(digits):
    catalogue = Catalogue.read(digits)
    array = catalogue.pictures()[5:25]
    assert isinstance(array, np.ndarray)
    assert array.shape == (20, 8, 6)
    streamed = [p[0] for batch in catalogue.decoded(7) for p in batch.pictures]
    assert np.array_equal(np.stack(streamed)[5:25], array)


def test_one_file_with_the_labels_beside_it(digits):
    catalogue = Catalogue.read(digits / "train-images-idx3-ubyte.gz")
    assert catalogue.parts == ("train",)
    assert catalogue.values("category")[:3] == ["0", "1", "2"]


def test_pictures_without_labels_have_no_category(digits):
    for path in digits.glob("*labels*"):
        path.unlink()
    assert Catalogue.read(digits).schema == {}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0\0\x08",
        b"\0\0\x08\x03\0\0\0\x02",
        struct.pack(">BBBBIII", 0, 0, 8, 3, 2, 2, 2) + b"1234567",
        struct.pack(">BBBBIII", 0, 0, 8, 3, 2, 2, 2) + b"123456789",
        struct.pack(">BBBBIII", 0, 0, 13, 3, 1, 1, 1) + b"1234",
        struct.pack(">BBBBIII", 0, 0, 8, 3, 2**31, 2**31, 2**31),
        struct.pack(">BBBBIII", 0, 0, 8, 3, 0, 28, 28),
        gzip.compress(struct.pack(">BBBBIII", 0, 0, 8, 3, 2, 2, 2) + b"1234567", mtime=0)[:-9],
        gzip.compress(struct.pack(">BBBBIII", 0, 0, 8, 3, 1, 1, 1) + bytes(10**6), mtime=0),
    ],
)
def test_damaged_files_are_one_clear_error(tmp_path, content):
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(content)
    with pytest.raises(SourceError, match="train-images-idx3-ubyte"):
        Catalogue.read(tmp_path)


def test_labels_of_another_number_are_an_error(digits):
    (digits / "t10k-labels-idx1-ubyte").write_bytes(idx(np.zeros(9, np.uint8)))
    with pytest.raises(SourceError, match="10 pictures"):
        Catalogue.read(digits)


def test_a_file_that_goes_away_refuses_its_pictures(digits):
    catalogue = Catalogue.read(digits)
    (digits / "t10k-images-idx3-ubyte").unlink()
    batches = list(catalogue.decoded(batch_size=10))
    assert [len(batch.items) for batch in batches] == [10, 10, 0]
    assert len(batches[2].rejected) == 10
    with pytest.raises(PictureError, match="no picture in row 99"):
        decode(PictureRef(str(digits / "train-images-idx3-ubyte.gz"), 99))
