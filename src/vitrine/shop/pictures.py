"""The pictures of a shop's items as a sequence that decodes what is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import TypeVar, overload

from vitrine.catalogue import PictureRef, decode, decode_many
from vitrine.encoders.preprocessing import Picture
from vitrine.errors import PictureError
from vitrine.shop.thumbnails import read_thumbnail
from vitrine.store import Store

T = TypeVar("T")


class StoredPictures(Sequence[Picture]):
    """The first picture of each item, decoded on access; its thumbnail where the file has gone.

    Parameters
    ----------
    store : Store
    item_ids : sequence of str
    cover : int
        Shorter side, in pixels, that a decoder must keep.

    Raises
    ------
    PictureError
        On access to an item of which neither file nor thumbnail is left.
    """

    def __init__(self, store: Store, item_ids: Sequence[str], cover: int) -> None:
        self._store = store
        self._ids = item_ids
        places = store.pictures(item_ids)
        self._places: list[PictureRef] = [places[item_id][0] for item_id in item_ids]
        self._cover = cover

    def __len__(self) -> int:
        return len(self._ids)

    @overload
    def __getitem__(self, index: int) -> Picture: ...

    @overload
    def __getitem__(self, index: slice) -> list[Picture]: ...

    def __getitem__(self, index: int | slice) -> Picture | list[Picture]:
        if isinstance(index, slice):
            positions = range(*index.indices(len(self)))
            return list(self._decoded(positions, lambda picture: picture))
        try:
            return decode(self._places[index], cover=self._cover)
        except PictureError as error:
            return self._thumbnail(index, error)

    def mapped(
        self, function: Callable[[Picture], T], batch_size: int, cover: int | None = None
    ) -> Iterator[list[T]]:
        """Yield ``function(picture)`` of all pictures in lists of `batch_size`, in order.

        The function runs in the threads that decode, so large pictures never wait in memory.
        """
        results = self._decoded(range(len(self)), function, cover)
        while batch := list(islice(results, batch_size)):
            yield batch

    def _decoded(
        self, positions: range, function: Callable[[Picture], T], cover: int | None = None
    ) -> Iterator[T]:
        refs = [self._places[position] for position in positions]
        results = decode_many(refs, cover=cover or self._cover, then=function)
        for position, result in zip(positions, results, strict=True):
            if isinstance(result, PictureError):
                yield function(self._thumbnail(position, result))
            else:
                yield result

    def _thumbnail(self, position: int, error: PictureError) -> Picture:
        item_id = self._ids[position]
        content = self._store.thumbnails([item_id]).get(item_id)
        if content is None:
            raise error
        return read_thumbnail(content)
