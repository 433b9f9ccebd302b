"""A catalogue's pictures as a sequence that decodes what is asked for, when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import overload

import numpy as np
from numpy.typing import NDArray

from vitrine.catalogue.decoding import (
    DEFAULT_COVER,
    DEFAULT_LIMITS,
    Limits,
    Picture,
    T,
    decode,
    decode_many,
)
from vitrine.catalogue.items import PictureRef
from vitrine.catalogue.records import Indices, Records
from vitrine.errors import PictureError


class LazyPictures(Sequence[Picture]):
    """The first picture of each item, decoded on access; nothing is kept.

    A slice is decoded in a pool of threads and comes back as a list, or as one array where the
    pictures are rows of IDX files.

    Raises
    ------
    PictureError
        On access to a picture that is refused. `Catalogue.readable` leaves such items out.
    """

    def __init__(
        self,
        records: Records,
        indices: Indices,
        cover: int = DEFAULT_COVER,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        self._records = records
        self._indices = indices
        self.cover = cover
        self.limits = limits

    def __len__(self) -> int:
        return len(self._indices)

    @overload  # type: ignore[override] # a slice of IDX rows is an array
    def __getitem__(self, index: int) -> Picture: ...

    @overload
    def __getitem__(self, index: slice) -> list[Picture] | NDArray[np.uint8]: ...

    def __getitem__(self, index: int | slice) -> Picture | list[Picture] | NDArray[np.uint8]:
        if not isinstance(index, slice):
            (ref,) = self._references(self._indices[[index]])
            return decode(ref, cover=self.cover, limits=self.limits)
        chosen = self._indices[index]
        if self._records.idx_rows is not None:
            pictures = [decode(ref) for ref in self._references(chosen)]
            same = len({picture.shape for picture in pictures}) == 1
            return np.stack(pictures) if same else pictures
        return [_or_raise(picture) for picture in self._decoded(chosen)]

    def __iter__(self) -> Iterator[Picture]:
        for picture in self._decoded(self._indices):
            yield _or_raise(picture)

    def _decoded(self, indices: Indices) -> Iterator[Picture | PictureError]:
        refs = (ref for refs in self._chunks(indices) for ref in refs)
        return decode_many(refs, cover=self.cover, limits=self.limits)

    def _chunks(self, indices: Indices) -> Iterator[list[PictureRef]]:
        for start in range(0, len(indices), 1024):
            yield self._references(indices[start : start + 1024])

    def _references(self, indices: Indices) -> list[PictureRef]:
        return [refs[0] for refs in self._records.references(indices)]


class FilePictures(LazyPictures):
    """Pictures that are files of their own, and so worth preprocessing where they are decoded."""

    def mapped(
        self, function: Callable[[Picture], T], batch_size: int, cover: int | None = None
    ) -> Iterator[list[T]]:
        """Yield ``function(picture)`` of all pictures in lists of `batch_size`, in order.

        The function runs in the threads that decode, so large pictures never wait in memory.
        """
        refs = (ref for refs in self._chunks(self._indices) for ref in refs)
        results = decode_many(refs, cover=cover or self.cover, limits=self.limits, then=function)
        while batch := [_or_raise(result) for result in islice(results, batch_size)]:
            yield batch


def _or_raise(result: T | PictureError) -> T:
    if isinstance(result, PictureError):
        raise result
    return result
