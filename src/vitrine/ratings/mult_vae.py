"""A variational autoencoder of what users chose, which knows items by their features too."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, ClassVar, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from vitrine.artifact import Artifact
from vitrine.errors import InputError, OptionError
from vitrine.ratings.factor_model import FactorModel
from vitrine.ratings.factors import check_converged
from vitrine.ratings.feature_map import FeatureMap
from vitrine.ratings.features import ItemFeatures
from vitrine.ratings.graded import Graded
from vitrine.ratings.ids import Ids
from vitrine.ratings.interactions import Interactions
from vitrine.ratings.variational import Network, means_of
from vitrine.ratings.variational_training import (
    Training,
    find_feature_scales,
    side_by_side,
    unit_rows,
)
from vitrine.ratings.visits import with_visits

Array = NDArray[Any]
USERS_AT_ONCE = 1024


class MultVAE(Graded, FactorModel):
    """Learns how a user's choices are shared out among all items, given part of them.

    Liang, Krishnan, Hoffman and Jebara, "Variational Autoencoders for Collaborative Filtering",
    2018: a history becomes a distribution of factors, and these the items' shares, whose
    multinomial likelihood is learned. Beyond the published form, an item's rows on both sides are
    the sum of its own part and a linear map of its features. The own part is left out at times in
    training, so that the features must do without it (after Volkovs, Yu and Poutanen, "DropoutNet:
    Addressing Cold Start in Recommender Systems", 2017), and an item nobody chose is ranked by
    them. New users and new items need no training.

    Explicit ratings count by their place on the scale, implicit interactions alike. An unknown user
    gets the average user's scores, an item that is neither chosen nor described the lowest bias and
    no factors.

    Parameters
    ----------
    n_factors, n_hidden : int
    n_epochs : int
        Times that each user is shown.
    max_steps : int
        Batches at most; where all users would need more, there are fewer epochs.
    batch_size : int
        Users in a step.
    learning_rate : float
        The highest; it grows and then falls to 0.
    kl_weight : float
        β of the paper: how much the factors' distance to a standard normal distribution counts.
    dropout : float
        Share of each history that is not shown.
    own_dropout : float
        Share of the items that are told by their features alone in a step.
    weight_decay : float
    n_competing : int
        Where there are more items, those chosen by a batch compete with so many others, drawn for
        the step, which stand for all (their part of the softmax's sum is unbiased).
    n_components : int
        Directions kept of each block of features.
    rating_power : float
        As `EASE`.
    random_state : int
        Seed.
    visit_seconds : float or None
        As `EASE`.
    feature_scale : float, mapping of str to float, or None
        How long an item's row of each block of features is, of all or by block: with long rows
        items are told by their features first, with short ones by what people chose. None: those by
        which held-out items are found best, block by block, after shorter fits.

    Attributes
    ----------
    feature_map_ : FeatureMap or None
    feature_scales_ : dict of str to float
        That were taken, by block.
    encoder_items_ : ndarray of shape (n_items, n_hidden), float32
        What an item in a history adds.
    encoder_shift_ : ndarray of shape (n_hidden,), float32
    encoder_map_ : ndarray of shape (n_hidden, n_factors), float32
    encoder_mean_ : ndarray of shape (n_factors,), float32
    by_features_in_ : ndarray of shape (n_columns, n_hidden), float32
    by_features_out_ : ndarray of shape (n_columns, n_factors + 1), float32
        How features become an item's row of `encoder_items_`, and its factors and bias.
    """

    kind: ClassVar[str] = "mult-vae"
    predicts_ratings: ClassVar[bool] = False
    fitted_arrays: ClassVar[tuple[str, ...]] = (
        *FactorModel.fitted_arrays,
        "encoder_items_",
        "encoder_shift_",
        "encoder_map_",
        "encoder_mean_",
        "by_features_in_",
        "by_features_out_",
    )
    feature_map_: FeatureMap | None
    feature_scales_: dict[str, float]
    encoder_items_: Array
    encoder_shift_: Array
    encoder_map_: Array
    encoder_mean_: Array
    by_features_in_: Array
    by_features_out_: Array

    def __init__(
        self,
        n_factors: int = 64,
        n_hidden: int = 200,
        n_epochs: int = 60,
        max_steps: int = 6000,
        batch_size: int = 100,
        learning_rate: float = 0.005,
        kl_weight: float = 0.2,
        dropout: float = 0.5,
        own_dropout: float = 0.2,
        weight_decay: float = 1.0,
        n_competing: int = 4096,
        n_components: int = 64,
        rating_power: float = 1.0,
        random_state: int = 0,
        visit_seconds: float | None = None,
        feature_scale: float | Mapping[str, float] | None = None,
    ) -> None:
        self.n_factors = n_factors
        self.n_hidden = n_hidden
        self.n_epochs = n_epochs
        self.max_steps = max_steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.kl_weight = kl_weight
        self.dropout = dropout
        self.own_dropout = own_dropout
        self.weight_decay = weight_decay
        self.n_competing = n_competing
        self.n_components = n_components
        self.rating_power = rating_power
        self.random_state = random_state
        self.visit_seconds = visit_seconds
        self.feature_scale = feature_scale

    def add_items(self, features: ItemFeatures) -> Self:
        """Return a model that also knows the new items of `features`, by their features alone.

        Nothing is trained. Items that are known already stay as they are.

        Raises
        ------
        InputError
            If the model was fitted without features, or these are of other blocks.
        """
        check_is_fitted(self, "items_")
        new = [item for item in features.items.values if item not in self.items_]
        if not new:
            return self
        if self.feature_map_ is None:
            raise InputError(
                "the mult-vae was fitted without item features; fit it again with them"
            )
        blocks, _ = features.aligned(Ids(new))
        columns = side_by_side(self.feature_map_(blocks), self.feature_scales_)
        rows = columns @ self.by_features_out_
        added = copy.copy(self)
        added.items_ = self.items_.extended(new)
        added.encoder_items_ = np.concatenate([self.encoder_items_, columns @ self.by_features_in_])
        added.item_factors_ = np.concatenate(
            [self.item_factors_[:-1], rows[:, :-1], self.item_factors_[-1:]]
        )
        added.item_biases_ = np.concatenate(
            [self.item_biases_[:-1], rows[:, -1], self.item_biases_[-1:]]
        )
        return added

    def knows_by(self, block: str) -> bool:
        """Tell whether the block was there in the fit."""
        return self.feature_map_ is not None and block in self.feature_map_.centres

    def settled(self) -> Self:
        """Return an unfitted model that takes the features' scales that this one found."""
        copied = super().settled()
        copied.set_params(feature_scale=self.feature_scales_ or None)
        return copied

    def factors_of(self, histories: sp.csr_matrix) -> Array:
        """Return the factors of users who chose the items of each row, (n_rows, n_factors).

        Parameters
        ----------
        histories : csr_matrix of shape (n_rows, n_items)
            How strongly each was chosen.
        """
        return means_of(
            unit_rows(histories),
            self.encoder_items_,
            self.encoder_shift_,
            self.encoder_map_,
            self.encoder_mean_,
        )

    def _fit(self, interactions: Interactions, features: ItemFeatures | None) -> None:
        self._check()
        chosen_items = np.flatnonzero(interactions.by_item.counts)
        columns, described = self._describe(interactions.items, chosen_items, features)
        rng = np.random.default_rng(self.random_state)
        network = self._network(columns, rng)
        learned_from = self._chosen(with_visits(interactions, self.visit_seconds))
        self._training().run(network, learned_from, chosen_items, rng, f"fitting {self.kind}")

        own = np.zeros(len(self.items_), np.float32)
        own[chosen_items] = 1.0
        first, second = network.tables(own)
        self.encoder_items_, self.encoder_shift_ = first, network.hidden.values
        self.encoder_map_, self.encoder_mean_ = network.mean.values, network.mean_shift.values
        self.by_features_in_ = network.by_features_in.values
        self.by_features_out_ = network.by_features_out.values
        biases = second[:, -1]
        biases[(own == 0) & ~described] = biases.min()
        chosen = self._chosen(self.seen_)
        users = np.concatenate(
            [
                self.factors_of(chosen[start : start + USERS_AT_ONCE])
                for start in range(0, chosen.shape[0], USERS_AT_ONCE)
            ]
        )
        check_converged(users, second)
        self._set_factors(0.0, np.zeros(len(users)), biases, users, second[:, :-1])
        self.user_factors_[-1] = users.mean(axis=0)
        self.item_biases_[-1] = biases.min()

    def _check(self) -> None:
        counts = self.n_factors, self.n_hidden, self.n_epochs, self.max_steps, self.batch_size
        if min(*counts, self.n_competing, self.n_components) < 1:
            raise OptionError("n_… , max_steps and batch_size of mult-vae go from 1 up")
        if not (0 <= self.dropout < 1 and 0 <= self.own_dropout < 1):
            raise OptionError("dropout and own_dropout go from 0 up to, but not including, 1")
        if not (self.learning_rate > 0 and self.kl_weight >= 0 and self.weight_decay >= 0):
            raise OptionError("learning_rate is above 0, kl_weight and weight_decay from 0 up")
        scale = self.feature_scale
        scales = scale.values() if isinstance(scale, Mapping) else [1.0 if scale is None else scale]
        if not all(each > 0 for each in scales):
            raise OptionError(f"feature_scale is {scale}; it must be above 0")

    def _describe(
        self, items: Ids, chosen: Array, features: ItemFeatures | None
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Learn the features' frame and scales; return all columns, and which items have any."""
        self.feature_map_, self.feature_scales_ = None, {}
        if features is None:
            return np.zeros((len(items), 0), np.float32), np.zeros(len(items), bool)
        blocks, described = features.aligned(items)
        known = chosen[described[chosen]]
        if not len(known):
            raise InputError("no item that has features was chosen; nothing can be learned of them")
        warm = {name: block[known] for name, block in blocks.items()}
        self.feature_map_ = FeatureMap.of(warm, self.n_components)
        told = {
            name: np.where(described[:, None], columns, 0.0)
            for name, columns in self.feature_map_(blocks).items()
        }
        self.feature_scales_ = self._find_scales(told, described)
        return side_by_side(told, self.feature_scales_), described

    def _training(self) -> Training:
        return Training(**{each.name: getattr(self, each.name) for each in fields(Training)})

    def _network(self, columns: Array, rng: np.random.Generator) -> Network:
        return Network(columns, self.n_hidden, self.n_factors, self.weight_decay, rng)

    def _find_scales(
        self, blocks: dict[str, Array], described: NDArray[np.bool_]
    ) -> dict[str, float]:
        scale = self.feature_scale
        if isinstance(scale, Mapping):
            if scale.keys() != blocks.keys():
                raise OptionError(
                    f"feature_scale is for {', '.join(scale)}; the blocks are {', '.join(blocks)}"
                )
            return dict(scale)
        if scale is not None:
            return dict.fromkeys(blocks, scale)
        rng = np.random.default_rng([self.random_state, 1])
        chosen = self._chosen(self.seen_)
        return find_feature_scales(self._network, self._training(), chosen, blocks, described, rng)

    def _state(self) -> Artifact:
        artifact = super()._state()
        if self.feature_map_ is not None:
            artifact.arrays |= self.feature_map_.to_arrays()
        artifact.settings["described"] = self.feature_map_ is not None
        artifact.settings["feature_scales"] = self.feature_scales_
        return artifact

    def _restore(self, artifact: Artifact) -> None:
        super()._restore(artifact)
        described = artifact.settings["described"]
        kept = artifact.settings["feature_scales"]
        self.feature_scales_ = {name: float(scale) for name, scale in kept.items()}
        self.feature_map_ = FeatureMap.from_arrays(artifact.arrays) if described else None
