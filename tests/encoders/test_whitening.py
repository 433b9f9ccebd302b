import contextlib
import unittest

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.utils.estimator_checks import parametrize_with_checks

from vitrine.encoders import whitening
from vitrine.encoders.whitening import PartialWhitening
from vitrine.errors import OptionError


@parametrize_with_checks([PartialWhitening()])
def test_scikit_learns_own_checks(estimator, check):
    # A check that does not apply here (array-API input that is not switched on) skips itself.
    with contextlib.suppress(unittest.SkipTest):
        check(estimator)


def _data(n=300, d=12, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(n, d)) * np.geomspace(5, 0.1, d) + 3).astype(np.float32)


@pytest.mark.parametrize("shape", [(300, 12), (9, 40)], ids=["tall", "wide"])
def test_plain_components_are_those_of_scikit_learn(shape):
    X = _data(*shape)
    mine = PartialWhitening(n_components=5, power=0).fit_transform(X)
    its = PCA(n_components=5, svd_solver="full").fit_transform(X.astype(np.float64))
    np.testing.assert_allclose(np.abs(mine), np.abs(its), atol=1e-3)


@pytest.mark.parametrize(("power", "exponent"), [(0.0, 1.0), (0.25, 0.5), (0.5, 0.0)])
def test_power_is_the_exponent_of_the_eigenvalue(power, exponent):
    fitted = PartialWhitening(power=power).fit(X := _data())
    variances = fitted.transform(X).astype(np.float64).var(axis=0, ddof=1)
    np.testing.assert_allclose(variances, fitted.explained_variance_**exponent, rtol=1e-3)


def test_blocks_of_rows_add_up(monkeypatch):
    X = _data(100)
    whole = PartialWhitening().fit(X)
    monkeypatch.setattr(whitening, "_BLOCK", 7)
    in_blocks = PartialWhitening().fit(X)
    np.testing.assert_allclose(in_blocks.components_, whole.components_, atol=1e-5)


def test_axes_do_not_depend_on_the_sign_of_the_data():
    X = _data()
    np.testing.assert_allclose(
        PartialWhitening().fit(-X).components_, PartialWhitening().fit(X).components_, atol=1e-5
    )


def test_components_that_never_vary_are_left_out():
    X = np.zeros((50, 6), np.float32)
    X[:, :2] = _data(50, 2)
    fitted = PartialWhitening().fit(X)
    assert fitted.n_components_ == 2
    assert np.isfinite(fitted.transform(X)).all()


def test_equal_rows_give_zeros():
    assert not PartialWhitening().fit_transform(np.ones((5, 3), np.float32)).any()


def test_at_most_samples_minus_one():
    assert PartialWhitening(n_components=10).fit(_data(4)).n_components_ == 3


@pytest.mark.parametrize("options", [{"n_components": 0}, {"power": 0.6}, {"power": -0.1}])
def test_options_that_cannot_be(options):
    with pytest.raises(OptionError):
        PartialWhitening(**options).fit(_data())


def test_arrays_must_belong_together():
    fitted = PartialWhitening().fit(_data())
    with pytest.raises(ValueError, match="mean"):
        PartialWhitening.from_arrays(
            fitted.mean_[:-1], fitted.components_, fitted.explained_variance_, power=0.25
        )
