"""`Catalogue`: the items of a folder, a table, IDX files or a known data set."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Generic, Self

import numpy as np

from vitrine.catalogue.decoding import DEFAULT_COVER, DEFAULT_LIMITS, Limits, T, decode_many
from vitrine.catalogue.fetching import Fetching
from vitrine.catalogue.items import AttributeType, Item, PictureRef, Rejection, Value
from vitrine.catalogue.pictures import FilePictures, LazyPictures
from vitrine.catalogue.records import Indices, Records, moved
from vitrine.catalogue.sources import read_source
from vitrine.errors import OptionError, PictureError
from vitrine.progress import track

_CHUNK = 1024


@dataclass
class DecodedBatch(Generic[T]):
    """Items whose pictures were decoded.

    Parameters
    ----------
    items : list of Item
        Those with at least one good picture; `Item.pictures` names the good ones only.
    pictures : list of lists
        For each item its decoded pictures, or what `then` made of them.
    rejected : list of Rejection
        One for each picture that was refused.
    """

    items: list[Item] = field(default_factory=list)
    pictures: list[list[T]] = field(default_factory=list)
    rejected: list[Rejection] = field(default_factory=list)


class Catalogue(Sequence[Item]):
    """Items in the order of their source; `read` makes one.

    Attributes
    ----------
    name : str
        The data set's name, or the folder's or file's.
    schema : dict of str to AttributeType
        The attributes and their types.
    rejected : list of Rejection
        What `read` (or `readable`) refused; empty for what `part` and `take` return.
    limits : Limits
        What a picture may be at most.
    """

    def __init__(
        self,
        name: str,
        records: Records,
        indices: Indices | None = None,
        rejected: list[Rejection] | None = None,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        self.name = name
        self.schema: dict[str, AttributeType] = dict(records.schema)
        self.rejected = rejected or []
        self.limits = limits
        self._records = records
        self._indices = np.arange(len(records), dtype=np.int64) if indices is None else indices

    @classmethod
    def read(
        cls,
        source: str | Path,
        *,
        pictures: str | Path | None = None,
        id_column: str | None = None,
        picture_columns: Sequence[str] | None = None,
        schema: Mapping[str, AttributeType] | None = None,
        limits: Limits = DEFAULT_LIMITS,
        fetching: Fetching | None = None,
    ) -> Self:
        """Read a catalogue; no picture is decoded yet.

        Parameters
        ----------
        source : str or Path
            A folder of pictures or of class folders, with or without train/validation/test above
            them; a table (``.csv``, ``.tsv``, ``.jsonl``, ``.parquet``); an IDX file or a folder
            of them; or the name of a known data set, ``fashion-mnist``, ``fashion-mnist:train``,
            ``fashion-mnist:test`` (naming one is the leave to fetch it). To read a folder that is
            called like a data set, write ``./fashion-mnist``.
        pictures : str or Path, optional
            Where a table's pictures lie; by default beside the table.
        id_column, picture_columns : str, sequence of str, optional
            A table's columns; by default those with the usual names.
        schema : mapping of str to AttributeType, optional
            Types that a table's columns must have; a row that does not fit is refused. By default
            types are inferred.
        limits : Limits
        fetching : Fetching, optional
            Leave to fetch the pictures that a table names by addresses, from the public internet
            alone, and where to put them; without it they are refused.

        Raises
        ------
        SourceError
            If nothing at all can be read from the source.
        DatasetError
            If a known data set cannot be had.
        """
        name, records, part = read_source(
            source,
            pictures=pictures,
            id_column=id_column,
            picture_columns=picture_columns,
            schema=schema,
            fetching=fetching,
        )
        whole = cls(name, records, rejected=records.rejected, limits=limits)
        return whole if part is None else whole.part(part)

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts that the source comes in, such as ``("train", "test")``; empty if in none."""
        codes = self._records.part_codes
        if codes is None:
            return ()
        present = np.unique(codes[self._indices])
        return tuple(self._records.part_names[code] for code in present)

    def part(self, name: str) -> Self:
        """Return one part as a catalogue of its own.

        Raises
        ------
        OptionError
            If there is no such part.
        """
        if name not in self.parts:
            raise OptionError(
                f"{self.name} has no part {name!r}; "
                + (f"its parts are {', '.join(self.parts)}" if self.parts else "it has no parts")
            )
        codes = self._records.part_codes
        assert codes is not None  # noqa: S101 - there are parts
        chosen = codes[self._indices] == self._records.part_names.index(name)
        return self._with(self._indices[chosen], name=f"{self.name}:{name}")

    def take(self, indices: Sequence[int] | Indices) -> Self:
        """Return the items at some positions, in the order given."""
        return self._with(self._indices[np.asarray(indices, dtype=np.int64)])

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, index: Any) -> Any:
        """Return one item, or a slice as a catalogue."""
        if isinstance(index, slice):
            return self._with(self._indices[index])
        return self._records.items(self._indices[[index]])[0]

    def __iter__(self) -> Iterator[Item]:
        for start in range(0, len(self), _CHUNK):
            yield from self._records.items(self._indices[start : start + _CHUNK])

    def __repr__(self) -> str:
        return f"Catalogue({self.name!r}, {len(self):,} items, {len(self.rejected):,} rejected)"

    def with_fetched(self, move: Callable[[str], str]) -> Self:
        """Return the same items, with fetched pictures where `move` has put each of them."""
        return type(self)(
            self.name, moved(self._records, move), self._indices, self.rejected, self.limits
        )

    @property
    def item_ids(self) -> list[str]:
        """The items' ids."""
        return self._records.item_ids(self._indices)

    def values(self, column: str) -> list[Value]:
        """Return one attribute of every item; None where it is unknown.

        Raises
        ------
        OptionError
            If there is no such attribute.
        """
        if column not in self.schema:
            raise OptionError(
                f"{self.name} has no attribute {column!r}; "
                f"it has {', '.join(sorted(self.schema)) or 'none'}"
            )
        return self._records.values(column, self._indices)

    def pictures(self, cover: int = DEFAULT_COVER) -> LazyPictures:
        """Return the first picture of each item as a sequence that decodes on access.

        Parameters
        ----------
        cover : int
            As in `decode_bytes`.
        """
        kind = FilePictures if self._records.idx_rows is None else LazyPictures
        return kind(self._records, self._indices, cover, self.limits)

    def decoded(
        self,
        batch_size: int = 256,
        cover: int = DEFAULT_COVER,
        then: Callable[[Any], T] | None = None,
    ) -> Iterator[DecodedBatch[T]]:
        """Decode all pictures of all items, in order, ahead by a bounded amount.

        Parameters
        ----------
        batch_size : int
            Items a batch, good and refused together.
        cover : int
            As in `decode_bytes`.
        then : callable, optional
            What to do with each picture in the thread that decodes it, such as resizing it.

        Yields
        ------
        DecodedBatch
            An item of whose pictures some are good is there with the good ones.
        """
        options: dict[str, Any] = {"cover": cover, "limits": self.limits, "then": then}
        results = decode_many(self._all_references(), **options)
        for start in range(0, len(self), batch_size):
            indices = self._indices[start : start + batch_size]
            batch: DecodedBatch[T] = DecodedBatch()
            for index, item in zip(indices, self._records.items(indices), strict=True):
                self._sort_in(item, int(index), list(islice(results, len(item.pictures))), batch)
            yield batch

    def readable(self, cover: int = DEFAULT_COVER) -> Self:
        """Return the items whose first picture can be decoded; the rest is in `rejected`."""
        good: list[int] = []
        rejected = list(self.rejected)
        first = (refs[0] for refs in self._references())
        results = decode_many(first, cover=cover, limits=self.limits, then=lambda picture: None)
        checked = track(results, f"checking the pictures of {self.name}", len(self))
        for position, result in enumerate(checked):
            if isinstance(result, PictureError):
                item = self[position]
                number = self._number(int(self._indices[position]))
                rejected.append(self._rejection(item.id, number, item.pictures[0], result))
            else:
                good.append(position)
        readable = self.take(good)
        readable.rejected = rejected
        return readable

    def _sort_in(
        self, item: Item, index: int, results: list[T | PictureError], batch: DecodedBatch[T]
    ) -> None:
        good: list[T] = []
        refs: list[PictureRef] = []
        for ref, result in zip(item.pictures, results, strict=True):
            if isinstance(result, PictureError):
                number = self._number(index)
                batch.rejected.append(self._rejection(item.id, number, ref, result))
            else:
                good.append(result)
                refs.append(ref)
        if good:
            kept = (
                item if len(refs) == len(results) else Item(item.id, tuple(refs), item.attributes)
            )
            batch.items.append(kept)
            batch.pictures.append(good)

    def _rejection(
        self, item_id: str, number: int | None, ref: PictureRef, error: PictureError
    ) -> Rejection:
        reason = str(error).removeprefix(f"{ref.path}: ")
        return Rejection(self._records.source, number, item_id, ref.path, reason)

    def _number(self, index: int) -> int | None:
        numbers = self._records.numbers
        return None if numbers is None else int(numbers[index])

    def _references(self) -> Iterator[tuple[PictureRef, ...]]:
        for start in range(0, len(self), _CHUNK):
            yield from self._records.references(self._indices[start : start + _CHUNK])

    def _all_references(self) -> Iterator[PictureRef]:
        return (ref for refs in self._references() for ref in refs)

    def _with(self, indices: Indices, name: str | None = None) -> Self:
        return type(self)(name or self.name, self._records, indices, limits=self.limits)
