"""Items that arrive one by one, with their pictures, instead of in a catalogue."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, field
from typing import Any, Literal

from vitrine.catalogue import Catalogue
from vitrine.catalogue.decoding import DEFAULT_LIMITS, Limits
from vitrine.catalogue.items import Item, PictureRef, Value
from vitrine.catalogue.listed import catalogue_of
from vitrine.errors import PictureError
from vitrine.shop.importing import ImportResult
from vitrine.shop.kept import keep_picture
from vitrine.store import Store

MAX_ID_LENGTH = 500

Stored = dict[str, tuple[str, dict[str, Any]]]
"""By id: the pictures' fingerprint and the attributes."""

Status = Literal["added", "updated", "unchanged", "refused"]


@dataclass(frozen=True)
class NewItem:
    """An item as it arrives.

    Attributes
    ----------
    id : str
    attributes : dict
        All that it shall have; those it had before and has not here are gone.
    pictures : sequence of bytes
        Contents of picture files; empty to keep those that the item has.
    """

    id: str
    attributes: dict[str, Value]
    pictures: Sequence[bytes] = field(default=(), repr=False)


@dataclass(frozen=True)
class Received:
    """What became of an item; the reason says why it, or one of its pictures, was refused."""

    id: str
    status: Status
    reason: str | None = None


class Receiving:
    """One batch of items on its way in.

    Parameters
    ----------
    store : Store
    import_ : callable
        Brings a catalogue in, as `Shop.add` does, given the ids whose pictures are as they were.
    limits : Limits
        What a picture may be at most.
    """

    def __init__(
        self,
        store: Store,
        import_: Callable[[Catalogue, Set[str]], ImportResult],
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        self._store = store
        self._import, self._limits = import_, limits
        self._reasons: dict[int, list[str]] = {}

    def run(self, items: Sequence[NewItem]) -> list[Received]:
        """Bring the items in; return what became of each, in order."""
        ids = [item.id for item in items]
        before, there = self._store.known(ids), self._store.pictures(ids)
        accepted = [
            (number, made)
            for number, item in enumerate(items)
            if (made := self._accept(number, item, ids, there)) is not None
        ]
        schema = self._store.state().attributes
        if accepted:
            same = {item.id for item in items if item.id in before and not item.pictures}
            catalogue = catalogue_of(accepted, schema, "items", self._limits)
            result = self._import(catalogue, same)
            numbers = {item.id: number for number, item in accepted}
            for rejection in result.rejected:
                number = numbers[str(rejection.item_id)]
                self._reasons.setdefault(number, []).append(rejection.reason)
        after = self._store.known(ids)
        taken = {number for number, _ in accepted}
        return [
            self._received(number, item.id, before, after, number in taken)
            for number, item in enumerate(items)
        ]

    def _accept(
        self, number: int, item: NewItem, ids: list[str], there: dict[str, list[PictureRef]]
    ) -> Item | None:
        reasons = self._reasons.setdefault(number, [])
        if not item.id.strip() or len(item.id) > MAX_ID_LENGTH:
            reasons.append(f"an id has 1 to {MAX_ID_LENGTH} characters")
            return None
        if item.id in ids[:number]:
            reasons.append(f"the id is there already, in item {ids.index(item.id) + 1}")
            return None
        refs = []
        for content in item.pictures:
            try:
                refs.append(keep_picture(self._store, content, self._limits))
            except PictureError as error:
                reasons.append(str(error))
        if not item.pictures:
            refs = there.get(item.id, [])
            if not refs:
                reasons.append("the item is new, so it needs a picture")
        return Item(item.id, tuple(refs), dict(item.attributes)) if refs else None

    def _received(
        self, number: int, item_id: str, before: Stored, after: Stored, taken: bool
    ) -> Received:
        reason = "; ".join(self._reasons.get(number, [])) or None
        old, new = before.get(item_id), after.get(item_id)
        if not taken or (reason and new in (None, old)):
            return Received(item_id, "refused", reason)
        if old is None:  # also where somebody has removed it since
            return Received(item_id, "added", reason)
        return Received(item_id, "unchanged" if old == new else "updated", reason)
