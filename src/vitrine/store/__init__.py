"""The database of a shop: items, attributes, vectors, ratings, artifacts and the change feed."""

from vitrine.store.database import DATABASE_NAME
from vitrine.store.place import Database, Folder, Place, PlaceLike, place_of
from vitrine.store.rating_rows import RatingColumns, RatingState, StoredRating, UserFacts, Written
from vitrine.store.ratings import RatingStore
from vitrine.store.rows import Change, ItemChunk, ShopState, StoredItem
from vitrine.store.store import Store

__all__ = [
    "DATABASE_NAME",
    "Change",
    "Database",
    "Folder",
    "ItemChunk",
    "Place",
    "PlaceLike",
    "RatingColumns",
    "RatingState",
    "RatingStore",
    "ShopState",
    "Store",
    "StoredItem",
    "StoredRating",
    "UserFacts",
    "Written",
    "place_of",
]
