"""The façade: a catalogue goes in, similar items come out."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Any, Self

from vitrine.catalogue import Catalogue
from vitrine.catalogue.decoding import DEFAULT_LIMITS, Limits
from vitrine.catalogue.where import Where
from vitrine.encoders import make_encoder
from vitrine.encoders.base import Encoder
from vitrine.errors import EncoderReplacedError, InputError, ItemsChangedError
from vitrine.shop.creating import begin
from vitrine.shop.evaluating import (
    LEARNED,
    Evaluation,
    encode_catalogue,
    evaluate_sides,
    sample_queries,
)
from vitrine.shop.importing import Import, ImportResult
from vitrine.shop.kept import keep_fetched
from vitrine.shop.receiving import NewItem, Received, Receiving
from vitrine.shop.results import Hit, PhotoSearch
from vitrine.shop.similar import Query, Wish, find_similar, search_by_photo
from vitrine.shop.wholesale import Wholesale
from vitrine.store import PlaceLike, Store, place_of


class Shop(Wholesale):
    """A shop, opened; use `Shop.create` or `Shop.open`.

    Methods may be called from several threads. Writes of other processes are seen within a second.
    What is in it can be read as `Contents` says; `Wholesale` holds what concerns all items at once.
    """

    @classmethod
    def create(
        cls,
        where: PlaceLike,
        catalogue: Catalogue,
        encoder: str | Encoder = "looks",
        *,
        label: str | None = None,
        random_state: int = 0,
        thumbnails: bool = True,
    ) -> Self:
        """Make a shop of a catalogue: fit the encoder, encode every picture, store.

        Run again after an interruption, with the same arguments, it completes what it began.

        Parameters
        ----------
        where : path, or text
            A directory that does not exist, or is empty; or ``postgresql://USER@HOST/DATABASE``.
        catalogue : Catalogue
        encoder : str or Encoder
            A name, or an encoder; one that is fitted already is taken as it is.
        label : str, optional
            The attribute that an encoder which learns from labels learns.
        random_state : int
            Seed of everything random.
        thumbnails : bool
            Keep a small picture with each item.

        Raises
        ------
        ShopExistsError
            If there is a complete shop already, or one begun with other settings.
        InputError
            If the label is no attribute, or no picture can be read.
        """
        if isinstance(encoder, str):
            encoder = make_encoder(encoder, random_state=random_state)
        store = begin(place_of(where), catalogue, encoder, label, random_state, thumbnails)
        shop = cls(store)
        with store.closed_on_failure():
            shop.add(catalogue)
            store.set_ready()
        return shop

    @classmethod
    def open(cls, where: PlaceLike, *, soon: bool = False) -> Self:
        """Open a shop.

        Parameters
        ----------
        where : path, or text
            As in `create`.
        soon : bool
            Return as soon as every item is read. A large shop's index has to be trained where this
            machine has not opened it before; that is then done in a thread, and until it is, every
            search looks at every item.

        Raises
        ------
        ShopNotFoundError
            If there is none.
        ShopFormatError
            If it is damaged, of another version, or its making broke off before the first item.
        ShopUnavailableError
            If its database cannot be reached.
        """
        return cls(Store.open(place_of(where)), soon)

    def add(self, catalogue: Catalogue) -> ImportResult:
        """Add a catalogue's items; those whose id is there are replaced.

        What was refused is in the result and in the shop's ``rejected.csv``.
        """
        result = self._import(catalogue)
        self.last_import = result
        self._write_rejected(result.rejected)
        return result

    def receive(self, items: Sequence[NewItem], limits: Limits = DEFAULT_LIMITS) -> list[Received]:
        """Add or replace items whose pictures come with them, as bytes.

        The pictures are kept in the shop. What becomes of each item is in
        the answer, and nowhere else.

        Parameters
        ----------
        items : sequence of NewItem
        limits : Limits
            What a picture may be at most.
        """
        return Receiving(self._store, self._import, limits).run(items)

    def _import(self, catalogue: Catalogue, same_pictures: Set[str] = frozenset()) -> ImportResult:
        keep = bool(self._store.state().settings["thumbnails"])
        catalogue = keep_fetched(self._store, catalogue)
        result: ImportResult | None = None
        while result is None:
            memory = self._live.current()
            work = Import(self._store, memory.encoder, memory.encoder_id, keep, same_pictures)
            try:
                result = work.run(catalogue)
            # What is stored by now is taken as it is: nothing is done twice.
            except (EncoderReplacedError, ItemsChangedError):
                self.refresh()
        self.refresh()
        return result

    def remove(self, item_ids: Sequence[str]) -> int:
        """Remove items and return how many there were."""
        removed = self._store.remove(list(item_ids))
        self.refresh()
        return removed

    def similar(
        self,
        query: Query,
        k: int = 6,
        where: Where = None,
        *,
        diversity: float = 0.0,
        collapse: bool = False,
    ) -> list[Hit]:
        """Return the `k` most similar items that `where` allows, nearest first.

        Parameters
        ----------
        query : str, Path, bytes or array
            An item's id (which is never among its own results); a picture as a file, as the bytes
            of one, or decoded, uint8 (h, w) or (h, w, 3); or a vector, float (d,).
        k : int
            Exactly so many are returned whenever so many are allowed.
        where : str, sequence of str or mapping, optional
            ``"category=shoes and price<50"``; see `vitrine.catalogue.where`.
        diversity : float
            0: the most similar ones; up to 1: more and more varied ones, in the order of maximal
            marginal relevance.
        collapse : bool
            Take items with nearly identical pictures as one, with the others in `Hit.same`.

        Raises
        ------
        UnknownItemError
            If there is no item with that id.
        PictureError
            If the picture cannot be read.
        FilterError
            If the filter does not fit the attributes.
        """
        return find_similar(self._live, query, Wish(k, where, diversity, collapse))

    def search_photo(
        self,
        picture: bytes,
        k: int = 6,
        where: Where = None,
        *,
        diversity: float = 0.0,
        collapse: bool = False,
        limits: Limits = DEFAULT_LIMITS,
    ) -> PhotoSearch:
        """Return the items most similar to a photo, and what the encoder takes it for.

        Parameters
        ----------
        picture : bytes
            A picture's file.
        k, where, diversity, collapse
            As in `similar`.
        limits : Limits
            What the picture may be at most.

        Raises
        ------
        PictureError
            If the picture cannot be read.
        FilterError
            If the filter does not fit the attributes.
        """
        wish = Wish(k, where, diversity, collapse)
        return search_by_photo(self._live, picture, wish, limits)

    def evaluate(
        self,
        catalogue: Catalogue | None = None,
        label: str | None = None,
        k: int = 10,
        random_state: int = 0,
    ) -> Evaluation:
        """Measure how often similar items are of the same category, beside three baselines.

        Parameters
        ----------
        catalogue : Catalogue, optional
            Items to ask about; by default the shop's own (a sample of 10,000), each leaving itself
            out.
        label : str, optional
            The attribute that is the category; by default the one the shop was made with, or
            ``category``.
        k : int
            How deep precision, recall and mAP look.
        random_state : int
            Seeds samples, intervals and the random baseline.

        Raises
        ------
        InputError
            If there is no such attribute, or too few items have a value of it.
        """
        label = self.label(label)
        if catalogue is not None and label not in catalogue.schema:
            raise InputError(f"{catalogue.name}: there is no column {label!r} to judge by")
        options: dict[str, Any] = {"k": k, "random_state": random_state}
        with self._live.lock:
            memory = self._live.current()
            items = self._side(memory, label)
        distance = memory.encoder.distance_
        if catalogue is not None:
            queries = encode_catalogue(memory.encoder, catalogue, label)
            return evaluate_sides(queries, items, distance, **options)
        own, notes = sample_queries(items, random_state)
        if memory.encoder.needs_labels and label == self.label():
            notes.append(LEARNED)
        queries = items.rows(own)
        return evaluate_sides(queries, items, distance, own=own, notes=notes, **options)
