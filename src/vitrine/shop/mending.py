"""What a shop keeps twice, to be fast: held against the rows that it comes from, and made again."""

from __future__ import annotations

import shutil

import numpy as np

from vitrine.errors import UnknownItemError
from vitrine.shop.live import Live
from vitrine.shop.snapshots import FOLDER
from vitrine.store import PlaceLike, Store, place_of
from vitrine.store.integrity import miscounted, raw_vectors, recount, without_words
from vitrine.store.search import remake_words

SAMPLE, TRIES = 200, 3
CLOSE = 1e-2
"""What a vector in memory may be off by: an index may keep it in half precision."""


def memory_faults(store: Store) -> list[str]:
    """Return where what an opened shop has in memory differs from its rows.

    It is opened as every process opens it, from its snapshot where there is one. A shop that is
    written to meanwhile is opened again.
    """
    for _ in range(TRIES):
        before = store.change_number()
        live = Live(store)
        try:
            faults = _differences(store, live)
        except UnknownItemError:  # removed while it was looked at
            continue
        finally:
            live.close()
        if not faults or store.change_number() == before:
            return faults
    return []


def mend(where: PlaceLike) -> list[str]:
    """Make again whatever of a shop can be made from the rest; return what was done.

    Raises
    ------
    ShopNotFoundError
        If there is no shop.
    """
    store = Store.open(place_of(where))
    done = []
    try:
        if n := without_words(store):
            remake_words(store)
            done.append(f"the words of all items were written anew ({n:,} were missing)")
        if miscounted(store):
            done.append(f"the ratings of {recount(store):,} items were counted anew")
        if (store.cache_folder / FOLDER).is_dir():
            shutil.rmtree(store.cache_folder / FOLDER)
            done.append("what opens the shop fast was removed; it is made again by itself")
    finally:
        store.close()
    return done


def _differences(store: Store, live: Live) -> list[str]:
    with live.reading() as memory:
        stored = {item_id for item_id, _ in raw_vectors(store, memory.encoder_id)}
        there = set(memory.positions)
        faults = [f"item {item_id!r} is not searched" for item_id in sorted(stored - there)[:3]]
        faults += [
            f"item {item_id!r} is searched, and gone" for item_id in sorted(there - stored)[:3]
        ]
        if faults or not stored:
            return faults
        sample = np.random.default_rng(0).permutation(sorted(stored))[:SAMPLE].tolist()
        expected = memory.neighbours.distance.prepare(store.vectors(sample, memory.encoder_id))
        held = memory.neighbours.prepared(np.array([memory.position(one) for one in sample]))
        wrong = np.abs(expected - held).max(axis=1) > CLOSE * np.abs(expected).max()
        return [f"item {one!r} is searched by another vector" for one in np.array(sample)[wrong]]
