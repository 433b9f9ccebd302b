"""From a shop's ratings and items to a fitted model in the store, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from vitrine.artifact import Artifact
from vitrine.errors import InputError
from vitrine.ratings import (
    Interactions,
    RatingModel,
    UserFeatures,
    load_rating_model,
    make_rating_model,
    usual_model,
)
from vitrine.ratings.column_blocks import ColumnBlocks
from vitrine.ratings.ids import Ids
from vitrine.ratings.interactions import known_times
from vitrine.shop.live import Live
from vitrine.shop.ratings_features import FeatureRecipe
from vitrine.store import RatingColumns, RatingStore, Store, UserFacts

RECIPE = "shop_features"


def read_stored(ratings: RatingStore) -> tuple[Interactions, int]:
    """Return all ratings of a shop, and their change number; users are known by their codes.

    What else is known of users comes with them. A fitted model therefore never holds a user's id.

    Raises
    ------
    InputError
        If there are no ratings.
    """
    feedback = ratings.state().feedback
    columns = ratings.columns()
    if feedback is None or not len(columns.values):
        raise InputError("the shop has no ratings; add some with: vitrine ratings add SHOP RATINGS")
    interactions = _interactions(columns, feedback).described_by(_user_features(ratings.facts()))
    return interactions, columns.change_number


def _interactions(columns: RatingColumns, feedback: Any) -> Interactions:
    user_codes, users = np.unique(columns.user_codes, return_inverse=True)
    item_codes, items = np.unique(columns.item_codes, return_inverse=True)
    return Interactions(  # the database orders them by user, then item, each pair once
        Ids(user_codes),
        Ids([columns.item_ids[code] for code in item_codes.tolist()]),
        users.astype(np.int32),
        items.astype(np.int32),
        columns.values.astype(np.float32),
        known_times(columns.timestamps),
        feedback,
    )


def _user_features(known: UserFacts) -> UserFeatures | None:
    """Return users' facts as features by the users' codes; None where they say nothing."""
    names = sorted({name for facts in known.facts for name in facts})
    columns = {name: [facts.get(name) for facts in known.facts] for name in names}
    blocks = ColumnBlocks.of(columns)(columns)
    return UserFeatures(Ids(known.user_codes), blocks) if blocks else None


def fit_model(
    model: RatingModel | None,
    options: Mapping[str, Any],
    store: Store,
    ratings: RatingStore,
    live: Live,
) -> RatingModel:
    """Fit a model on all ratings and all that is known of the items, store it, and return it.

    Parameters
    ----------
    model : RatingModel or None
        None: the usual one for what is there, made with `options`.

    Raises
    ------
    InputError
        If there are no ratings, or the model cannot learn from them.
    OptionError
        If the usual model has no such parameter.
    """
    interactions, fitted_on = read_stored(ratings)
    if model is None:
        model = make_rating_model(usual_model(interactions.timestamps is not None), **options)
    with live.reading() as memory:
        recipe = FeatureRecipe.of(memory)
        features = recipe.features(store, memory, list(memory.positions))
    model.fit(interactions, features)
    artifact = model.to_artifact()
    artifact.settings[RECIPE] = recipe.to_json()
    ratings.save_model(model.kind, artifact.to_files(), fitted_on)
    return model


def load_model(store: Store, model_id: int) -> tuple[RatingModel, FeatureRecipe]:
    """Return a stored model and how the items' features were made for it."""
    artifact = Artifact.from_files(store.artifact(model_id), f"the shop's rating model {model_id}")
    recipe = FeatureRecipe.from_json(artifact.settings[RECIPE])
    return load_rating_model(artifact), recipe
