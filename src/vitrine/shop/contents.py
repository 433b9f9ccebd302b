"""What is in an open shop."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from vitrine.catalogue import decode
from vitrine.catalogue.items import AttributeType, Value
from vitrine.catalogue.where import Where
from vitrine.encoders.base import Encoder
from vitrine.encoders.preprocessing import Picture
from vitrine.errors import InputError, PictureError, UnknownItemError
from vitrine.shop.browsing import Browsing
from vitrine.shop.evaluating import Side
from vitrine.shop.importing import ImportResult
from vitrine.shop.item_to_item import NeighbourTable, write_neighbours
from vitrine.shop.live import Live
from vitrine.shop.memory import Memory
from vitrine.shop.pictures import StoredPictures
from vitrine.shop.ratings import ShopRatings
from vitrine.shop.ratings_results import Recommendations
from vitrine.shop.results import ShopInfo
from vitrine.shop.thumbnails import read_thumbnail
from vitrine.store import Place, Store

REJECTED_NAME = "rejected.csv"


class Contents:
    """Everything in an open shop, to be read.

    Parameters
    ----------
    store : Store
        Its database.
    soon : bool
        See `vitrine.shop.live.Live`.

    Attributes
    ----------
    ratings : ShopRatings
        Who rated what, and the model fitted on it.
    """

    def __init__(self, store: Store, soon: bool = False) -> None:
        self.last_import = ImportResult()
        self._store = store
        with store.closed_on_failure():
            self._live = Live(store, soon)
        self.ratings = ShopRatings(store, self._live)

    def close(self) -> None:
        """Let go of the database."""
        self._live.close()
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self._live.current())

    def __contains__(self, item_id: object) -> bool:
        return item_id in self._live.current().positions

    def refresh(self) -> bool:
        """Take over what other processes have written; return whether there was anything.

        Queries do so by themselves, at most every quarter of a second.
        """
        return self._live.refresh()

    def follow(self) -> None:
        """From now on take over in a thread what other processes write, until `close`.

        Queries then never wait for it: new items, or a whole new encoder, are read beside them.
        """
        self._live.follow()

    @property
    def seconds_behind(self) -> float:
        """How long ago it was last seen, successfully, what others have written."""
        return self._live.seconds_behind

    @property
    def settling(self) -> bool:
        """Whether a large shop's index is still being trained: searches are right, but slow."""
        return self._live.settling

    @property
    def encoder(self) -> Encoder:
        """What makes vectors of pictures here."""
        return self._live.current().encoder

    @property
    def browsing(self) -> Browsing:
        """Pages of items, facets, and words to items."""
        return Browsing(self._live, self._store)

    @property
    def place(self) -> Place:
        """Where the shop is; written out, it is what messages call it."""
        return self._store.place

    @property
    def name(self) -> str:
        """What the shop is called, after its place."""
        return self.place.name

    @property
    def path(self) -> Path:
        """The shop's directory, absolute; of one in PostgreSQL, this machine's for copies."""
        return self._store.folder

    @property
    def rejected_path(self) -> Path:
        """Where the last import listed what it refused."""
        return self.path / REJECTED_NAME

    @property
    def schema(self) -> dict[str, AttributeType]:
        """Names and types of the attributes."""
        return self._live.current().attributes.schema

    @property
    def item_ids(self) -> list[str]:
        """The ids of all items, in the order that `vectors` and `values` have too."""
        return list(self._live.current().positions)

    @property
    def vectors(self) -> NDArray[np.float32]:
        """The vectors of all items, float32 (n, d)."""
        memory = self._live.current()
        return self._store.vectors(list(memory.positions), memory.encoder_id)

    def vectors_of(self, item_ids: Sequence[str]) -> NDArray[np.float32]:
        """Return the vectors of some items, float32 (n, d).

        Raises
        ------
        UnknownItemError
            If one is not there.
        """
        return self._store.vectors(item_ids, self._live.current().encoder_id)

    def sample_vectors(self, n: int, random_state: int = 0) -> NDArray[np.float32]:
        """Return vectors of at most n items drawn at random, float32 (m, d), as they are compared.

        They come from memory: that one is being removed elsewhere does not matter.
        """
        with self._live.reading() as memory:
            places = memory.positions.places()
            if not len(places):
                return np.zeros((0, memory.encoder.n_components_), np.float32)
            drawn = np.random.default_rng(random_state).permutation(places)[:n]
            return memory.neighbours.prepared(drawn)

    def values(self, name: str) -> list[Value]:
        """Return one attribute of all items; None where an item has none."""
        memory = self._live.current()
        return memory.attributes.values(name, memory.positions.values())

    def thumbnails(self, item_ids: Sequence[str]) -> list[bytes | None]:
        """Return the items' small pictures as encoded bytes (PNG or JPEG)."""
        found = self._store.thumbnails(item_ids)
        return [found.get(item_id) for item_id in item_ids]

    def have_pictures(self, item_ids: Sequence[str]) -> set[str]:
        """Return which items have a picture to show: a thumbnail, or the file that it came from."""
        shown = set(self._store.thumbnails(item_ids))
        rest = self._store.pictures([item_id for item_id in item_ids if item_id not in shown])
        return shown | {i for i, [first, *_] in rest.items() if Path(first.path).is_file()}

    def picture_counts(self, item_ids: Sequence[str]) -> dict[str, int]:
        """Return how many pictures the catalogue gave for each item."""
        return {i: len(places) for i, places in self._store.pictures(item_ids).items()}

    def pictures(self, item_ids: Sequence[str]) -> list[Picture | None]:
        """Return the items' first pictures, decoded; the thumbnail where a file has gone."""
        stored = self._stored_pictures(item_ids)
        return [_or_none(stored, i) for i in range(len(stored))]

    def picture(self, item_id: str, cover: int, number: int = 0) -> Picture | None:
        """Return one of an item's pictures, decoded; None where it cannot be read any more.

        Parameters
        ----------
        item_id : str
        cover : int
            Shorter side, in pixels, that must survive.
        number : int
            Which of its pictures, from 0; the thumbnail stands in for the first.
        """
        places = self._store.pictures([item_id]).get(item_id, [])
        try:
            return decode(places[number], cover=cover)
        except (IndexError, PictureError):
            [small] = self.thumbnails([item_id]) if number == 0 else [None]
            return None if small is None else read_thumbnail(small)

    def picture_fingerprint(self, item_id: str) -> str:
        """Return what changes when an item's picture files do.

        Raises
        ------
        UnknownItemError
            If there is no such item.
        """
        known = self._store.known([item_id])
        if item_id not in known:
            with self._live.reading() as memory:
                memory.position(item_id)  # says which id may have been meant
            raise UnknownItemError(f"there is no item {item_id!r} any more")
        return known[item_id][0]

    def write_neighbours(
        self, output: str | Path, k: int = 20, where: Where = None
    ) -> NeighbourTable:
        """Write the `k` most similar items of every item to a Parquet file.

        Memory does not grow with the table. Run again after an interruption, with the same
        arguments on a shop that has not changed since, it goes on where it was.

        Parameters
        ----------
        output : path
            Ends in ``.parquet``. Columns: ``item_id, rank`` (1 is the nearest), ``neighbour_id,
            distance, similarity``; a row for each neighbour, by item and rank.
        k : int
        where : str, sequence of str or mapping, optional
            Which items may be neighbours; every item is asked about.

        Raises
        ------
        OptionError
            If k is under 1, or the file's name ends otherwise.
        FilterError
            If the filter does not fit the attributes.
        ShopError
            If the shop changes meanwhile.
        """
        return write_neighbours(self._live, Path(output), k, where)

    def recommend(
        self, user_id: object, k: int = 10, where: Where = None, exclude_seen: bool = True
    ) -> Recommendations:
        """Return the `k` items that a user should like most, best first, each with its reasons.

        Ratings written since the model was fitted count at once. A user without ratings gets the
        popular items, and the result says so.

        Parameters
        ----------
        user_id : str or int
        k : int
            Exactly so many are returned whenever so many are allowed.
        where : str, sequence of str or mapping, optional
            As in `vitrine.catalogue.where`.
        exclude_seen : bool
            Whether items that the user rated are left out.

        Raises
        ------
        FilterError
            If the filter does not fit the attributes.
        """
        return self.ratings.recommend(user_id, k, where, exclude_seen)

    def info(self) -> ShopInfo:
        """Return what the shop is."""
        memory, state = self._live.current(), self._store.state()
        return ShopInfo(
            name=self.name,
            items=len(memory),
            encoder=memory.encoder.kind,
            dimensions=memory.encoder.n_components_,
            distance=memory.encoder.distance_.name,
            attributes=memory.attributes.schema,
            label=state.settings["label"],
            change_number=memory.change_number,
            ready=state.ready,
            bytes_on_disk=self.place.bytes_used(self._store.engine),
        )

    @property
    def default_label(self) -> str:
        """The attribute that says which items belong together, if there is one of that name."""
        return str(self._store.state().settings["label"] or "category")

    def label(self, name: str | None = None) -> str:
        """Return the attribute that says which items belong together.

        Raises
        ------
        InputError
            If there is no such attribute.
        """
        chosen = name or self.default_label
        if chosen not in self.schema:
            there = ", ".join(self.schema) or "none"
            raise InputError(
                f"{self.place}: there is no attribute {chosen!r} to judge by; name one as the "
                f"label (there are: {there})"
            )
        return str(chosen)

    def _side(self, memory: Memory, label: str) -> Side:
        item_ids = list(memory.positions)
        return Side(
            item_ids,
            self._store.vectors(item_ids, memory.encoder_id),
            memory.attributes.values(label, memory.positions.values()),
            StoredPictures(self._store, item_ids, memory.encoder.preprocessing_.cover),
        )

    def _stored_pictures(self, item_ids: Sequence[str]) -> StoredPictures:
        return StoredPictures(self._store, item_ids, self.encoder.preprocessing_.cover)


def _or_none(pictures: StoredPictures, index: int) -> Picture | None:
    try:
        return pictures[index]
    except PictureError:
        return None
