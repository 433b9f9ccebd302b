"""Items to store, and all that a store holds."""

import numpy as np

from vitrine.catalogue.items import PictureRef
from vitrine.store import StoredItem

D = 4
ENCODER = {"manifest.json": b"{}", "arrays.npz": b"\x00\x01"}


def item(item_id, value=1.0, thumbnail=b"small", **attributes):
    vector = None if value is None else np.full(D, value, np.float32)
    pictures = (PictureRef(f"/pictures/{item_id}.jpg"),)
    return StoredItem(item_id, pictures, f"print {value}", attributes, vector, thumbnail)


def everything(store, encoder_id, since=0):
    with store.changes(since, encoder_id) as change:
        rows = {}
        for chunk in change.chunks:
            triples = zip(chunk.item_ids, chunk.attributes, chunk.vectors, strict=True)
            rows.update({key: (values, vector[0]) for key, values, vector in triples})
        return rows, change.deleted, change.state.change_number
