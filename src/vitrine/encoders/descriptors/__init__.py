"""Encoders that are computed, not trained: pixels, edges, colours, and their union."""

from vitrine.encoders.descriptors.colour import Colour
from vitrine.encoders.descriptors.hog import Hog
from vitrine.encoders.descriptors.looks import Looks
from vitrine.encoders.descriptors.pixels import Pixels

__all__ = ["Colour", "Hog", "Looks", "Pixels"]
