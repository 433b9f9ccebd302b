"""A shop on disk: its catalogue, its encoder and its vectors behind one façade."""

from vitrine.shop.evaluating import Evaluation
from vitrine.shop.importing import ImportResult
from vitrine.shop.ratings import ShopRatings
from vitrine.shop.ratings_results import (
    Rated,
    RatingsInfo,
    RatingsResult,
    Reason,
    Recommendation,
    Recommendations,
)
from vitrine.shop.results import Hit, ShopInfo
from vitrine.shop.retraining import CannotEncodeError, Switched
from vitrine.shop.shop import Shop

__all__ = [
    "CannotEncodeError",
    "Evaluation",
    "Hit",
    "ImportResult",
    "Rated",
    "RatingsInfo",
    "RatingsResult",
    "Reason",
    "Recommendation",
    "Recommendations",
    "Shop",
    "ShopInfo",
    "ShopRatings",
    "Switched",
]
