import io

import numpy as np
import pytest
from PIL import Image

from vitrine.report.pictures import CARD_EDGE, HOVER_EDGE, from_array, from_bytes


def as_file(picture: np.ndarray, kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, kind)
    return buffer.getvalue()


def decoded(webp: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(webp)) as image:
        assert image.format == "WEBP"
        return np.asarray(image.convert("RGB"))


def test_a_tiny_picture_keeps_every_pixel():
    pixels = np.random.default_rng(0).integers(0, 256, (28, 28), np.uint8)
    picture = from_bytes(as_file(pixels))
    assert picture.tiny
    np.testing.assert_array_equal(decoded(picture.webp)[..., 0], pixels)


def test_a_large_picture_is_shrunk_and_keeps_its_aspect():
    picture = from_bytes(as_file(np.zeros((400, 200, 3), np.uint8), "JPEG"))
    assert (picture.width, picture.height) == (CARD_EDGE // 2, CARD_EDGE)
    assert not picture.tiny


def test_a_hover_picture_is_small():
    noise = np.random.default_rng(0).integers(0, 256, (160, 160, 3), np.uint8)
    picture = from_array(noise, HOVER_EDGE)
    assert max(picture.width, picture.height) == HOVER_EDGE
    assert len(picture.webp) < 6_000


@pytest.mark.parametrize("content", [None, b"", b"<svg onload=alert(1)>", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_picture_stays_out(content):
    assert from_bytes(content) is None


def test_a_truncated_picture_stays_out():
    whole = as_file(np.random.default_rng(0).integers(0, 256, (99, 99, 3), np.uint8), "JPEG")
    assert from_bytes(whole[: len(whole) // 2]) is None


@pytest.mark.parametrize("shape", [(9, 8), (9, 8, 1), (9, 8, 3)])
def test_arrays_of_any_kind(shape):
    picture = from_array(np.full(shape, 7, np.uint8))
    assert (picture.width, picture.height) == (8, 9)
    assert (decoded(picture.webp) == 7).all()
