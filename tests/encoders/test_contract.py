"""The contract of `vitrine.encoders.base`, over every encoder."""

import inspect

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from tests.encoders.cases import CASES
from tests.encoders.contracts import SIDE, Case, same_shape_rate, shapes
from vitrine.artifact import Artifact
from vitrine.encoders import encoder_names, load_encoder
from vitrine.errors import ArtifactError, InputError

GREY, LABELS = shapes(120)
COLOUR, _ = shapes(120, colour=True)
HELD_OUT, HELD_OUT_LABELS = shapes(80, seed=1)


@pytest.fixture(params=CASES, ids=str)
def case(request) -> Case:
    for module in request.param.needs:
        pytest.importorskip(module)
    return request.param


@pytest.fixture(scope="module")
def fitted_cache() -> dict:
    return {}


def learn(encoder, pictures):
    """Fit an encoder, with labels where it needs them."""
    return encoder.fit(pictures, LABELS[: len(pictures)] if encoder.needs_labels else None)


@pytest.fixture
def fitted(case, fitted_cache):
    """The case fitted on GREY; tests must not change it."""
    if case not in fitted_cache:
        fitted_cache[case] = learn(case.make(), GREY)
    return fitted_cache[case]


def test_every_encoder_has_a_case():
    # Downloaded backbones (pretrained:NAME) are held to their own tests, with small models.
    fitted_here = {name for name in encoder_names() if ":" not in name}
    assert {case.name for case in CASES} >= fitted_here


class TestScikitLearn:
    def test_init_only_assigns(self, case):
        encoder = case.make()
        assert set(vars(encoder)) == set(inspect.signature(type(encoder)).parameters)

    def test_clone_has_the_same_options_and_no_fit(self, case, fitted):
        copy = clone(fitted)
        assert copy.get_params() == fitted.get_params()
        with pytest.raises(NotFittedError):
            copy.transform(GREY)

    def test_set_params_has_effect(self, case, fitted):
        other = learn(clone(fitted).set_params(**case.changed), GREY)
        mine, its = fitted.transform(GREY), other.transform(GREY)
        assert mine.shape != its.shape or not np.allclose(mine, its, atol=1e-3)

    def test_fit_returns_self(self, case):
        encoder = case.make()
        assert learn(encoder, GREY) is encoder

    def test_unfitted_use(self, case):
        for use in (case.make().transform, lambda _: case.make().to_artifact()):
            with pytest.raises(NotFittedError):
                use(GREY)


class TestVectors:
    def test_shape_and_type(self, fitted):
        vectors = fitted.transform(GREY)
        assert vectors.shape == (len(GREY), fitted.n_components_)
        assert vectors.dtype == np.float32
        assert np.isfinite(vectors).all()
        assert vectors.std(axis=0).max() > 0

    def test_one_picture_is_a_batch_of_one(self, fitted):
        together = fitted.transform(GREY[:5])
        alone = np.concatenate([fitted.transform(GREY[i : i + 1]) for i in range(5)])
        np.testing.assert_allclose(alone, together, atol=1e-5)

    def test_order_does_not_matter(self, fitted):
        order = np.random.default_rng(0).permutation(len(GREY))
        np.testing.assert_allclose(
            fitted.transform(GREY[order]), fitted.transform(GREY)[order], atol=1e-5
        )

    def test_grey_is_colour_with_equal_channels(self, fitted):
        rgb = np.repeat(GREY[..., None], 3, axis=3)
        np.testing.assert_allclose(fitted.transform(rgb), fitted.transform(GREY), atol=2e-2)

    def test_a_list_of_sizes(self, case):
        rng = np.random.default_rng(0)
        mixed = [picture[: rng.integers(14, SIDE)] for picture in COLOUR[:30]]
        mixed[3] = GREY[3]
        vectors = learn(case.make(), mixed).transform(mixed)
        assert vectors.shape[0] == len(mixed)
        assert np.isfinite(vectors).all()

    def test_blank_pictures_have_finite_vectors(self, fitted):
        blank = np.stack([np.zeros((SIDE, SIDE), np.uint8), np.full((SIDE, SIDE), 255, np.uint8)])
        assert np.isfinite(fitted.transform(blank)).all()

    def test_pictures_are_not_written_to(self, case):
        before = GREY.copy()
        locked = GREY.copy()
        locked.flags.writeable = False
        learn(case.make(), locked).transform(locked)
        np.testing.assert_array_equal(locked, before)

    def test_few_pictures(self, case):
        for n in (1, 2, 3):
            assert np.isfinite(learn(case.make(), GREY[:n]).transform(GREY[:n])).all()

    def test_same_seed_same_vectors(self, case, fitted):
        again = learn(case.make(), GREY)
        np.testing.assert_array_equal(again.transform(GREY), fitted.transform(GREY))

    def test_floor_of_quality(self, case, fitted):
        rate = same_shape_rate(fitted, GREY, LABELS, HELD_OUT, HELD_OUT_LABELS)
        assert rate >= case.floor


class TestSaving:
    def test_vectors_survive(self, fitted, tmp_path):
        fitted.save(tmp_path / "encoder")
        for loaded in (
            type(fitted).load(tmp_path / "encoder"),
            load_encoder(tmp_path / "encoder"),
            load_encoder(Artifact.from_files(fitted.to_artifact().to_files())),
        ):
            assert type(loaded) is type(fitted)
            assert loaded.get_params() == fitted.get_params()
            np.testing.assert_array_equal(loaded.transform(GREY), fitted.transform(GREY))
            vectors = fitted.transform(GREY)
            np.testing.assert_array_equal(
                loaded.distance_.prepare(vectors), fitted.distance_.prepare(vectors)
            )

    def test_colour_survives(self, case, tmp_path):
        encoder = learn(case.make(), COLOUR)
        encoder.save(tmp_path)
        np.testing.assert_array_equal(
            load_encoder(tmp_path).transform(COLOUR), encoder.transform(COLOUR)
        )

    def test_another_kind_is_refused(self, fitted):
        artifact = fitted.to_artifact()
        artifact.kind = "popularity"
        for load in (type(fitted).from_artifact, load_encoder):
            with pytest.raises(ArtifactError, match="popularity"):
                load(artifact)

    def test_damage_is_found(self, fitted, tmp_path):
        fitted.save(tmp_path)
        parts = [tmp_path / name for name in fitted.to_artifact().to_files()]
        for path in parts:  # the table of the training beside them is for people alone
            whole = path.read_bytes()
            path.write_bytes(whole[: len(whole) // 2])
            with pytest.raises(ArtifactError):
                load_encoder(tmp_path)
            path.write_bytes(whole)
        assert load_encoder(tmp_path).n_components_ == fitted.n_components_

    def test_missing_parts_are_found(self, fitted):
        artifact = fitted.to_artifact()
        del artifact.settings["preprocessing"]
        with pytest.raises(ArtifactError, match="fit it again"):
            load_encoder(artifact)


class TestHostileInput:
    @pytest.mark.parametrize(
        "pictures",
        [
            np.empty((0, SIDE, SIDE), np.uint8),
            [],
            GREY.astype(np.float32) / 255,
            GREY.astype(np.int64),
            np.zeros((4, SIDE, SIDE, 4), np.uint8),
            np.zeros((SIDE, SIDE), np.uint8),
            [np.zeros((SIDE, SIDE, 2), np.uint8)],
            [np.zeros((0, SIDE), np.uint8)],
            ["shoe.jpg"],
        ],
        ids=["none", "no list", "float", "int64", "rgba", "one", "two channels", "hollow", "path"],
    )
    def test_what_is_not_pictures_is_refused(self, case, fitted, pictures):
        with pytest.raises(InputError):
            fitted.transform(pictures)
        with pytest.raises(InputError):
            learn(case.make(), pictures)
