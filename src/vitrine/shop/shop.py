"""The façade: a catalogue goes in, similar items come out."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from threading import RLock
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from vitrine.artifact import Artifact
from vitrine.catalogue import Catalogue, Rejection, decode, decode_bytes, write_rejected
from vitrine.catalogue.items import AttributeType, PictureRef, Value
from vitrine.catalogue.where import Where
from vitrine.encoders import load_encoder, make_encoder
from vitrine.encoders.base import Encoder
from vitrine.encoders.preprocessing import Picture
from vitrine.errors import InputError, OptionError, PictureError, ShopFormatError
from vitrine.shop.creating import encoder_request, fit_encoder, is_fitted, resume
from vitrine.shop.evaluating import (
    Evaluation,
    Side,
    encode_catalogue,
    evaluate_sides,
    sample_queries,
)
from vitrine.shop.importing import Import, ImportResult
from vitrine.shop.memory import EncoderChanged, Memory
from vitrine.shop.pictures import StoredPictures
from vitrine.shop.results import Hit, ShopInfo
from vitrine.store import DATABASE_NAME, Store

FOLLOW_SECONDS = 0.25
REJECTED_NAME = "rejected.csv"

Query = str | Path | bytes | NDArray[Any]


class Shop:
    """A shop on disk, opened; use `Shop.create` or `Shop.open`.

    Methods may be called from several threads. Writes of other processes are seen within a second.

    Parameters
    ----------
    where : Path
        The shop's directory.
    store : Store
        Its database.
    """

    def __init__(self, where: Path, store: Store) -> None:
        self.path = where
        self.last_import = ImportResult()
        self._store = store
        self._lock = RLock()
        self._looked = 0.0
        self._read()

    @classmethod
    def create(
        cls,
        where: str | Path,
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
        where : path
            A directory that does not exist, or is empty.
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
        path = Path(where)
        if label is not None and label not in catalogue.schema:
            raise InputError(f"{catalogue.name}: there is no column {label!r} to take labels from")
        if isinstance(encoder, str):
            encoder = make_encoder(encoder, random_state=random_state)
        request = encoder_request(encoder, label, thumbnails)
        store = resume(path, request)
        if store is None or store.state().encoder_id is None:
            fitted = (
                encoder
                if is_fitted(encoder)
                else fit_encoder(encoder, catalogue, label, random_state)
            )
            if store is None:
                path.mkdir(parents=True, exist_ok=True)
                store = Store.create(path / DATABASE_NAME, request)
            store.save_encoder(fitted.kind, fitted.to_artifact().to_files())
        shop = cls(path, store)
        shop.add(catalogue)
        store.set_ready()
        return shop

    @classmethod
    def open(cls, where: str | Path) -> Self:
        """Open a shop.

        Raises
        ------
        ShopNotFoundError
            If there is none.
        ShopFormatError
            If it is damaged, of another version, or its making broke off before the first item.
        """
        return cls(Path(where), Store.open(Path(where) / DATABASE_NAME))

    def close(self) -> None:
        """Let go of the database."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self._current())

    def __contains__(self, item_id: object) -> bool:
        return item_id in self._current().positions

    def add(self, catalogue: Catalogue) -> ImportResult:
        """Add a catalogue's items; those whose id is there are replaced.

        What was refused is in the result and in the shop's ``rejected.csv``.
        """
        encoder_id = self._memory.encoder_id
        keep = bool(self._store.state().settings["thumbnails"])
        result = Import(self._store, self.encoder, encoder_id, keep).run(catalogue)
        self.last_import = result
        self._write_rejected(result.rejected)
        self.refresh()
        return result

    def remove(self, item_ids: Sequence[str]) -> int:
        """Remove items and return how many there were."""
        removed = self._store.remove(list(item_ids))
        self.refresh()
        return removed

    def similar(self, query: Query, k: int = 6, where: Where = None) -> list[Hit]:
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

        Raises
        ------
        UnknownItemError
            If there is no item with that id.
        PictureError
            If the picture cannot be read.
        FilterError
            If the filter does not fit the attributes.
        """
        if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
            raise OptionError(f"k={k!r}: ask for a whole number of items, 1 or more")
        with self._lock:
            memory = self._current()
            allowed = memory.mask(where)
            if isinstance(query, str):
                own = np.array([memory.position(query)])
                vector = self._store.vectors([query])
            else:
                own, vector = None, self._vector(query)[None]
            found = memory.neighbours.search(vector, k, allowed, exclude=own)
            return [
                Hit(memory.id_at(place), distance, similarity, memory.attributes.row(place))
                for place, distance, similarity in zip(
                    found.positions[0].tolist(),
                    found.distances[0].tolist(),
                    found.similarities[0].tolist(),
                    strict=True,
                )
                if place >= 0
            ]

    def info(self) -> ShopInfo:
        """Return what the shop is."""
        memory, state = self._current(), self._store.state()
        files = self.path.glob(f"{DATABASE_NAME}*")
        return ShopInfo(
            name=self.name,
            items=len(memory),
            encoder=self.encoder.kind,
            dimensions=self.encoder.n_components_,
            distance=self.encoder.distance_.name,
            attributes=memory.attributes.schema,
            label=state.settings["label"],
            change_number=memory.change_number,
            ready=state.ready,
            bytes_on_disk=sum(file.stat().st_size for file in files),
        )

    def refresh(self) -> bool:
        """Take over what other processes have written; return whether there was anything.

        Queries do so by themselves, at most every quarter of a second.
        """
        with self._lock:
            self._looked = time.monotonic()
            try:
                return self._memory.follow(self._store)
            except EncoderChanged:
                self._read()
                return True

    @property
    def name(self) -> str:
        """The directory's name."""
        return self.path.resolve().name

    @property
    def rejected_path(self) -> Path:
        """Where the last import listed what it refused."""
        return self.path / REJECTED_NAME

    @property
    def schema(self) -> dict[str, AttributeType]:
        """Names and types of the attributes."""
        return self._current().attributes.schema

    @property
    def item_ids(self) -> list[str]:
        """The ids of all items, in the order that `vectors` and `values` have too."""
        return list(self._current().positions)

    @property
    def vectors(self) -> NDArray[np.float32]:
        """The vectors of all items, float32 (n, d)."""
        return self._store.vectors(self.item_ids)

    def values(self, name: str) -> list[Value]:
        """Return one attribute of all items; None where an item has none."""
        memory = self._current()
        return memory.attributes.values(name, memory.positions.values())

    def thumbnails(self, item_ids: Sequence[str]) -> list[bytes | None]:
        """Return the items' small pictures as encoded bytes (PNG or JPEG)."""
        found = self._store.thumbnails(item_ids)
        return [found.get(item_id) for item_id in item_ids]

    def pictures(self, item_ids: Sequence[str]) -> list[Picture | None]:
        """Return the items' first pictures, decoded; the thumbnail where a file has gone."""
        stored = self._stored_pictures(item_ids)
        return [_or_none(stored, i) for i in range(len(stored))]

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
        distance, items = self.encoder.distance_, self._side(self.item_ids, label)
        if catalogue is not None:
            queries = encode_catalogue(self.encoder, catalogue, label)
            return evaluate_sides(queries, items, distance, **options)
        own, notes = sample_queries(items, random_state)
        queries = self._side([items.item_ids[i] for i in own], label)
        return evaluate_sides(queries, items, distance, own=own, notes=notes, **options)

    def label(self, name: str | None = None) -> str:
        """Return the attribute that says which items belong together.

        Raises
        ------
        InputError
            If there is no such attribute.
        """
        chosen = name or self._store.state().settings["label"] or "category"
        if chosen not in self.schema:
            there = ", ".join(self.schema) or "none"
            raise InputError(
                f"{self.path}: there is no attribute {chosen!r} to judge by; name one as the "
                f"label (there are: {there})"
            )
        return str(chosen)

    def _side(self, item_ids: list[str], label: str) -> Side:
        memory = self._current()
        positions = [memory.position(item_id) for item_id in item_ids]
        return Side(
            item_ids,
            self._store.vectors(item_ids),
            memory.attributes.values(label, positions),
            self._stored_pictures(item_ids),
        )

    def _stored_pictures(self, item_ids: Sequence[str]) -> StoredPictures:
        return StoredPictures(self._store, item_ids, self.encoder.preprocessing_.cover)

    def _vector(self, query: Path | bytes | NDArray[Any]) -> NDArray[np.float32]:
        cover = self.encoder.preprocessing_.cover
        if isinstance(query, Path):
            query = decode(PictureRef(str(query.resolve())), cover=cover)
        elif isinstance(query, bytes):
            query = decode_bytes(query, cover=cover)
        if query.ndim > 1:
            encoded: NDArray[np.float32] = self.encoder.transform([query])[0]
            return encoded
        d = self.encoder.n_components_
        if query.shape != (d,) or not np.isfinite(query).all():
            raise InputError(f"a vector of this shop has {d} finite numbers; got {query.shape}")
        vector: NDArray[np.float32] = query.astype(np.float32)
        return vector

    def _current(self) -> Memory:
        if time.monotonic() - self._looked > FOLLOW_SECONDS:
            self.refresh()
        return self._memory

    def _read(self) -> None:
        state = self._store.state()
        if state.encoder_id is None:
            raise ShopFormatError(
                f"{self.path}: making this shop broke off before its encoder was fitted; run the "
                "same vitrine create again"
            )
        where = f"{self.path}, encoder {state.encoder_id}"
        artifact = Artifact.from_files(self._store.artifact(state.encoder_id), where)
        self.encoder = load_encoder(artifact)
        self._memory = Memory(self.encoder, state.encoder_id)
        self._memory.follow(self._store)

    def _write_rejected(self, rejected: list[Rejection]) -> None:
        if rejected:
            write_rejected(rejected, self.rejected_path)
        else:
            self.rejected_path.unlink(missing_ok=True)


def _or_none(pictures: StoredPictures, index: int) -> Picture | None:
    try:
        return pictures[index]
    except PictureError:
        return None
