"""A catalogue of product pictures goes in; similar items and honest figures come out."""

from vitrine.catalogue import Catalogue
from vitrine.encoders import load_encoder, make_encoder
from vitrine.shop import Hit, Shop

__version__ = "0.1.0"

__all__ = ["Catalogue", "Hit", "Shop", "__version__", "load_encoder", "make_encoder"]
