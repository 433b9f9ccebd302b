"""A shop on disk: its catalogue, its encoder and its vectors behind one façade."""

from vitrine.shop.evaluating import Evaluation
from vitrine.shop.importing import ImportResult
from vitrine.shop.results import Hit, ShopInfo
from vitrine.shop.shop import Shop

__all__ = ["Evaluation", "Hit", "ImportResult", "Shop", "ShopInfo"]
