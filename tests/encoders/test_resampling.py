import numpy as np
import pytest
from PIL import Image

from vitrine.encoders.preprocessing import Preprocessing
from vitrine.encoders.resampling import resize_bilinear


@pytest.mark.parametrize("size", [(320, 240), (31, 47), (3, 500), (1, 1), (1000, 9)])
@pytest.mark.parametrize("wanted", [(224, 224), (28, 30), (1, 1), (7, 400)])
def test_it_is_within_one_of_pillows(size, wanted):
    picture = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    expected = Image.fromarray(picture).resize(wanted[::-1], Image.Resampling.BILINEAR)
    difference = np.abs(resize_bilinear(picture, *wanted).astype(int) - np.asarray(expected))
    assert difference.max() <= 1
    assert difference.mean() < 0.5


def test_flat_pictures_stay_flat():
    for level in (0, 1, 254, 255):
        picture = np.full((37, 53, 3), level, np.uint8)
        assert (resize_bilinear(picture, 20, 90) == level).all()


def test_views_and_read_only_pictures_are_taken():
    picture = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    expected = resize_bilinear(np.ascontiguousarray(picture[::2, ::-1]), 9, 8)
    view = picture[::2, ::-1]
    view.flags.writeable = False
    assert np.array_equal(resize_bilinear(view, 9, 8), expected)
    picture.flags.writeable = False
    assert resize_bilinear(picture, 9, 8).shape == (9, 8, 3)


def test_the_preprocessing_uses_it_for_colour_only():
    picture = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    assert np.array_equal(Preprocessing(9, 8).apply(picture), resize_bilinear(picture, 9, 8))
    grey = Image.fromarray(picture).convert("L").resize((8, 9), Image.Resampling.BILINEAR)
    assert np.array_equal(Preprocessing(9, 8, 1).apply(picture)[..., 0], np.asarray(grey))
