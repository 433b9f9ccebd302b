"""A shop on disk: its catalogue, its encoder and its vectors behind one façade."""

from vitrine.shop.importing import ImportResult
from vitrine.shop.results import Hit, ShopInfo
from vitrine.shop.shop import Shop

__all__ = ["Hit", "ImportResult", "Shop", "ShopInfo"]
