"""An open shop's memory, kept up with what any process writes."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Lock, Thread

from vitrine.artifact import Artifact
from vitrine.encoders import Encoder, load_encoder
from vitrine.errors import ShopFormatError, VitrineError
from vitrine.shop.centres import Centres
from vitrine.shop.locking import MemoryLock
from vitrine.shop.memory import EncoderChanged, Memory
from vitrine.store import ShopState, Store
from vitrine.store.clusters import find_clusters

FOLLOW_SECONDS = 0.25

logger = logging.getLogger(__name__)


class Live:
    """The encoder and the items of a shop as they are now, always of one and the same encoder.

    Parameters
    ----------
    store : Store

    Attributes
    ----------
    lock : MemoryLock
        Held by whoever needs the memory not to change under it.

    Raises
    ------
    ShopFormatError
        If the shop has no encoder yet.
    ArtifactError
        If its encoder is damaged.
    """

    def __init__(self, store: Store) -> None:
        self.lock = MemoryLock()
        self._store = store
        self._looked = time.monotonic()
        self._refreshing = Lock()
        self._follower: Thread | None = None
        self._stop = Event()
        self._read()

    def current(self) -> Memory:
        """Return the memory, at most a quarter of a second behind the database."""
        if (
            self._follower is None
            and time.monotonic() - self._looked > FOLLOW_SECONDS
            # Not waited for: whoever is at it may be waiting for a lock that this thread holds.
            and self._refreshing.acquire(blocking=False)
        ):
            try:
                self._take_over()
            finally:
                self._refreshing.release()
        return self._memory

    @contextmanager
    def reading(self) -> Iterator[Memory]:
        """Hold the memory so that it does not change, together with others who only read."""
        self.current()
        with self.lock.shared():
            yield self._memory

    def refresh(self) -> bool:
        """Take over what has been written; return whether there was anything."""
        with self._refreshing:
            return self._take_over()

    def follow(self) -> None:
        """Take over from now on, in a thread, whatever is written, so that no query has to."""
        if self._follower is None:
            self._follower = Thread(target=self._go_on, name="follow", daemon=True)
            self._follower.start()

    def close(self) -> None:
        """Stop following."""
        self._stop.set()
        if self._follower is not None:
            self._follower.join()

    @property
    def seconds_behind(self) -> float:
        """How long ago the database was last looked at, successfully."""
        return time.monotonic() - self._looked

    def _go_on(self) -> None:
        while not self._stop.wait(FOLLOW_SECONDS):
            try:
                self.refresh()
            except (VitrineError, OSError) as error:  # the next look may succeed
                logger.error("the shop cannot be followed now: %s", error)

    def _take_over(self) -> bool:
        """Follow the database; only one thread at a time does so, and readers go on meanwhile."""
        try:
            changed = self._memory.follow(self._store, self.lock)
        except EncoderChanged:
            self._read()  # whole, beside the memory that others are searching
            changed = True
        self._looked = time.monotonic()
        return changed

    def _read(self) -> None:
        while True:
            try:
                self._memory = self._whole()
            except EncoderChanged:  # once more, between reading its number and its vectors
                continue
            return

    def _whole(self) -> Memory:
        state = self._store.state()
        encoder_id = state.encoder_id
        if encoder_id is None:
            raise ShopFormatError(
                "the making of this shop broke off before its encoder was fitted; run the same "
                "vitrine create again"
            )
        files = self._store.artifact(encoder_id)
        encoder = load_encoder(Artifact.from_files(files, f"the shop's encoder {encoder_id}"))
        memory = Memory(encoder, encoder_id, self._clusters(state, encoder))
        memory.follow(self._store, self.lock)
        return memory

    def _clusters(self, state: ShopState, encoder: Encoder) -> Centres | None:
        stored = find_clusters(state.settings)
        if stored is None or stored.encoder_id != state.encoder_id:
            return None
        if not (files := self._store.artifact(stored.artifact_id)):
            raise EncoderChanged  # replaced since the state was read
        artifact = Artifact.from_files(files, "the shop's clusters")
        return Centres.from_artifact(artifact, stored.artifact_id, stored.name, encoder.distance_)
