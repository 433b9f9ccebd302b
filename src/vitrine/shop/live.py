"""An open shop's memory, kept up with what any process writes."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from threading import Event, Lock, Thread

from vitrine.artifact import Artifact
from vitrine.encoders import Encoder, load_encoder
from vitrine.errors import ShopFormatError, VitrineError
from vitrine.index import is_large
from vitrine.shop.centres import Centres
from vitrine.shop.locking import MemoryLock
from vitrine.shop.memory import EncoderChanged, Memory
from vitrine.shop.snapshots import Snapshots
from vitrine.store import ShopState, Store
from vitrine.store.clusters import find_clusters

FOLLOW_SECONDS = 0.25

logger = logging.getLogger(__name__)


class Live:
    """The encoder and the items of a shop as they are now, always of one and the same encoder.

    Parameters
    ----------
    store : Store
    soon : bool
        Be there as soon as every item is read; an index that has to be trained first, and the
        snapshot, are made in a thread, until when every search looks at every item.

    Attributes
    ----------
    lock : MemoryLock
        Held by whoever needs the memory not to change under it.
    settling : bool
        Whether the index of very many items is still being trained, as nobody had opened the shop
        here before; until then few searches a second can be answered.

    Raises
    ------
    ShopFormatError
        If the shop has no encoder yet.
    ArtifactError
        If its encoder is damaged.
    """

    def __init__(self, store: Store, soon: bool = False) -> None:
        self.lock = MemoryLock()
        self._store = store
        self._looked = time.monotonic()
        self._refreshing = Lock()
        self._snapshots = Snapshots(store)
        self._follower: Thread | None = None
        self._upkeep: Thread | None = None
        self._stop = Event()
        self.settling = False
        self._read(soon)

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
        """Stop following, when what is being written is written."""
        self._stop.set()
        for thread in (self._follower, self._upkeep):
            if thread is not None:
                thread.join()

    @property
    def seconds_behind(self) -> float:
        """How long ago the database was last looked at, successfully."""
        return time.monotonic() - self._looked

    def _go_on(self) -> None:
        said = ""
        while not self._stop.wait(FOLLOW_SECONDS):
            try:
                self.refresh()
            except Exception as error:  # the next look may succeed, a thread that ended would not
                if str(error) != said:
                    logger.error("the shop cannot be followed now: %s", error)
                said = str(error)
            else:
                if said:
                    logger.warning("the shop is followed again")
                said = ""

    def _take_over(self) -> bool:
        """Follow the database; only one thread at a time does so, and readers go on meanwhile."""
        try:
            changed = self._memory.follow(self._store, self.lock)
        except EncoderChanged:
            self._read()  # whole, beside the memory that others are searching
            changed = True
        self._looked = time.monotonic()
        self._keep_up()
        return changed

    def _keep_up(self) -> None:
        """Train the index, and write a snapshot, in a thread where one of them is due."""
        memory = self._memory
        if not memory.neighbours.worn and not self._snapshots.due(memory):
            return
        if not self._caring:
            self._upkeep = Thread(target=self._care_for, args=(memory,), name="upkeep")
            self._upkeep.start()

    def _care_for(self, memory: Memory) -> None:
        """Do what takes long, while items are found and others come and go."""
        if memory.neighbours.worn:
            self._train(memory)
        if self._snapshots.due(memory):
            with self._snapshots.turn(wait=False) as mine:
                if mine:
                    self._snapshots.write(memory, self._refreshing)

    def _train(self, memory: Memory) -> None:
        trained = memory.neighbours.trained()
        with self._refreshing:
            memory.neighbours.renew(trained)

    def _read(self, soon: bool = False) -> None:
        while True:
            with ExitStack() as turn:
                try:
                    self._memory, empty = self._whole(turn, soon)
                except EncoderChanged:  # once more, between reading its number and its vectors
                    continue
                neighbours = self._memory.neighbours
                if neighbours.exact and neighbours.worn:
                    self.settling = neighbours.slow
                    arguments = self._memory, empty, turn.pop_all()
                    self._upkeep = Thread(target=self._settle, args=arguments, name="upkeep")
                    self._upkeep.start()
            return

    @property
    def _caring(self) -> bool:
        return self._upkeep is not None and self._upkeep.is_alive()

    def _settle(self, memory: Memory, empty: Callable[[], Memory], turn: ExitStack) -> None:
        """Train the index of what has just been read, and map it, while items are found."""
        with turn:
            try:
                self._train(memory)
            finally:
                self.settling = False
            mapped = self._mapped(memory, empty, self._refreshing)
        if mapped is None:
            return
        mapped.near_identical  # noqa: B018 - measured now, so that no query waits for it
        # Whoever follows meets the same, and does about it what has to be done.
        with self._refreshing, suppress(EncoderChanged, VitrineError):
            mapped.follow(self._store, self.lock)
            if self._memory is memory:
                self._memory = mapped

    def _whole(self, turn: ExitStack, soon: bool) -> tuple[Memory, Callable[[], Memory]]:
        """Return the shop's memory, and what makes an empty one; see `_opened`."""
        state = self._store.state()
        encoder_id = state.encoder_id
        if encoder_id is None:
            raise ShopFormatError(
                "the making of this shop broke off before its encoder was fitted; run the same "
                "vitrine create again"
            )
        files = self._store.artifact(encoder_id)
        encoder = load_encoder(Artifact.from_files(files, f"the shop's encoder {encoder_id}"))
        clusters = self._clusters(state, encoder)
        made_of = _checksum(files, clusters)

        def empty() -> Memory:
            return Memory(encoder, encoder_id, clusters, made_of)

        memory = self._opened(empty, turn, soon)
        memory.follow(self._store, self.lock)
        return memory, empty

    def _opened(self, empty: Callable[[], Memory], turn: ExitStack, soon: bool) -> Memory:
        """Return a memory with what can be had without reading every item, or all of them.

        Where it is all of them, `turn` keeps other processes from doing the same until it ends; if
        it shall be there soon, its index is not trained.
        """
        memory = empty()
        if self._snapshots.load(memory):
            return memory
        if not is_large(self._store.count(), memory.encoder.n_components_):
            memory.follow(self._store, self.lock)
            return memory
        # One process reads and writes a snapshot; whoever opens the shop meanwhile waits for it.
        turn.enter_context(self._snapshots.turn(wait=True))
        if self._snapshots.load(memory):
            return memory
        started = time.monotonic()
        memory.follow(self._store, self.lock)
        read = time.monotonic()
        if soon:
            logger.info("read %d items in %.1f s", len(memory), read - started)
            return memory
        memory.neighbours.renew(memory.neighbours.trained())
        logger.info(
            "read %d items in %.1f s and built their index in %.1f s",
            len(memory), read - started, time.monotonic() - read,
        )  # fmt: skip
        return self._mapped(memory, empty) or memory

    def _mapped(
        self,
        memory: Memory,
        empty: Callable[[], Memory],
        unchanging: AbstractContextManager[object] | None = None,
    ) -> Memory | None:
        """Write a snapshot and return what is in it, which shares its pages with other processes.

        None where it cannot be written.
        """
        mapped = empty()
        if self._snapshots.write(memory, unchanging) and self._snapshots.load(mapped):
            return mapped
        return None

    def _clusters(self, state: ShopState, encoder: Encoder) -> Centres | None:
        stored = find_clusters(state.settings)
        if stored is None or stored.encoder_id != state.encoder_id:
            return None
        if not (files := self._store.artifact(stored.artifact_id)):
            raise EncoderChanged  # replaced since the state was read
        artifact = Artifact.from_files(files, "the shop's clusters")
        return Centres.from_artifact(artifact, stored.artifact_id, stored.name, encoder.distance_)


def _checksum(files: Mapping[str, bytes], clusters: Centres | None) -> str:
    """Return what tells an encoder and its clusters from others."""
    digest = hashlib.sha256()
    for name, content in sorted(files.items()):
        digest.update(f"{name} {len(content)} ".encode() + content)
    if clusters is not None:
        digest.update(clusters.name.encode() + clusters.centres.tobytes())
    return digest.hexdigest()
