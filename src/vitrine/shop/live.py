"""An open shop's memory, kept up with what any process writes."""

from __future__ import annotations

import time
from threading import RLock

from vitrine.artifact import Artifact
from vitrine.encoders import load_encoder
from vitrine.errors import ShopFormatError
from vitrine.shop.memory import EncoderChanged, Memory
from vitrine.store import Store

FOLLOW_SECONDS = 0.25


class Live:
    """The encoder and the items of a shop as they are now, always of one and the same encoder.

    Parameters
    ----------
    store : Store

    Attributes
    ----------
    lock : RLock
        Held by whoever needs the memory not to change under it.

    Raises
    ------
    ShopFormatError
        If the shop has no encoder yet.
    ArtifactError
        If its encoder is damaged.
    """

    def __init__(self, store: Store) -> None:
        self.lock = RLock()
        self._store = store
        self._looked = 0.0
        self._read()

    def current(self) -> Memory:
        """Return the memory, at most a quarter of a second behind the database."""
        if time.monotonic() - self._looked > FOLLOW_SECONDS:
            self.refresh()
        return self._memory

    def refresh(self) -> bool:
        """Take over what has been written; return whether there was anything."""
        with self.lock:
            self._looked = time.monotonic()
            try:
                return self._memory.follow(self._store)
            except EncoderChanged:
                self._read()
                return True

    def _read(self) -> None:
        while True:
            try:
                self._memory = self._whole()
            except EncoderChanged:  # once more, between reading its number and its vectors
                continue
            return

    def _whole(self) -> Memory:
        encoder_id = self._store.state().encoder_id
        if encoder_id is None:
            raise ShopFormatError(
                "the making of this shop broke off before its encoder was fitted; run the same "
                "vitrine create again"
            )
        files = self._store.artifact(encoder_id)
        encoder = load_encoder(Artifact.from_files(files, f"the shop's encoder {encoder_id}"))
        memory = Memory(encoder, encoder_id)
        memory.follow(self._store)
        return memory
