"""Hostile pictures: each refused with its reason, in little time and memory; the others come."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.catalogue.conftest import encoded, gradient
from tests.hostile import pictures as made
from vitrine.catalogue import Catalogue, PictureRef, decode_bytes, decode_many
from vitrine.errors import PictureError

JPEG = encoded(gradient(40, 30), "JPEG", quality=90)
PNG = encoded(gradient(40, 30))
WEBP = encoded(gradient(40, 30), "WEBP")


@dataclass
class Case:
    """What makes a file, what is said of it (None: it is read), and what it may take."""

    make: Callable[[], bytes]
    says: str | None
    seconds: float = 1.0
    megabytes: float = 60.0


def large(make: Callable[[], bytes]) -> Case:
    """As large as a picture may be: it is read, within what the guarantees say."""
    return Case(make, None, seconds=6.0, megabytes=600.0)


CASES = {
    # bombs that the header does not hide
    "png-50000": Case(lambda: made.png(50_000, 50_000, zlib.compress(b"0")), "50 megapixels"),
    "png-2-billion": Case(lambda: made.png(2**31 - 1, 2**31 - 1, b""), "50 megapixels|damaged"),
    "png-90-megapixels": Case(lambda: made.png_of_zeros(10_000, 9_000), "50 megapixels"),
    "jpeg-65000": Case(
        lambda: JPEG.replace(b"\0\x1e\0\x28", b"\xfd\xe8\xfd\xe8", 1), "50 megapixels"
    ),
    "gif-65535": Case(lambda: made.gif_with_frames(1)[:6] + b"\xff" * 4
                      + made.gif_with_frames(1)[10:], "50 megapixels"),
    "webp-16383": Case(lambda: made.webp_header(16_383, 16_383),
                       "50 megapixels"),
    "tiff-tile": Case(lambda: made.tiff_with_tile(40_000, 40_000), "tiles of 40000×40000"),
    # as large as is allowed, and nothing but air
    "air-png": large(lambda: made.png_of_zeros(7_000, 7_000, colour=2)),
    "air-png-transparent": large(lambda: made.png_of_zeros(7_000, 7_000, depth=16)),
    "air-png-grey-16": large(lambda: made.png_of_zeros(7_000, 7_000, depth=16, colour=0)),
    "air-gif": large(lambda: encoded(Image.new("P", (7_000, 7_000)), "GIF")),
    "air-jpeg-progressive": large(lambda: made.progressive(7_000, 7_000)),
    # more in it than its pixels say
    "png-more-than-said": Case(lambda: made.png(9, 9, made.zeros(100 * made.MB)), None),
    "png-text": Case(lambda: made.png_with_texts(1, 100 * made.MB), "damaged"),
    "png-texts": Case(lambda: made.png_with_texts(80, made.MB), "damaged"),
    "png-chunks": Case(lambda: made.png_with_chunks(1_000_000), "over 20,000 chunks"),
    "png-profile": Case(lambda: made.png_with_profile(100 * made.MB), "damaged"),
    "gif-frames": Case(lambda: made.gif_with_frames(50_000), None),
    "gif-comments": Case(lambda: made.gif_with_comments(1_000_000), "over 20,000 blocks"),
    "gif-stray": Case(lambda: b"GIF89a\1\0\1\0\0\0\0" + b"x" * made.MB, "over 20,000 blocks"),
    "webp-frames": Case(lambda: made.webp_with_frames(200), None),
    "tiff-tiles": Case(lambda: made.tiff_with_tiles(2_000_000), "numbers in its directory"),
    "tiff-tags": Case(lambda: made.tiff_with_tags(20_000, made.MB), "over 1,000 entries"),
    "tiff-shared-tags": Case(lambda: made.tiff_with_tags(900, 10 * made.MB), None),
    "tiff-circle": Case(made.tiff_that_goes_in_circles, None),
    "tiff-big": Case(lambda: b"II+\0\x08\0\0\0" + bytes(100), "BigTIFF"),
    "tiff-jpeg": Case(lambda: encoded(gradient(40, 30), "TIFF", compression="jpeg"),
                      "compression 7"),
    "jpeg-scans": Case(lambda: made.jpeg_with_scans(4_000), "scans"),
    "jpeg-scans-hidden": Case(lambda: made.jpeg_with_scans(4_000).replace(
        b"\xff\xda", b"\0\0\0\xff\xda", 3), "scans|damaged"),
    "jpeg-scans-large": Case(lambda: made.jpeg_with_scans(60, 6_000), "over 55 scans"),
    "jpeg-segments": Case(lambda: made.jpeg_with_segments(1_000_000), "over 2,000 segments"),
    "jpeg-stray": Case(lambda: b"\xff\xd8\xff\xe9\0\2" + bytes(made.MB) + JPEG[2:], "between"),
    "bmp-runs": Case(lambda: made.bmp_runs(1_500), "run-length"),
    # EXIF
    **{
        f"exif-{turn}": Case(lambda turn=turn: made.jpeg_with_exif(made.exif(turn)), None)
        for turn in (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 65_535)
    },
    "exif-little-endian": Case(lambda: made.jpeg_with_exif(made.exif(6, "<")), None),
    "exif-noise": Case(lambda: made.jpeg_with_exif(os.urandom(2_000)), None),
    "exif-short": Case(lambda: made.jpeg_with_exif(made.exif(6)[:9]), None),
    "exif-circle": Case(lambda: made.jpeg_with_exif(made.exif(6)[:-4] + b"\0\0\0\x08"), None),
    "exif-often": Case(lambda: made.jpeg_with_exif(bytes(60_000), 20), "1 MB of EXIF"),
    "exif-in-png": Case(lambda: made.png_with(b"eXIf", bytes(40 * made.MB)), None,
                        megabytes=200),
    # what is no picture, whatever it is called
    "nothing": Case(lambda: b"", "0 bytes"),
    "a-byte": Case(lambda: b"\xff", "not a picture"),
    "postscript": Case(lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nquit\n",
                       "not a picture"),
    "svg": Case(lambda: b'<svg xmlns="http://www.w3.org/2000/svg" onload="x()"/>', "XML"),
    "pdf": Case(lambda: encoded(gradient(9, 9), "PDF"), "not a picture"),
    "html": Case(lambda: b"<!doctype html><script>x()</script>", "web page"),
    "zip": Case(lambda: b"PK\3\4" + bytes(100), "not a picture"),
    "elf": Case(lambda: b"\x7fELF" + bytes(100), "not a picture"),
    "pickle": Case(lambda: b"\x80\x04cos\nsystem\n(S'x'\ntR.", "not a picture"),
    "ico": Case(lambda: encoded(gradient(16, 16), "ICO"), "not a picture"),
    "ppm": Case(lambda: encoded(gradient(9, 9), "PPM"), "not a picture"),
    "tga": Case(lambda: encoded(gradient(9, 9), "TGA"), "not a picture"),
    "jpeg2000": Case(lambda: b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(60), "not a picture"),
    "psd": Case(lambda: b"8BPS\0\1" + bytes(60), "not a picture"),
    # two things at once: read as the picture they begin as, or refused
    "jpeg-then-html": Case(lambda: JPEG + b"<script>x()</script>", None),
    "gif-and-script": Case(lambda: b"GIF89a/*" + bytes(20) + b"*/=1;alert(1)", "damaged|not a"),
    "png-then-zip": Case(lambda: PNG + b"PK\3\4" + bytes(100), None),
    "html-then-jpeg": Case(lambda: b"<html>" + JPEG, "web page"),
    "jpeg-named-png": Case(lambda: JPEG, None),
    # odd, and read
    "cmyk": Case(lambda: encoded(gradient(40, 30).convert("CMYK"), "JPEG"), None),
    "grey-16": Case(lambda: encoded(Image.fromarray(np.full((9, 9), 999, np.uint16))), None),
    "one-bit": Case(lambda: encoded(gradient(40, 30).convert("1")), None),
    "palette": Case(lambda: encoded(gradient(40, 30).convert("P"), transparency=3), None),
    "animated": Case(lambda: made.gif_with_frames(3), None),
    "1x1": Case(lambda: encoded(gradient(1, 1)), None),
    "1x20000": Case(lambda: encoded(Image.new("RGB", (1, 20_000))), "longer than 20:1"),
    "0x0": Case(lambda: made.png(0, 0, zlib.compress(b"")), "damaged|not a picture"),
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A flat folder of every case, named as a photo, and good pictures between them."""
    path = tmp_path_factory.mktemp("hostile")
    for name, case in CASES.items():
        (path / f"{name}.jpg").write_bytes(case.make())
    return path


@pytest.fixture(scope="module")
def outcomes(folder):
    ran = subprocess.run(
        [sys.executable, "-m", "tests.hostile.decode_all", str(folder)],
        stdout=subprocess.PIPE, text=True, check=True, timeout=300,
    )  # fmt: skip
    found = [json.loads(line) for line in ran.stdout.splitlines()]
    return {one["name"].removesuffix(".jpg"): one for one in found}


@pytest.mark.parametrize("name", CASES)
def test_it_is_refused_or_read_in_little_time_and_memory(outcomes, name):
    case, found = CASES[name], outcomes[name]
    if case.says is None:
        assert found["said"] is None
        assert len(found["shape"]) == 3
    else:
        assert found["said"] is not None, "it was read"
        assert re.search(case.says, found["said"]), found["said"]
        assert found["said"].count(f"{name}.jpg") == 1
    assert found["seconds"] < case.seconds
    assert found["megabytes"] < case.megabytes


def test_their_neighbours_come(folder, tmp_path):
    """Hostile and good ones in turn: what is good arrives, in its place, and each other is told."""
    gradient(31, 17).save(tmp_path / "good.png")
    bad = [name for name, case in CASES.items() if case.says is not None]
    paths = [path for name in bad for path in (folder / f"{name}.jpg", tmp_path / "good.png")]
    results = list(decode_many(PictureRef(str(path)) for path in paths))
    assert all(isinstance(result, PictureError) for result in results[::2])
    assert {result.shape for result in results[1::2]} == {(17, 31, 3)}


def test_a_folder_of_them_is_read_with_every_refusal_told(folder):
    catalogue = Catalogue.read(folder)
    assert len(catalogue) == len(CASES)
    light = [i for i, name in enumerate(catalogue.item_ids) if "air" not in name]
    batches = catalogue.take(light).decoded(cover=1)
    refused = {one.item_id for batch in batches for one in batch.rejected}
    assert refused == {name for name, case in CASES.items() if case.says is not None}


@pytest.mark.parametrize("name", range(1, 9))
def test_exif_turns_as_it_says(name):
    """Bytes that other programs write, in either order of bytes."""
    shape = decode_bytes(made.jpeg_with_exif(made.exif(name, "<"))).shape
    assert shape == ((40, 30, 3) if name > 4 else (30, 40, 3))


def damaged(data: bytes) -> bool:
    """Whether bytes are refused; any other outcome than that or a picture is an error."""
    try:
        picture = decode_bytes(data, cover=8)
    except PictureError as error:
        return str(error).startswith("the picture: ")
    assert picture.ndim == 3
    assert picture.dtype == np.uint8
    return False


@pytest.mark.parametrize("data", [JPEG, PNG, WEBP], ids=["jpeg", "png", "webp"])
def test_every_truncation_is_refused(data):
    whole = decode_bytes(data)
    for length in range(len(data)):
        if not damaged(data[:length]):  # what is missing is no pixel: the end mark, a checksum
            assert np.array_equal(decode_bytes(data[:length]), whole), length
            assert length >= len(data) - 24


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_two_thousand_flipped_bits_give_a_picture_or_a_refusal(kind):
    data = encoded(gradient(24, 18), kind, exif=made.exif(6)) if kind not in ("GIF", "BMP") else (
        encoded(gradient(24, 18), kind)
    )  # fmt: skip
    rng = np.random.default_rng(sorted(kind.encode()))
    for _ in range(2_000):
        flipped = bytearray(data)
        for place in rng.integers(0, 8 * len(data), rng.integers(1, 4)):
            flipped[place // 8] ^= 1 << place % 8
        damaged(bytes(flipped))


NOBODY = 65534


@contextmanager
def as_nobody() -> Iterator[None]:
    """Act without the right to read everything that root has."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(before)


def test_what_may_not_be_read_is_refused_and_its_neighbours_come():
    with tempfile.TemporaryDirectory() as made_folder:
        folder = Path(made_folder)
        folder.chmod(0o755)
        for name in ("red", "shut"):
            (folder / name).mkdir()
            for number in range(3):
                (folder / name / f"{name}-{number}.png").write_bytes(PNG)
        (folder / "red/red-1.png").chmod(0)
        (folder / "shut").chmod(0)
        with as_nobody():
            catalogue = Catalogue.read(folder)
            decoded = list(decode_many([item.pictures[0] for item in catalogue]))
        (folder / "shut").chmod(0o700)  # to be removed
    assert [item.id for item in catalogue] == ["red-0", "red-1", "red-2"]
    [shut] = catalogue.rejected
    assert shut.reason == "the folder cannot be read (Permission denied)"
    [refused] = [one for one in decoded if isinstance(one, PictureError)]
    assert "red-1.png: the picture cannot be read (Permission denied)" in str(refused)
    assert len(decoded) == 3
