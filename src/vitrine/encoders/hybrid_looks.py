"""Several encoders as one: what each sees counts as much as helps."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, ClassVar, Self, overload

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from vitrine.artifact import Artifact
from vitrine.encoders.base import Encoder, FloatArray
from vitrine.encoders.category_labels import Labels, read_labels
from vitrine.encoders.composed import Composed
from vitrine.encoders.hybrid_looks_weights import by_labels, by_views, find_weights, similarities
from vitrine.encoders.joined_preprocessing import JoinedPreprocessing
from vitrine.encoders.nesting import put_inside, take_out
from vitrine.encoders.preprocessing import Picture, Pictures
from vitrine.encoders.views import views_of
from vitrine.errors import InputError, OptionError
from vitrine.index.distance import Distance, unit
from vitrine.progress import task

logger = logging.getLogger(__name__)

_LEAST_VALIDATION = 10
"""Labelled pictures that must be held out for labels to say anything about weights."""


class HybridLooks(Composed):
    """The vectors of several encoders side by side, each with a weight found on held-out pictures.

    Descriptors add what networks miss. A member's vectors are brought to unit length (of other
    distances than the cosine: to unit spread), so that a weight is the member's share of the
    similarity. With labels, weights are good where the nearest pictures are of one class; without,
    where a cropped, mirrored and relit picture finds the one that it was made of.

    Parameters
    ----------
    encoders : sequence of str
        Two at least, ``NAME`` or ``NAME;option=value;option=value`` each; ``+`` may stand for the
        comma between them.
    weights : sequence of float, optional
        One an encoder, none negative; None: they are found.
    validation_share : float
        Share of the pictures that weights are found on, above 0 and below 1. Members that learn
        from labels are fitted on the others for that, then on all.
    max_validation : int
        At most so many pictures.
    random_state : int
        Draws those pictures, and seeds the members.

    Attributes
    ----------
    weights_ : list of float
        One an encoder of `encoders`, summing to 1; those of weight 0 take no room.
    members_ : list of Encoder
        Those of weight above 0, fitted.
    judged_by_ : str
        ``labels``, ``views`` or ``given``.
    """

    kind: ClassVar[str] = "hybrid-looks"

    def __init__(
        self,
        encoders: tuple[str, ...] = ("hog", "pixels", "colour"),
        weights: tuple[float, ...] | None = None,
        validation_share: float = 0.2,
        max_validation: int = 2000,
        random_state: int = 0,
    ) -> None:
        self.encoders = encoders
        self.weights = weights
        self.validation_share = validation_share
        self.max_validation = max_validation
        self.random_state = random_state

    @property
    def needs_labels(self) -> bool:
        """Whether one of the encoders does."""
        return any(member.needs_labels for member in self._make())

    def fit(self, pictures: Pictures, y: Any = None) -> Self:
        """Fit the members, and find their weights where none are given.

        Raises
        ------
        InputError
            If there are no pictures, one is not a picture, or an encoder needs labels and there
            are none.
        OptionError
            If an option's value cannot be.
        """
        members = self._make()
        given = self._given_weights(len(members))
        if len(pictures) == 0:
            raise InputError("there are no pictures")
        if y is None and self.needs_labels:
            read_labels(None, len(pictures))  # says so
        for member in members:
            if given is not None or not member.needs_labels:
                member.fit(pictures, y)
        weights = given if given is not None else self._find(members, pictures, y)
        for member, weight in zip(members, weights, strict=True):
            if given is None and weight and member.needs_labels:
                member.fit(pictures, y)
        if given is not None:
            self.judged_by_ = "given"
        self.weights_ = [float(weight) for weight in weights]
        self.members_ = [m for m, weight in zip(members, weights, strict=True) if weight]
        self._settle(pictures)
        return self

    def _make(self) -> list[Encoder]:
        # Here, as the registry imports this module's class by name.
        from vitrine.encoders.specifications import read_encoder, split_list

        named = [self.encoders] if isinstance(self.encoders, str) else self.encoders
        texts = split_list(",".join(named).replace("+", ","))
        if len(texts) < 2:
            raise OptionError(f"encoders={','.join(texts)}: name two at least, with commas between")
        return [read_encoder(text.replace(";", ":"), self.random_state) for text in texts]

    def _given_weights(self, n: int) -> NDArray[np.float64] | None:
        if not 0 < self.validation_share < 1 or self.max_validation < _LEAST_VALIDATION:
            raise OptionError(
                f"validation_share={self.validation_share}, max_validation={self.max_validation}: "
                f"a share between 0 and 1, of {_LEAST_VALIDATION} pictures or more"
            )
        if self.weights is None:
            return None
        weights = np.array(self.weights, np.float64)
        if len(weights) != n or (weights < 0).any() or not weights.sum() > 0:
            raise OptionError(
                f"weights={self.weights}: one for each of {n} encoders, none negative, one above 0"
            )
        shares: NDArray[np.float64] = weights / weights.sum()
        return shares

    def _find(self, members: list[Encoder], pictures: Pictures, y: Any) -> NDArray[np.float64]:
        """Return the weights that do best on pictures held out."""
        labels = None if y is None else _some_labels(y, len(pictures))
        candidates = np.arange(len(pictures)) if labels is None else labels.known
        rng = np.random.default_rng(self.random_state)
        n = max(1, min(self.max_validation, round(self.validation_share * len(candidates))))
        held = np.sort(rng.choice(len(candidates), n, replace=False))
        positions = candidates[held]
        rest = np.setdiff1d(np.arange(len(pictures)), positions)
        judges = [_fitted_on(member, pictures, y, rest) for member in members]
        seen = _Some(pictures, positions)
        own = [_block(judge, judge.transform(seen)) for judge in judges]
        codes = None if labels is None else labels.codes[held]
        if codes is not None and n >= _LEAST_VALIDATION and 1 < len(np.unique(codes)) < n:
            self.judged_by_ = "labels"
            weights = find_weights([similarities(x, x) for x in own], by_labels(codes))
        else:
            self.judged_by_ = "views"
            views = views_of(pictures, positions.tolist(), self.random_state)
            other = [_block(judge, judge.transform(views)) for judge in judges]
            pairs = zip(other, own, strict=True)
            weights = find_weights([similarities(a, b) for a, b in pairs], by_views)
        found = zip(members, weights, strict=True)
        shares = ", ".join(f"{member.kind} {weight:.2f}" for member, weight in found)
        logger.info("weights by %s of %d held-out pictures: %s", self.judged_by_, n, shares)
        return weights

    def _settle(self, pictures: Pictures) -> None:
        """Note what follows from the members."""
        parts = [member.preprocessing_ for member in self.members_]
        self.preprocessing_ = JoinedPreprocessing.of(parts)
        self.n_components_ = sum(member.n_components_ for member in self.members_)
        cosine = all(member.distance_.name == "cosine" for member in self.members_)
        self.distance_ = Distance("cosine" if cosine else "euclidean")
        self.spreads_ = [1.0] * len(self.members_)
        if not cosine:
            sample = self._split(self.preprocessing_.stack(pictures[:512]))
            for i, member in enumerate(self.members_):
                block = member.distance_.prepare(member._encode(sample[i]))
                centred = block - block.mean(axis=0)
                spread = float(np.sqrt(np.square(centred).sum(axis=1).mean()))
                self.spreads_[i] = spread if spread > 0 else 1.0

    def _members(self) -> list[Encoder]:
        return self.members_

    def _split(self, batch: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
        assert isinstance(self.preprocessing_, JoinedPreprocessing)  # noqa: S101 - for the type
        return self.preprocessing_.split(batch)

    def _combine(self, vectors: list[FloatArray]) -> FloatArray:
        kept = [weight for weight in self.weights_ if weight]
        scaled = [
            np.float32(np.sqrt(weight) / spread) * member.distance_.prepare(block)
            for member, weight, spread, block in zip(
                self.members_, kept, self.spreads_, vectors, strict=True
            )
        ]
        return np.concatenate(scaled, axis=1, dtype=np.float32)

    def _state(self) -> Artifact:
        artifact = Artifact(
            self.kind,
            {
                "weights": self.weights_,
                "spreads": self.spreads_,
                "judged_by": self.judged_by_,
                "n_members": len(self.members_),
            },
        )
        for i, member in enumerate(self.members_):
            put_inside(artifact, _prefix(i), member)
        return artifact

    def _restore(self, artifact: Artifact) -> None:
        settings = artifact.settings
        self.weights_ = [float(weight) for weight in settings["weights"]]
        self.spreads_ = [float(spread) for spread in settings["spreads"]]
        self.judged_by_ = str(settings["judged_by"])
        n_members = int(settings["n_members"])
        self.members_ = [take_out(artifact, _prefix(i)) for i in range(n_members)]
        self.preprocessing_ = JoinedPreprocessing.of([m.preprocessing_ for m in self.members_])


class _Some(Sequence[Picture]):
    """Some of a sequence's pictures, read when they are asked for."""

    def __init__(self, pictures: Pictures, positions: NDArray[np.intp]) -> None:
        self._pictures, self._positions = pictures, positions

    def __len__(self) -> int:
        return len(self._positions)

    @overload
    def __getitem__(self, index: int) -> Picture: ...

    @overload
    def __getitem__(self, index: slice) -> list[Picture]: ...

    def __getitem__(self, index: int | slice) -> Picture | list[Picture]:
        if isinstance(index, slice):
            return [self._pictures[int(i)] for i in self._positions[index]]
        return self._pictures[int(self._positions[index])]


def _prefix(member: int) -> str:
    return f"member{member}_"


def _some_labels(y: Any, n: int) -> Labels | None:
    """Return the labels, or None where no picture has one."""
    try:
        return read_labels(y, n)
    except InputError:
        if len(y) != n:
            raise
        return None


def _fitted_on(member: Encoder, pictures: Pictures, y: Any, rest: NDArray[np.intp]) -> Encoder:
    """Return a member that has not seen the labels of what is held out."""
    if not member.needs_labels:
        return member
    with task(f"fitting {member.kind} on a part, to weigh it"):
        learner: Encoder = clone(member)
        return learner.fit(_Some(pictures, rest), [y[i] for i in rest])


def _block(member: Encoder, vectors: FloatArray) -> FloatArray:
    """Return a member's vectors (n, d) with unit length, or unit spread about their mean."""
    prepared = member.distance_.prepare(vectors)
    if member.distance_.name == "cosine":
        return unit(prepared)
    centred = prepared - prepared.mean(axis=0)
    spread = np.sqrt(np.square(centred).sum(axis=1).mean())
    scaled: FloatArray = centred / np.float32(spread if spread > 0 else 1.0)
    return scaled
