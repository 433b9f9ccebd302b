"""How good rating models are: splits, measures with intervals, comparisons."""

from vitrine.evaluation.ratings.experiments import (
    Protocol,
    compare_rating_models,
    evaluate_rating_model,
    rating_differences,
)
from vitrine.evaluation.ratings.pictures import PictureVote, rating_from_picture
from vitrine.evaluation.ratings.result import RatingResult, join, mae, rmse
from vitrine.evaluation.ratings.search import Search
from vitrine.evaluation.ratings.splits import (
    RatingSplit,
    cold_items,
    cold_users,
    given_folds,
    global_time,
    leave_last_out,
    make_splits,
    random_folds,
    share_of_each_user,
)

__all__ = [
    "PictureVote",
    "Protocol",
    "RatingResult",
    "RatingSplit",
    "Search",
    "cold_items",
    "cold_users",
    "compare_rating_models",
    "evaluate_rating_model",
    "given_folds",
    "global_time",
    "join",
    "leave_last_out",
    "mae",
    "make_splits",
    "random_folds",
    "rating_differences",
    "rating_from_picture",
    "rmse",
    "share_of_each_user",
]
