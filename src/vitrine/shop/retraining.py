"""Another encoder for a shop that stays open: fitted on its own pictures, filled, switched to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vitrine.artifact import Artifact
from vitrine.catalogue import PictureRef, Rejection, decode_many
from vitrine.encoders import Encoder, load_encoder
from vitrine.encoders.preprocessing import Picture
from vitrine.errors import PictureError, ShopError
from vitrine.progress import task
from vitrine.shop.canonical import encoder_files
from vitrine.shop.creating import MAX_FIT_PICTURES, is_fitted, request_of
from vitrine.shop.importing import BATCH_ITEMS, encode_items
from vitrine.shop.memory import Memory
from vitrine.shop.pictures import StoredPictures
from vitrine.shop.thumbnails import read_thumbnail
from vitrine.store import Store
from vitrine.store.encoders import EARLIER, STAGED, OtherEncoders, UnencodedItem


@dataclass(frozen=True)
class Switched:
    """What became of a shop's encoder.

    Attributes
    ----------
    before, after : str
        Names of the encoders.
    dimensions : int
        Of a vector now.
    items : int
        How many the shop has.
    encoded : int
        How many of them got their vector in this run; the others had it already.
    from_thumbnails : int
        Of these, items whose picture files have gone, encoded from what the shop kept.
    resumed : bool
        Whether an encoder that an interrupted run had fitted was taken up.
    """

    before: str
    after: str
    dimensions: int
    items: int
    encoded: int
    from_thumbnails: int
    resumed: bool


class CannotEncodeError(ShopError):
    """Items cannot be encoded, so the shop keeps its encoder.

    Parameters
    ----------
    rejected : list of Rejection
        One an item.
    """

    def __init__(self, rejected: list[Rejection]) -> None:
        ids = " ".join(str(rejection.item_id) for rejection in rejected[:5])
        more = " …" if len(rejected) > 5 else ""
        super().__init__(
            f"{len(rejected)} items cannot be encoded, so the shop keeps the encoder it has (the "
            f"first: {rejected[0].reason}); bring their pictures back or remove them (vitrine "
            f"remove SHOP {ids}{more}; all are in the shop's rejected.csv), then run the same "
            "command again: what is done is kept"
        )
        self.rejected = rejected


def retrain(
    store: Store, memory: Memory, encoder: Encoder, label: str | None, random_state: int
) -> Switched:
    """Fit `encoder` on a shop's pictures, encode all its items, and make it the shop's.

    The shop can be asked and added to all the while. A run that was killed is taken up by the same
    call: what it had fitted and encoded is there.

    Parameters
    ----------
    store : Store
    memory : Memory
        The shop's items as they are now.
    encoder : Encoder
        One that is fitted already is taken as it is.
    label : str or None
        The attribute that it learns, if it learns from labels.
    random_state : int
        Draws the pictures to fit on where there are over 100,000.

    Raises
    ------
    CannotEncodeError
        If items have neither a readable picture nor a thumbnail.
    """
    others = OtherEncoders(store)
    request = request_of(encoder, label)
    staged = others.find(STAGED)
    resumed = staged is not None and staged.request == request
    if staged is not None and resumed:
        encoder_id = staged.encoder_id
        encoder = _load(store, encoder_id)
    else:
        if not is_fitted(encoder):
            encoder = _fit(store, memory, encoder, label, random_state)
        encoder_id = others.stage(request, encoder_files(encoder))
    return _fill_and_switch(store, encoder, encoder_id, memory.encoder.kind, resumed)


def roll_back(store: Store, memory: Memory) -> Switched:
    """Make the encoder before the present one the shop's again; items added since are encoded.

    Raises
    ------
    ShopError
        If there was none.
    CannotEncodeError
        As `retrain`.
    """
    earlier = OtherEncoders(store).find(EARLIER)
    if earlier is None:
        raise ShopError("this shop has had one encoder only, so there is none to go back to")
    encoder = _load(store, earlier.encoder_id)
    return _fill_and_switch(store, encoder, earlier.encoder_id, memory.encoder.kind, False)


def _load(store: Store, encoder_id: int) -> Encoder:
    files = store.artifact(encoder_id)
    return load_encoder(Artifact.from_files(files, f"the shop's encoder {encoder_id}"))


def _fit(
    store: Store, memory: Memory, encoder: Encoder, label: str | None, random_state: int
) -> Encoder:
    positions = memory.positions.places()
    if len(positions) > MAX_FIT_PICTURES:
        rng = np.random.default_rng(random_state)
        positions = np.sort(rng.choice(positions, MAX_FIT_PICTURES, replace=False))
    item_ids = memory.positions.at_each(positions)
    _check_readable(store, item_ids)
    labels = None if label is None else memory.attributes.values(label, positions)
    return encoder.fit(StoredPictures(store, item_ids, cover=512), labels)


def _check_readable(store: Store, item_ids: list[str]) -> None:
    """Raise `CannotEncodeError`, before hours of fitting, for items without any picture."""
    refs = store.pictures(item_ids)
    rejected, bad = [], {}
    firsts = [refs[item_id][0] for item_id in item_ids]
    with task("checking pictures", len(item_ids)) as progress:
        # JPEGs at an eighth of their size show the same faults.
        for item_id, result in zip(item_ids, decode_many(firsts, cover=1), strict=True):
            if isinstance(result, PictureError):
                bad[item_id] = str(result)
            progress.advance()
    kept = store.thumbnails(list(bad))
    for item_id, reason in bad.items():
        if item_id not in kept:
            rejected.append(_rejection(item_id, refs[item_id], reason))
    if rejected:
        raise CannotEncodeError(rejected)


def _fill_and_switch(
    store: Store, encoder: Encoder, encoder_id: int, before: str, resumed: bool
) -> Switched:
    filling = _Filling(store, encoder, encoder_id)
    others = OtherEncoders(store)
    while not others.switch(encoder_id):  # again for items that came while it was filled
        filling.run()
    return Switched(
        before=before,
        after=encoder.kind,
        dimensions=encoder.n_components_,
        items=store.count(),
        encoded=filling.encoded,
        from_thumbnails=filling.from_thumbnails,
        resumed=resumed,
    )


class _Filling:
    """Gives each item that lacks one a vector of an encoder, batch by batch."""

    def __init__(self, store: Store, encoder: Encoder, encoder_id: int) -> None:
        self._store, self._others = store, OtherEncoders(store)
        self._encoder, self._encoder_id = encoder, encoder_id
        self.encoded = self.from_thumbnails = 0

    def run(self) -> None:
        rejected: list[Rejection] = []
        total = self._others.count_unencoded(self._encoder_id)
        with task(f"encoding with {self._encoder.kind}", total) as progress:
            for batch in self._others.unencoded(self._encoder_id, BATCH_ITEMS):
                rejected += self._encode(batch)
                progress.advance(len(batch))
        if rejected:
            raise CannotEncodeError(rejected)

    def _encode(self, batch: list[UnencodedItem]) -> list[Rejection]:
        """Store the batch's vectors and return which items have none."""
        pictures, rejected = self._pictures(batch)
        ready = [i for i, of_item in enumerate(pictures) if of_item]
        if ready:
            made = encode_items(self._encoder, [pictures[i] for i in ready])
            finite = np.atleast_1d(np.isfinite(made).all(axis=1))
            chosen = [batch[i] for i, fine in zip(ready, finite, strict=True) if fine]
            self._others.put_vectors(self._encoder_id, chosen, made[finite])
            self.encoded += len(chosen)
            for i in np.array(ready)[~finite].tolist():
                reason = "the encoder gave a vector that is not finite"
                rejected.append(_rejection(batch[i].item_id, batch[i].pictures, reason))
        return rejected

    def _pictures(self, batch: list[UnencodedItem]) -> tuple[list[list[Picture]], list[Rejection]]:
        """Return the prepared pictures of each item, none for those that are refused."""
        prepare, cover = (
            self._encoder.preprocessing_.prepare,
            self._encoder.preprocessing_.cover,
        )
        refs = [ref for item in batch for ref in item.pictures]
        results = decode_many(refs, cover=cover, then=prepare)
        of_items, reasons = [], {}
        for item in batch:
            decoded = [next(results) for _ in item.pictures]
            of_items.append([one for one in decoded if not isinstance(one, PictureError)])
            if not of_items[-1]:
                reasons[item.item_id] = str(decoded[0])
        kept = self._store.thumbnails(list(reasons))
        self.from_thumbnails += len(kept)
        rejected = []
        for item, of_item in zip(batch, of_items, strict=True):
            if item.item_id in kept:
                of_item.append(prepare(read_thumbnail(kept[item.item_id])))
            elif not of_item:
                rejected.append(_rejection(item.item_id, item.pictures, reasons[item.item_id]))
        return of_items, rejected


def _rejection(item_id: str, pictures: Sequence[PictureRef], reason: str) -> Rejection:
    return Rejection(pictures[0].path, None, item_id, None, reason)
