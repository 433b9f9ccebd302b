import numpy as np
import pytest
from threadpoolctl import threadpool_info

from tests.encoders.contracts import shapes
from vitrine.encoders import make_encoder
from vitrine.encoders.descriptors import Colour, Hog, Looks, Pixels
from vitrine.encoders.descriptors import base as base_module
from vitrine.encoders.descriptors.colours import describe_colours, to_lab
from vitrine.encoders.descriptors.gradients import describe_gradients, orientation_maps
from vitrine.encoders.descriptors.parallel import describe_in_threads
from vitrine.encoders.descriptors.pixels import describe_pixels
from vitrine.encoders.descriptors.pooling import blur, mirror_halves, pool, to_grey
from vitrine.errors import OptionError

GREY, _ = shapes(60)
COLOUR, _ = shapes(60, colour=True)


def _canonical(height=24, width=20):
    """Return two small colour pictures that never change: ramps, and a bright corner."""
    y, x = np.mgrid[:height, :width]
    ramps = np.stack([255 * x // (width - 1), 255 * y // (height - 1), (x * y) % 256], axis=-1)
    corner = np.where((x > 12) & (y < 9), 230, 40)[..., None] * [1.0, 0.8, 0.5]
    return np.stack([ramps, corner]).astype(np.uint8)


class TestThreads:
    def test_pieces_come_back_in_order(self):
        batch = np.arange(200, dtype=np.uint8)[:, None, None, None]
        described = describe_in_threads(lambda piece: piece.reshape(-1, 1) * np.float32(2), batch)
        np.testing.assert_array_equal(described[:, 0], 2 * np.arange(200))

    def test_blas_gets_its_threads_back_even_after_an_error(self):
        def fail(piece):
            inside.append(_blas_threads())
            raise ValueError("in a thread")

        before, inside = _blas_threads(), []
        with pytest.raises(ValueError, match="in a thread"):
            describe_in_threads(fail, np.zeros((200, 1, 1, 1), np.uint8))
        assert set(inside) == {1}
        assert _blas_threads() == before


def _blas_threads():
    return max(info["num_threads"] for info in threadpool_info() if "numpy" in info["filepath"])


class TestPixels:
    def test_as_it_stands_it_is_raw_pixels_and_euclidean_distance(self):
        encoder = Pixels().fit(GREY)
        np.testing.assert_allclose(encoder.transform(GREY), GREY.reshape(60, -1) / 255, atol=1e-6)
        assert encoder.distance_.name == "euclidean"
        assert encoder.n_components_ == 24 * 24

    def test_two_components_are_pca(self):
        from sklearn.decomposition import PCA

        expected = PCA(2, svd_solver="full").fit_transform(GREY.reshape(60, -1) / 255.0)
        mine = Pixels(n_components=2).fit_transform(GREY)
        np.testing.assert_allclose(np.abs(mine), np.abs(expected), atol=1e-3)

    def test_colour_is_kept(self):
        assert Pixels().fit(COLOUR).n_components_ == 3 * 24 * 24

    def test_exponent(self):
        described = describe_pixels(np.uint8([[[[64]]]]), 0.5, mirror=False)
        np.testing.assert_allclose(described, [[np.sqrt(64 / 255)]], rtol=1e-6)


class TestGradients:
    @pytest.mark.parametrize(
        ("angle", "orientation"), [(0, 0), (45, 2), (90, 4), (135, 6), (180, 0), (-45, 6)]
    )
    def test_an_edge_counts_for_its_orientation(self, angle, orientation):
        y, x = np.mgrid[:16, :16].astype(np.float32)
        turn = np.deg2rad(angle)
        ramp = (np.cos(turn) * x + np.sin(turn) * y) / 40
        sums = orientation_maps(ramp[None])[0, :, 4:-4, 4:-4].sum(axis=(1, 2))
        assert sums.argmax() == orientation
        assert sums[orientation] > 0.99 * sums.sum()

    def test_between_two_orientations_is_shared(self):
        y, x = np.mgrid[:16, :16].astype(np.float32)
        turn = np.pi / 8 * 1.25  # a quarter of the way from the second to the third
        ramp = (np.cos(turn) * x + np.sin(turn) * y) / 40
        sums = orientation_maps(ramp[None])[0, :, 4:-4, 4:-4].sum(axis=(1, 2))
        np.testing.assert_allclose(sums[1:3] / sums.sum(), [0.75, 0.25], atol=1e-3)

    def test_against_a_loop(self):
        grey = np.random.default_rng(0).random((1, 6, 7), np.float32)
        expected = np.zeros((8, 6, 7))
        gx, gy = np.zeros((6, 7)), np.zeros((6, 7))
        for y in range(6):
            for x in range(7):
                gx[y, x] = grey[0, y, min(x + 1, 6)] - grey[0, y, max(x - 1, 0)]
                gy[y, x] = grey[0, min(y + 1, 5), x] - grey[0, max(y - 1, 0), x]
        length = np.hypot(gx, gy)
        length = length / (blur(length[None].astype(np.float32), 2.0)[0] + 0.1)
        for y in range(6):
            for x in range(7):
                at = (np.arctan2(gy[y, x], gx[y, x]) % np.pi) * 8 / np.pi
                expected[int(at) % 8, y, x] += length[y, x] * (1 - at % 1)
                expected[(int(at) + 1) % 8, y, x] += length[y, x] * (at % 1)
        np.testing.assert_allclose(orientation_maps(grey)[0], expected, atol=1e-4)

    def test_faint_edges_count_like_bold_ones(self):
        bold = to_grey(GREY[..., None])
        noise = np.median(bold[0])  # the ground keeps its level, only the shape fades
        faint = noise + (bold[0] - noise) * np.float32(0.7)
        sums = orientation_maps(np.stack([bold[0], faint])).sum(axis=(1, 2, 3))
        assert sums[1] > 0.8 * sums[0]

    def test_unit_length(self):
        described = describe_gradients(to_grey(GREY[..., None]), (12, 9), (0.0, 1.0), mirror=False)
        assert described.shape == (60, (144 + 81) * 8)
        np.testing.assert_allclose(np.linalg.norm(described, axis=1), 1, atol=1e-5)

    @pytest.mark.parametrize("cells", [4, 5])
    def test_the_mirrored_description_is_that_of_the_mirrored_picture(self, cells):
        grey = to_grey(GREY[..., None])
        plain = describe_gradients(grey, (cells,), (1.0,), mirror=False)
        flipped = describe_gradients(grey[:, :, ::-1], (cells,), (1.0,), mirror=False)
        expected = (plain + flipped) / 2
        folded = describe_gradients(grey, (cells,), (1.0,))
        np.testing.assert_allclose(folded @ folded.T, expected @ expected.T, atol=1e-5)


class TestPooling:
    def test_windows_average(self):
        maps = np.full((2, 3, 11, 17), 5, np.float32)
        np.testing.assert_allclose(pool(maps, 4), 5, rtol=1e-5)

    def test_what_is_left_stays_left(self):
        maps = np.zeros((1, 1, 12, 12), np.float32)
        maps[0, 0, 2, 9] = 1
        pooled = pool(maps, 3)[0, 0]
        assert np.unravel_index(pooled.argmax(), (3, 3)) == (0, 2)

    def test_more_cells_than_pixels(self):
        assert np.isfinite(pool(np.ones((1, 1, 3, 5), np.float32), 8)).all()

    def test_blur_is_scipys(self):
        from scipy.ndimage import gaussian_filter

        maps = np.random.default_rng(0).random((2, 9, 13), np.float32)
        expected = gaussian_filter(maps, (0, 1.5, 1.5), mode="nearest")
        np.testing.assert_allclose(blur(maps, 1.5), expected, atol=1e-5)

    @pytest.mark.parametrize("width", [6, 7])
    def test_halves_keep_inner_products(self, width):
        maps = np.random.default_rng(0).random((3, 2, 4, width), np.float32)
        full = ((maps + maps[..., ::-1]) / 2).reshape(3, -1)
        half = mirror_halves(maps, maps[..., ::-1]).reshape(3, -1)
        assert half.shape[1] == 2 * 4 * ((width + 1) // 2)
        np.testing.assert_allclose(half @ half.T, full @ full.T, rtol=1e-5)


class TestColour:
    @pytest.mark.parametrize(
        ("rgb", "lab"),
        [
            ((255, 255, 255), (100, 0, 0)),
            ((0, 0, 0), (0, 0, 0)),
            ((255, 0, 0), (53.2, 80.1, 67.2)),
            ((0, 255, 0), (87.7, -86.2, 83.2)),
            ((0, 0, 255), (32.3, 79.2, -107.9)),
        ],
    )
    def test_lab_of_known_colours(self, rgb, lab):
        np.testing.assert_allclose(to_lab(np.uint8(rgb)), lab, atol=0.3)

    def test_a_histogram_counts_every_pixel_once(self):
        described = describe_colours(COLOUR, layout=2, histogram=3, mirror=True)
        counts = (described[:, -4 * 27 :] * np.sqrt(2)) ** 2
        np.testing.assert_allclose(counts.sum(axis=1), 1, rtol=1e-4)

    def test_one_colour_fills_at_most_eight_bins(self):
        plain = np.full((1, 9, 9, 3), (200, 40, 90), np.uint8)
        counts = describe_colours(plain, 2, 4, mirror=True)[0, -256:]
        assert 1 <= (counts > 1e-6).sum() <= 8

    def test_hue_is_told_apart(self):
        assert _same_hue_rate(Colour()) >= 0.9

    def test_grey_pictures_have_no_hue(self):
        vectors = Colour(n_components=None).fit_transform(GREY)
        assert np.isfinite(vectors).all()


def _same_hue_rate(encoder):
    """The same shapes in two colours: how often the nearest other item has the same colour."""
    hues = np.array([[220, 60, 60], [60, 110, 220]])[np.arange(60) // 4 % 2]
    pictures = (GREY[..., None] / 255 * hues[:, None, None, :]).astype(np.uint8)
    vectors = encoder.fit_transform(pictures)
    similar = vectors @ vectors.T
    np.fill_diagonal(similar, -np.inf)
    return (hues[similar.argmax(axis=1)] == hues).all(axis=1).mean()


class TestLooks:
    def test_colours_weigh_as_they_are_told_to(self):
        rates = [_same_hue_rate(Looks(colour_weight=weight)) for weight in (0, 0.25, 2)]
        assert rates == sorted(rates)
        assert rates[0] < rates[2]
        assert rates[2] >= 0.9

    def test_edges_between_colours_of_one_lightness_are_seen(self):
        """Stripes of red on green, standing or lying, that are nothing but grey to luma."""
        red, green = np.array([180, 60, 60]), np.array([60, 121, 60])
        stripes = (np.arange(24) // 4 % 2).astype(bool)[:, None, None]
        lying = np.broadcast_to(np.where(stripes, red, green), (24, 24, 3)).astype(np.uint8)
        standing = lying.swapaxes(0, 1).copy()
        edges = {"pixels_weight": 0, "colour_weight": 0, "n_components": None}
        one, other = Looks(**edges).fit_transform(np.stack([lying, standing]))
        assert one @ other < 0.5

    def test_colour_is_described_where_there_is_any(self):
        assert Looks().fit(COLOUR).preprocessing_.channels == 3
        assert Looks().fit(GREY).preprocessing_.channels == 1

    def test_a_weight_of_zero_leaves_a_block_out(self):
        described = {
            weights: Looks(None, *weights, n_components=None).fit(COLOUR).n_components_
            for weights in [(1, 1, 1), (0, 1, 1), (1, 0, 1), (1, 1, 0)]
        }
        assert len(set(described.values())) == 4
        assert max(described, key=described.get) == (1, 1, 1)

    def test_a_mirrored_picture_is_the_same_item(self):
        encoder = Looks().fit(COLOUR)
        np.testing.assert_allclose(
            encoder.transform(COLOUR[:, :, ::-1]), encoder.transform(COLOUR), atol=1e-4
        )

    def test_without_mirror_it_is_another(self):
        encoder = Looks(mirror=False).fit(COLOUR)
        flipped = encoder.transform(COLOUR[:, :, ::-1])
        assert np.abs(flipped - encoder.transform(COLOUR)).max() > 0.05


@pytest.mark.parametrize("encoder", [Pixels(), Hog(), Colour(), Looks()], ids=lambda e: e.kind)
class TestFitting:
    def test_small_equal_pictures_keep_their_size(self, encoder):
        assert encoder.fit(GREY[:, :20]).preprocessing_.shape[:2] == (20, 24)

    def test_others_are_resized(self, encoder):
        large = np.zeros((3, 70, 70), np.uint8)
        assert encoder.fit(large).preprocessing_.height == encoder.default_size

    def test_a_large_catalogue_is_sampled(self, encoder, monkeypatch):
        """The projection sees 256 of 600 pictures, the same ones at every run."""
        monkeypatch.setattr(base_module, "_SAMPLE", 256)
        pictures, _ = shapes(600)
        options = {"n_components": 8, "size": 16}
        seen = []
        describe = type(encoder)._describe
        monkeypatch.setattr(
            type(encoder),
            "_describe",
            lambda self, batch: seen.append(len(batch)) or describe(self, batch),
        )
        first = make_encoder(encoder.kind, **options).fit(pictures)
        assert sum(seen) == 1 + 256
        again = make_encoder(encoder.kind, **options).fit(pictures)
        other = make_encoder(encoder.kind, **options, random_state=1).fit(pictures)
        np.testing.assert_array_equal(again.transform(GREY), first.transform(GREY))
        assert not np.array_equal(other.transform(GREY), first.transform(GREY))

    def test_pictures_are_decoded_in_slices(self, encoder, monkeypatch):
        """Slices are what a catalogue decodes in parallel; single pictures only to look at."""

        class Watched(list):
            single = 0

            def __getitem__(self, index):
                self.single += isinstance(index, int)
                return super().__getitem__(index)

        monkeypatch.setattr(base_module, "_SAMPLE", 128)
        pictures = Watched(GREY[i % 60] for i in range(300))
        type(encoder)().fit(pictures).transform(pictures)
        assert pictures.single <= 2 * 75

    @pytest.mark.parametrize(
        "options",
        [{"size": 4}, {"n_components": 0}, {"whitening": 0.7}, {"distance": "manhattan"}],
    )
    def test_options_that_cannot_be(self, encoder, options):
        with pytest.raises(OptionError):
            make_encoder(encoder.kind, **options).fit(GREY)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("pixels", {"exponent": 0}),
        ("hog", {"cells": ()}),
        ("hog", {"cells": (4,), "blurs": (0.0, 1.0)}),
        ("hog", {"cells": (0, 4)}),
        ("hog", {"n_orientations": 1}),
        ("colour", {"layout": 0}),
        ("looks", {"hog_weight": -1}),
        ("looks", {"hog_weight": 0, "pixels_weight": 0}),
    ],
)
def test_own_options_that_cannot_be(name, options):
    with pytest.raises(OptionError):
        make_encoder(name, **options).fit(GREY)


CANONICAL = {
    "pixels": [[1348.0196, -41.0069, -1.2454, -2.782], [600.8314, -26.4484, -0.2336, -1.7999]],
    "hog": [[22.6717, -4.3959, -0.3381, 0.1557], [7.8086, 2.3548, -0.8173, 0.0003]],
    "colour": [[10.1738, 0.8296, 0.1676, 0.1764], [6.0273, 3.9113, 0.7386, 0.498]],
    "looks": [[39.6021, 3.9462, -0.2725, 0.1829], [17.3564, -0.0362, 0.7795, 0.0839]],
}


@pytest.mark.parametrize("name", ["pixels", "hog", "colour", "looks"])
def test_canonical_vectors(name):
    """The description of two fixed pictures, in a few figures: a silent change shows here."""
    encoder = make_encoder(name, n_components=None, size=32).fit(_canonical())
    vectors = encoder.transform(_canonical()).astype(np.float64)
    # Projections on fixed waves depend on every entry and on their order.
    waves = np.cos(np.outer(np.arange(vectors.shape[1]), [0.0, 0.01, 0.37, 1.9]))
    # Where nothing is to be seen, edges are the root of what a processor's BLAS rounds, about 1e-4.
    np.testing.assert_allclose(vectors @ waves, CANONICAL[name], atol=6e-3)
