"""The database of a shop: items, attributes, vectors, artifacts and the change feed."""

from vitrine.store.database import DATABASE_NAME
from vitrine.store.rows import Change, ItemChunk, ShopState, StoredItem
from vitrine.store.store import Store

__all__ = ["DATABASE_NAME", "Change", "ItemChunk", "ShopState", "Store", "StoredItem"]
