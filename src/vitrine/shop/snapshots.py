"""What a shop's memory holds, kept in files, so that opening it need not read every item.

A snapshot stands for one change number: whoever loads it follows the change feed from there. It is
only ever a copy of what the database holds, so a damaged, foreign or missing one costs time and
nothing else.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitrine.catalogue.attributes import AttributeTable, Column
from vitrine.catalogue.texts import FiledTexts, Texts, Vocabulary
from vitrine.errors import VitrineError
from vitrine.index.kept import VECTORS, bytes_that_count
from vitrine.shop.filed import FiledFolder
from vitrine.shop.item_ids import ItemIds
from vitrine.shop.memory import Memory
from vitrine.store import Store
from vitrine.store.marks import Mark, last_writes, still_there

FORMAT = 3
FOLDER = "memory"

MANY_CHANGES = 10_000
"""So many changed items, and a twentieth of all, are worth a new snapshot."""

_PARTS = ("values", "present")
_TEXT_PARTS = ("content", "ends", "hashes", "order")

logger = logging.getLogger(__name__)


class Snapshots:
    """The snapshot of one shop's memory, in its cache folder.

    Parameters
    ----------
    store : Store
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._home = store.cache_folder / FOLDER
        self._filed = FiledFolder(self._home)

    def load(self, memory: Memory) -> bool:
        """Fill an empty memory as it was when it was last written; return whether there was any.

        What does not fit the shop, its encoder and its clusters, or is damaged, is passed over.
        """
        found = self._filed.find()
        if found is None or not self._fits(found.notes, memory):
            return False
        if not found.whole():
            logger.warning("%s is damaged, so every item is read anew", found.folder)
            return False
        try:
            _fill(memory, found.folder, found.notes)
        except OSError as error:  # removed just now, by who has written a newer one
            logger.warning("%s cannot be read (%s)", found.folder, error)
            return False
        return True

    def due(self, memory: Memory) -> bool:
        """Tell whether the memory has changed enough, and is large enough, to be written."""
        enough = max(MANY_CHANGES, len(memory) // 20)
        return not memory.neighbours.exact and memory.n_unsaved > enough

    def write(
        self, memory: Memory, unchanging: AbstractContextManager[object] | None = None
    ) -> bool:
        """Write what a memory holds; return whether it could be written.

        A disk that is full, or not to be written to, stops nothing.

        Parameters
        ----------
        memory : Memory
        unchanging : context manager, optional
            Held for as long as the memory must not change, which is a fraction of a second for a
            million items; searches go on.
        """
        draft = None
        try:
            draft = self._filed.draft()
            notes = self._write(memory, draft, unchanging or nullcontext())
            self._filed.publish(draft, notes, {VECTORS: bytes_that_count(draft / VECTORS)})
        except (OSError, VitrineError, RuntimeError) as error:  # FAISS raises RuntimeError
            memory.n_unsaved = 0  # another try once as much has changed again
            logger.warning("%s: what opens a shop fast is not kept: %s", self._home, error)
            if draft is not None:
                shutil.rmtree(draft, ignore_errors=True)
            return False
        return True

    @contextmanager
    def turn(self, *, wait: bool) -> Iterator[bool]:
        """Keep other processes from writing; say whether it is this one's turn.

        Parameters
        ----------
        wait : bool
            Until the others are done. A process that ends gives its turn up.
        """
        try:
            self._home.mkdir(parents=True, exist_ok=True)
            file = os.open(self._home / "turn", os.O_CREAT | os.O_RDWR, 0o644)
        except OSError:  # not to be written to, so nobody writes
            yield True
            return
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            mine = True
        except OSError:
            mine = False
        try:
            yield mine
        finally:
            os.close(file)

    def _fits(self, notes: dict[str, Any], memory: Memory) -> bool:
        if notes["format"] != FORMAT or notes["made_of"] != memory.made_of:
            return False
        if notes["encoder_id"] != memory.encoder_id:
            return False
        number = notes["change_number"]
        marks = [Mark(*mark) for mark in notes["marks"]]
        return number <= self._store.change_number() and still_there(
            self._store, memory.encoder_id, marks, number
        )

    def _write(
        self, memory: Memory, draft: Path, unchanging: AbstractContextManager[object]
    ) -> dict[str, Any]:
        with unchanging:
            number, n = memory.change_number, memory.positions.size
            memory.n_unsaved = 0
            index = memory.neighbours.keep(draft)
            columns = {
                name: (column.kind, *column.written(n))
                for name, column in memory.attributes.columns.items()
            }
            ids = memory.positions.every()
        index.write_vectors()
        _write_texts(draft, "ids", ids)
        kinds = []
        for i, (name, (kind, values, present, words)) in enumerate(columns.items()):
            np.save(draft / f"column-{i}-values.npy", values)
            np.save(draft / f"column-{i}-present.npy", present)
            _write_texts(draft, f"column-{i}-words", words)
            kinds.append((name, kind))
        return {
            "format": FORMAT,
            "made_of": memory.made_of,
            "encoder_id": memory.encoder_id,
            "change_number": number,
            "size": n,
            "columns": kinds,
            "index": index.notes,
            "marks": last_writes(self._store, memory.encoder_id, number),
        }


def _fill(memory: Memory, folder: Path, notes: dict[str, Any]) -> None:
    memory.neighbours.load(folder, notes["index"])
    ids = _read_texts(folder, "ids")
    live = np.load(folder / "live.npy", allow_pickle=False)
    columns = {}
    for i, (name, kind) in enumerate(notes["columns"]):
        values, present = (_mapped(folder / f"column-{i}-{part}.npy") for part in _PARTS)
        columns[name] = Column.over(
            kind, values, present, Vocabulary(_read_texts(folder, f"column-{i}-words"))
        )
    memory.restore(
        notes["change_number"], ItemIds(ids, live), AttributeTable.over(columns, notes["size"])
    )


def _mapped(path: Path) -> NDArray[Any]:
    """Return an array over a file: pages that are written to become the process's own."""
    array: NDArray[Any] = np.load(path, allow_pickle=False, mmap_mode="c")
    return array.view(np.ndarray)


def _write_texts(folder: Path, name: str, texts: Sequence[str]) -> None:
    filed = FiledTexts.of(texts)
    arrays: tuple[NDArray[Any], ...] = (
        filed.texts.content,
        filed.texts.ends,
        filed.hashes,
        filed.order,
    )
    for part, array in zip(_TEXT_PARTS, arrays, strict=True):
        np.save(folder / f"{name}-{part}.npy", array)


def _read_texts(folder: Path, name: str) -> FiledTexts:
    content, ends, *rest = (_mapped(folder / f"{name}-{part}.npy") for part in _TEXT_PARTS)
    return FiledTexts(Texts(content, ends), *rest)
