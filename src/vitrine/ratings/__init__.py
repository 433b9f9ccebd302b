"""Personal recommendations: interactions in, rating models, ranked items out."""

from vitrine.ratings.base import Pick, RatingModel
from vitrine.ratings.features import ItemFeatures, UserFeatures
from vitrine.ratings.ids import Ids
from vitrine.ratings.interactions import Interactions
from vitrine.ratings.reading import Columns, Reading, Rejected, read_interactions
from vitrine.ratings.registry import (
    load_rating_model,
    make_rating_model,
    rating_model_class,
    rating_model_names,
    usual_model,
)
from vitrine.ratings.user_table import UserTable, read_users

__all__ = [
    "Columns",
    "Ids",
    "Interactions",
    "ItemFeatures",
    "Pick",
    "RatingModel",
    "Reading",
    "Rejected",
    "UserFeatures",
    "UserTable",
    "load_rating_model",
    "make_rating_model",
    "rating_model_class",
    "rating_model_names",
    "read_interactions",
    "read_users",
    "usual_model",
]
