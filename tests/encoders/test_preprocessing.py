import numpy as np
import pytest
from PIL import Image

from tests.catalogue.conftest import encoded
from vitrine.catalogue import decode_bytes
from vitrine.encoders.preprocessing import Preprocessing, has_colour, native_size
from vitrine.errors import InputError, OptionError


def _ramp(height, width, channels=3):
    """Return a picture whose red grows to the right and whose green grows downwards."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[..., 0] = np.linspace(0, 255, width)
    picture[..., 1] = np.linspace(0, 255, height)[:, None]
    return picture if channels == 3 else picture[..., 0]


class TestApply:
    def test_a_picture_of_the_right_size_is_untouched(self):
        picture = _ramp(8, 10)
        np.testing.assert_array_equal(Preprocessing(8, 10).apply(picture), picture)

    def test_grey_becomes_equal_channels(self):
        result = Preprocessing(6, 6).apply(_ramp(6, 6, channels=1))
        assert result.shape == (6, 6, 3)
        assert (np.ptp(result, axis=2) == 0).all()

    def test_colour_becomes_luma(self):
        primaries = np.zeros((1, 3, 3), np.uint8)
        primaries[0, [0, 1, 2], [0, 1, 2]] = 255
        result = Preprocessing(1, 3, channels=1).apply(primaries)
        np.testing.assert_allclose(result[0, :, 0], [76, 150, 29], atol=1)

    def test_stretch_keeps_the_corners(self):
        result = Preprocessing(10, 10).apply(_ramp(20, 60))
        assert result[0, 0, :2].max() < 20
        assert result[-1, -1, :2].min() > 235

    def test_crop_cuts_the_middle_out(self):
        result = Preprocessing(20, 20, resize="crop").apply(_ramp(20, 60))
        np.testing.assert_allclose(result[10, [0, -1], 0], [87, 168], atol=6)
        assert result[0, 0, 1] < 20

    @pytest.mark.parametrize("side", [49, 98, 103, 197, 237])
    def test_crop_of_sizes_that_division_does_not_give_back(self, side):
        assert 64 / (64 / side) > side
        for height, width in ((side, 2 * side), (2 * side, side), (side, side)):
            cropped = Preprocessing(64, 64, resize="crop").apply(_ramp(height, width))
            assert cropped.shape == (64, 64, 3)

    def test_pad_fills_with_white(self):
        result = Preprocessing(30, 30, resize="pad").apply(np.zeros((10, 30, 3), np.uint8))
        assert (result[[0, 9, 20, 29]] == 255).all()
        assert (result[10:20] == 0).all()

    def test_pad_of_a_thin_line_keeps_a_pixel(self):
        result = Preprocessing(8, 8, resize="pad").apply(np.zeros((1, 1000, 3), np.uint8))
        assert result.min() == 0

    def test_shrinking_averages(self):
        stripes = np.zeros((64, 64), np.uint8)
        stripes[:, ::2] = 255
        result = Preprocessing(8, 8, channels=1).apply(stripes)
        assert abs(float(result.mean()) - 127.5) < 3
        assert np.ptp(result) < 20


def waves(width: int, height: int) -> Image.Image:
    """A picture in which half a pixel more or less is seen: waves that are steep everywhere."""
    x, y = np.linspace(0, 60, width), np.linspace(0, 80, height)
    grey = 128 + 60 * np.sin(x)[None, :] + 60 * np.sin(y)[:, None]
    return Image.fromarray(grey.astype(np.uint8)).convert("RGB")


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_read_smaller_is_neither_stretched_nor_moved(orientation, kind):
    image = waves(1003, 1337)  # no factor divides its sides
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(image, kind, exif=exif, **({"quality": 95} if kind == "JPEG" else {}))
    whole = decode_bytes(data, cover=4000)
    for cover in (450, 240):
        picture = decode_bytes(data, cover=cover)
        for resize in ("stretch", "crop", "pad", "shorter-crop"):
            shorter = 120 if resize == "shorter-crop" else None
            small = Preprocessing(96, 112, resize=resize, shorter=shorter)
            expected = small.apply(whole).astype(int)
            off = np.abs(small.apply(picture) - expected).mean()
            assert off < 0.6
            assert off < np.abs(small.apply(picture.copy()) - expected).mean() / 4


class TestBatches:
    def test_in_order_and_complete(self):
        pictures = np.arange(7, dtype=np.uint8)[:, None, None] * np.ones((7, 4, 4), np.uint8)
        batches = list(Preprocessing(4, 4, channels=1).batches(pictures, 3))
        assert [len(batch) for batch in batches] == [3, 3, 1]
        np.testing.assert_array_equal(np.concatenate(batches)[:, 0, 0, 0], np.arange(7))

    def test_a_list_and_an_array_give_the_same(self):
        pictures = np.random.default_rng(0).integers(0, 256, (5, 12, 9, 3), dtype=np.uint8)
        for settings in (Preprocessing(12, 9), Preprocessing(12, 9, 1), Preprocessing(5, 6)):
            np.testing.assert_array_equal(settings.stack(list(pictures)), settings.stack(pictures))

    def test_a_list_of_different_pictures(self):
        pictures = [_ramp(5, 9), _ramp(30, 20, channels=1)]
        assert Preprocessing(8, 8).stack(pictures).shape == (2, 8, 8, 3)

    @pytest.mark.parametrize("pictures", [[], np.empty((0, 4, 4), np.uint8)])
    def test_none(self, pictures):
        with pytest.raises(InputError, match="no pictures"):
            Preprocessing(4, 4).stack(pictures)

    @pytest.mark.parametrize(
        ("wrong", "message"),
        [
            (np.zeros((4, 4)), "float64"),
            (np.zeros((4, 4, 4), np.uint8), r"\(4, 4, 4\)"),
            (np.zeros((4, 0), np.uint8), r"\(4, 0\)"),
            ("shoe.jpg", "not str"),
        ],
    )
    def test_what_is_no_picture(self, wrong, message):
        with pytest.raises(InputError, match=message):
            Preprocessing(4, 4).stack([np.zeros((4, 4), np.uint8), wrong])


def test_settings_survive():
    settings = Preprocessing(7, 9, 1, "pad", "lanczos")
    assert Preprocessing.from_settings(settings.to_settings()) == settings


@pytest.mark.parametrize(
    "options",
    [
        {"height": 0, "width": 4},
        {"height": 4, "width": 4, "channels": 2},
        {"height": 4, "width": 4, "resize": "fit"},
        {"height": 4, "width": 4, "interpolation": "sinc"},
    ],
)
def test_settings_that_cannot_be(options):
    with pytest.raises(OptionError):
        Preprocessing(**options)


class TestNativeSize:
    def test_equal_and_small(self):
        assert native_size(np.zeros((3, 20, 30), np.uint8), 64, 96) == (20, 30)

    def test_large(self):
        assert native_size(np.zeros((3, 20, 300), np.uint8), 64, 96) == (96, 96)

    def test_different(self):
        assert native_size([_ramp(20, 20), _ramp(20, 21)], 64, 96) == (96, 96)

    def test_what_is_no_picture(self):
        with pytest.raises(InputError):
            native_size(["shoe.jpg"], 64, 96)


class TestHasColour:
    def test_grey_in_three_channels_has_none(self):
        assert not has_colour([np.full((5, 5, 3), 99, np.uint8)])

    def test_one_among_many(self):
        pictures = [np.full((9, 9), 99, np.uint8)] * 3 + [_ramp(9, 9)]
        assert has_colour(pictures)

    def test_a_tint_of_compression_is_none(self):
        picture = np.full((9, 9, 3), 99, np.uint8)
        picture[..., 0] += 2
        assert not has_colour([picture])

    def test_looks_at_a_few_only(self):
        class Counted(list):
            asked = 0

            def __getitem__(self, index):
                self.asked += 1
                return np.zeros((4, 4), np.uint8)

        pictures = Counted(range(10_000))
        has_colour(pictures)
        assert pictures.asked <= 66
