"""Items and their pictures: folders, tables, IDX files and known data sets; safe, fast decoding.

>>> Limits().max_pixels
50000000.0
"""

from vitrine.catalogue.catalogue import Catalogue, DecodedBatch
from vitrine.catalogue.decoding import Limits, Picture, decode, decode_bytes, decode_many
from vitrine.catalogue.items import (
    AttributeType,
    Item,
    PictureRef,
    Rejection,
    Value,
    write_rejected,
)
from vitrine.catalogue.pictures import LazyPictures

__all__ = [
    "AttributeType",
    "Catalogue",
    "DecodedBatch",
    "Item",
    "LazyPictures",
    "Limits",
    "Picture",
    "PictureRef",
    "Rejection",
    "Value",
    "decode",
    "decode_bytes",
    "decode_many",
    "write_rejected",
]
