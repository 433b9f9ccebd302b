import os
import struct
import threading
import time
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.catalogue.conftest import encoded, gradient

from vitrine.catalogue import Limits, PictureRef, decode, decode_bytes, decode_many
from vitrine.errors import PictureError


def close(picture: np.ndarray, expected: Image.Image, tolerance: float = 2.0) -> bool:
    wanted = np.asarray(expected.convert("RGB"), np.int16)
    return picture.shape == wanted.shape and np.abs(picture - wanted).mean() <= tolerance


def png_header(width: int, height: int) -> bytes:
    """A PNG that says how large it is and holds next to nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 9))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_every_known_format_comes_back_as_rgb(kind):
    picture = decode_bytes(encoded(gradient(40, 30), kind))
    assert picture.dtype == np.uint8
    assert close(picture, gradient(40, 30), tolerance=8)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_orientation_turns_the_picture_upright(orientation, kind):
    back = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # Image.Transpose that undoes each
    upright = gradient(48, 32)
    stored = upright if orientation == 1 else upright.transpose(Image.Transpose(back[orientation]))
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = decode_bytes(encoded(stored, kind, exif=exif))
    assert close(picture, upright, tolerance=6)


@pytest.mark.parametrize("mode", ["L", "1", "CMYK", "P", "YCbCr"])
def test_every_mode_becomes_rgb(mode):
    kind = {"CMYK": "JPEG", "YCbCr": "JPEG"}.get(mode, "PNG")
    image = gradient(40, 30).convert(mode)
    assert close(decode_bytes(encoded(image, kind)), image, tolerance=8)


def test_sixteen_bit_grey_keeps_its_high_bytes():
    levels = (np.arange(40 * 30).reshape(30, 40) * 54).astype(np.uint16)
    picture = decode_bytes(encoded(Image.fromarray(levels)))
    assert np.array_equal(picture, np.repeat((levels >> 8)[..., None], 3, 2))


def test_floats_from_0_to_1_span_the_grey_levels():
    picture = decode_bytes(encoded(Image.fromarray(np.eye(8, dtype=np.float32)), "TIFF"))
    assert np.array_equal(picture[..., 0], np.eye(8) * 255)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_shows_white(mode):
    picture = decode_bytes(encoded(Image.new(mode, (5, 5), (0,) * len(mode))))
    assert (picture == 255).all()


@pytest.mark.parametrize("transparency", [0, b"\x00\xff"])
def test_a_palette_with_transparency_shows_white(transparency):
    image = Image.new("P", (4, 4), 0)
    image.putpalette([200, 0, 0, 0, 200, 0])
    image.putpixel((0, 0), 1)
    picture = decode_bytes(encoded(image, transparency=transparency))
    assert picture[0, 0].tolist() == [0, 200, 0]
    assert picture[1, 1].tolist() == [255, 255, 255]


def test_an_rgb_colour_named_transparent_shows_white():
    picture = decode_bytes(encoded(Image.new("RGB", (4, 4), (9, 9, 9)), transparency=(9, 9, 9)))
    assert (picture == 255).all()


def test_only_the_first_frame_of_an_animation_is_read():
    frames = [Image.new("RGB", (9, 9), colour) for colour in ("red", "blue")]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert decode_bytes(data)[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_large_picture_shrinks_but_its_shorter_side_stays_covered(kind):
    data = encoded(gradient(2000, 1500), kind)
    small = decode_bytes(data, cover=300)
    assert 300 <= min(small.shape[:2]) < 600
    assert abs(small.shape[1] / small.shape[0] - 4 / 3) < 0.01
    assert np.array_equal(small, decode_bytes(data, cover=300))
    assert close(small, gradient(2000, 1500).resize(small.shape[1::-1]), tolerance=3)
    assert decode_bytes(data, cover=1500).shape == (1500, 2000, 3)


HTML = b"\xef\xbb\xbf \n<!DOCTYPE html><html><body>404</body></html>"
JPEG = encoded(gradient(200, 200), "JPEG")
PNG = encoded(gradient(200, 200))
WEBP = encoded(gradient(200, 200), "WEBP")
REFUSED = {
    "empty": (b"", "empty"),
    "web page": (HTML, "web page"),
    "text": (b"hello", "not a picture"),
    "zeros": (b"\0" * 5000, "not a picture"),
    "truncated jpeg": (JPEG[: len(JPEG) // 2], "damaged"),
    "truncated png": (PNG[: len(PNG) // 2], "damaged"),
    "truncated webp": (WEBP[: len(WEBP) // 2], "damaged|not a picture"),
    "truncated gif": (encoded(gradient(200, 200), "GIF")[:2000], "damaged|not a picture"),
    "truncated tiff": (encoded(gradient(200, 200), "TIFF")[:5000], "damaged|not a picture"),
    "header only": (JPEG[:20], "damaged|not a picture"),
    "60 megapixels": (png_header(10_000, 6_000), "50 megapixels"),
    "100 megapixels": (png_header(10_000, 10_000), "50 megapixels"),
    "4 gigapixels": (png_header(65_000, 65_000), "50 megapixels"),
    "too long": (encoded(Image.new("RGB", (1000, 1))), "20:1"),
    "too high": (encoded(Image.new("L", (2, 41))), "20:1"),
    "postscript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a picture"),
    "svg": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "XML"),
    "bytes after a JPEG's start": (b"\xff\xd8\xff" + os.urandom(3000), "damaged|not a picture"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_hostile_bytes_are_refused_by_name_and_without_warnings(name):
    data, reason = REFUSED[name]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with pytest.raises(PictureError, match=reason) as refused:
            decode_bytes(data, name="shirt.jpg")
    assert str(refused.value).startswith("shirt.jpg: ")
    assert not caught


@pytest.mark.parametrize("seed", range(60))
def test_flipped_bytes_give_a_picture_or_a_refusal(seed):
    rng = np.random.default_rng(seed)
    kind = ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"][seed % 6]
    exif = Image.Exif()
    exif[0x0112] = 6
    data = bytearray(encoded(gradient(60, 40), kind, exif=exif.tobytes()))
    for position in rng.integers(0, min(len(data), 400), 12):
        data[position] = rng.integers(256)
    try:
        picture = decode_bytes(bytes(data))
    except PictureError:
        return
    assert picture.ndim == 3
    assert picture.dtype == np.uint8


def test_limits_are_the_callers():
    data = encoded(gradient(30, 10))
    for limits, reason in [
        (Limits(max_pixels=299), "megapixels"),
        (Limits(max_bytes=10), "MB"),
        (Limits(max_aspect=2.9), "2.9:1"),
        (Limits(formats=("JPEG",)), r"\(JPEG\)"),
    ]:
        with pytest.raises(PictureError, match=reason):
            decode_bytes(data, limits=limits)
    exact = Limits(max_bytes=len(data), max_pixels=300, max_aspect=3)
    assert decode_bytes(data, limits=exact).shape == (10, 30, 3)


def test_a_file_over_the_limit_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "big.jpg"
    with open(path, "wb") as file:
        file.truncate(10**12)  # a sparse terabyte
    with pytest.raises(PictureError, match="50 MB"):
        decode(PictureRef(str(path)))


def test_what_is_not_a_file_is_refused_at_once(tmp_path):
    pipe = tmp_path / "pipe.jpg"
    os.mkfifo(pipe)
    for path in (pipe, tmp_path, tmp_path / "missing.jpg", tmp_path / "nul\0.jpg"):
        with pytest.raises(PictureError):
            decode(PictureRef(str(path)))


def test_many_come_in_order_and_the_bad_ones_in_their_places(tmp_path):
    refs = []
    for number in range(60):
        path = tmp_path / f"{number}.png"
        if number % 7 == 3:
            path.write_bytes(HTML)
        else:
            gradient(10 + number, 20).save(path)
        refs.append(PictureRef(str(path)))
    results = list(decode_many(refs, workers=3))
    assert len(results) == 60
    for number, result in enumerate(results):
        if number % 7 == 3:
            assert isinstance(result, PictureError)
            assert refs[number].path in str(result)
        else:
            assert result.shape == (20, 10 + number, 3)


def test_many_work_ahead_by_a_bounded_amount_only(tmp_path):
    gradient(9, 9).save(tmp_path / "a.png")
    taken = 0

    def refs():
        nonlocal taken
        while True:  # endless
            taken += 1
            yield PictureRef(str(tmp_path / "a.png"))

    results = decode_many(refs(), workers=2)
    next(results)
    time.sleep(0.1)
    assert taken <= 2 * 32 + 8
    results.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("decode")]


def test_then_runs_in_the_pool_and_may_refuse(tmp_path):
    gradient(9, 5).save(tmp_path / "a.png")
    refs = [PictureRef(str(tmp_path / "a.png"))] * 3
    assert list(decode_many(refs, then=np.shape)) == [(5, 9, 3)] * 3

    def refuse(picture):
        raise PictureError("too plain")

    assert all(isinstance(r, PictureError) for r in decode_many(refs, then=refuse))

    def fail(picture):
        raise RuntimeError("a mistake, not a bad picture")

    with pytest.raises(RuntimeError, match="mistake"):
        list(decode_many(refs, then=fail))


def test_no_matter_the_warning_filter_nothing_leaks(tmp_path: Path):
    image = gradient(30, 20)
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x02\x01\x12\0\x03\0\0\xff\xff\xff\xff\xff\xff"  # damaged
    (tmp_path / "a.jpg").write_bytes(encoded(image, "JPEG", exif=exif))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        results = list(decode_many([PictureRef(str(tmp_path / "a.jpg"))] * 40))
    assert close(results[0], image, tolerance=6)
    assert not caught
