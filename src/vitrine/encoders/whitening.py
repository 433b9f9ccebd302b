"""PCA with partial whitening, fitted in bounded memory."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import scipy.linalg
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from vitrine.errors import OptionError

_BLOCK = 4096
_SMALLEST = 1e-7
"""Components whose eigenvalue is under this share of the largest are noise of rounding."""


class PartialWhitening(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Project on the principal components and divide each by a power of its eigenvalue.

    With λ the variance along a component, ``power=0`` is plain PCA, ``power=0.5`` full whitening
    (every component gets variance 1), and ``power=0.25`` lies half-way: the many small components,
    which tell similar pictures apart, gain weight without drowning the rest in noise.

    Parameters
    ----------
    n_components : int or None
        Components to keep, largest variance first; never more than samples − 1 or features.
    power : float
        Exponent of the eigenvalue that a component is divided by, 0 to 0.5.

    Attributes
    ----------
    mean_ : ndarray of shape (n_features,), float32
    components_ : ndarray of shape (n_components_, n_features), float32
        Orthonormal rows; the entry of largest magnitude in each is positive.
    explained_variance_ : ndarray of shape (n_components_,), float32
        Eigenvalues λ, largest first.

    References
    ----------
    Jégou and Chum, "Negative evidences and co-occurences in image retrieval: the benefit of PCA
    and whitening", ECCV 2012.
    """

    def __init__(self, n_components: int | None = None, power: float = 0.25) -> None:
        self.n_components = n_components
        self.power = power

    def fit(self, X: Any, y: Any = None) -> Self:
        """Find the components of `X`, (n_samples, n_features).

        Raises
        ------
        OptionError
            If `n_components` is under 1 or `power` outside 0 to 0.5.
        """
        self.check_options()
        X = validate_data(self, X, dtype=[np.float32, np.float64], ensure_min_samples=2)
        n, d = X.shape
        mean = X.mean(axis=0, dtype=np.float64)
        wanted = min(self.n_components or d, d, n - 1)
        eigenvalues, rows = _principal_axes(X, mean, wanted)
        keep = max(1, int(np.sum(eigenvalues > _SMALLEST * max(eigenvalues[0], 1e-30))))
        self.mean_ = mean.astype(np.float32)
        self.components_ = _fix_signs(rows[:keep]).astype(np.float32)
        self.explained_variance_ = eigenvalues[:keep].astype(np.float32)
        self.n_components_ = keep
        return self

    def transform(self, X: Any) -> NDArray[Any]:
        """Return `X` (n, n_features) projected and scaled, (n, n_components_), of X's dtype."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=[np.float32, np.float64], reset=False)
        variance = np.maximum(self.explained_variance_, np.finfo(np.float32).tiny)
        scale = variance.astype(X.dtype) ** -self.power
        # The components are as large as thousands of pictures' features: they are read once.
        projected: NDArray[Any] = (X - self.mean_) @ self.components_.T
        projected *= scale
        return projected

    @classmethod
    def from_arrays(
        cls,
        mean: NDArray[np.float32],
        components: NDArray[np.float32],
        explained_variance: NDArray[np.float32],
        power: float,
    ) -> Self:
        """Rebuild a fitted one from its attributes.

        Raises
        ------
        ValueError
            If the arrays do not belong together.
        """
        k, d = components.shape
        if mean.shape != (d,) or explained_variance.shape != (k,):
            raise ValueError(f"mean {mean.shape}, components {(k, d)}, {explained_variance.shape}")
        fitted = cls(n_components=k, power=power)
        fitted.mean_, fitted.components_ = mean, components
        fitted.explained_variance_ = explained_variance
        fitted.n_components_, fitted.n_features_in_ = k, d
        return fitted

    def check_options(self) -> None:
        """Raise `OptionError` where an option cannot be."""
        if self.n_components is not None and self.n_components < 1:
            raise OptionError(f"n_components={self.n_components}: at least one is needed")
        if not 0 <= self.power <= 0.5:
            raise OptionError(
                f"whitening power {self.power} is outside 0 (none) to 0.5 (full whitening)"
            )

    @property
    def _n_features_out(self) -> int:
        return self.n_components_


def _principal_axes(
    X: NDArray[Any], mean: NDArray[np.float64], k: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the k largest eigenvalues of the covariance of `X`, and their axes as rows."""
    n, d = X.shape
    if n <= d:  # the smaller of the two Gram matrices has the same spectrum
        blocks = [slice(start, start + _BLOCK) for start in range(0, d, _BLOCK)]
        gram = np.zeros((n, n))
        for block in blocks:
            centred = X[:, block] - mean[block]  # float64
            gram += centred @ centred.T
        values, left = _largest(gram, k)
        axes = np.hstack([left @ (X[:, block] - mean[block]) for block in blocks])
        lengths = np.linalg.norm(axes, axis=1, keepdims=True)
        return values / (n - 1), axes / np.where(lengths > 0, lengths, 1.0)
    covariance = np.zeros((d, d))
    for start in range(0, n, _BLOCK):
        centred = X[start : start + _BLOCK] - mean  # float64
        covariance += centred.T @ centred
    values, axes = _largest(covariance, k)
    return values / (n - 1), axes


def _largest(
    matrix: NDArray[np.float64], k: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    size = len(matrix)
    values, columns = scipy.linalg.eigh(matrix, subset_by_index=(size - k, size - 1))
    return np.maximum(values[::-1], 0.0), columns.T[::-1]


def _fix_signs(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Make the entry of largest magnitude in each row positive: an axis has no sign of its own."""
    largest = rows[np.arange(len(rows)), np.abs(rows).argmax(axis=1)]
    return rows * np.where(largest < 0, -1.0, 1.0)[:, None]
