"""The similar items of every item, as the table that shops cache ("item-to-item")."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from vitrine.catalogue.where import Where
from vitrine.errors import OptionError, ShopError
from vitrine.files import room_for, written_whole
from vitrine.progress import task
from vitrine.shop.live import Live
from vitrine.topk import check_k

ITEMS_A_BLOCK = 2_000
COLUMNS = pa.schema(
    [
        ("item_id", pa.string()),
        ("rank", pa.int32()),  # 1 is the nearest
        ("neighbour_id", pa.string()),
        ("distance", pa.float32()),
        ("similarity", pa.float32()),
    ]
)


@dataclass(frozen=True)
class NeighbourTable:
    """What `write_neighbours` wrote.

    Attributes
    ----------
    path : Path
    items : int
        How many items have been asked about.
    rows : int
        k an item; fewer where fewer are allowed.
    resumed : int
        How many of the items a run that broke off had done already.
    """

    path: Path
    items: int
    rows: int
    resumed: int


def write_neighbours(live: Live, output: Path, k: int, where: Where) -> NeighbourTable:
    """Write the `k` most similar items of every item to a Parquet file, block by block.

    Memory does not grow with the table. Finished blocks lie in a directory beside the file until
    all are there, so that a run that breaks off is gone on with, if the shop has not changed.

    Raises
    ------
    OptionError
        If k is under 1, or the file's name does not end in ``.parquet``.
    FilterError
        If the filter does not fit the attributes.
    ShopError
        If the shop changes meanwhile.
    DiskFullError
        If there is no room; the finished blocks stay, and the next run goes on from them.
    """
    check_k(k)
    if output.suffix != ".parquet":
        raise OptionError(f"{output}: neighbours are written as Parquet; name it {output}.parquet")
    blocks = _Blocks(live, k, where)
    parts = _Parts(output, {"change": blocks.change_number, "k": k, "where": repr(where)})
    resumed = 0
    with task("finding neighbours", len(blocks.item_ids)) as progress:
        for start in blocks.starts:
            size = len(blocks.item_ids[start : start + ITEMS_A_BLOCK])
            if parts.has(start):
                resumed += size
            else:
                parts.write(start, blocks.table(start))
            progress.advance(size)
    return NeighbourTable(output, len(blocks.item_ids), parts.join(blocks.starts), resumed)


class _Blocks:
    """The table in blocks of items, as the shop was when it was begun."""

    def __init__(self, live: Live, k: int, where: Where) -> None:
        self._live, self._k = live, k
        with live.lock:
            self._memory = live.current()
            self._allowed = self._memory.allowed(where)
            self.change_number = self._memory.change_number
            self.item_ids = list(self._memory.positions)
        self.starts = range(0, len(self.item_ids), ITEMS_A_BLOCK)

    def table(self, start: int) -> pa.Table:
        item_ids = self.item_ids[start : start + ITEMS_A_BLOCK]
        memory = self._memory
        with self._live.lock:
            # `current` is not asked: it would take over changes, and positions with them.
            if memory.change_number != self.change_number:
                raise ShopError("the shop has changed meanwhile; run the same command again")
            own = np.array([memory.position(item_id) for item_id in item_ids])
            found = memory.neighbours.search_rows(own, self._k, self._allowed)
        there = found.positions >= 0  # (q, k)
        return pa.table(
            {
                "item_id": np.repeat(np.array(item_ids, object), there.sum(1)),
                "rank": np.broadcast_to(np.arange(1, self._k + 1), there.shape)[there],
                "neighbour_id": memory.positions.at_each(found.positions[there]),
                "distance": found.distances[there],
                "similarity": found.similarities[there],
            },
            schema=COLUMNS,
        )


class _Parts:
    """The finished blocks of one table, each a file, and what they were made with."""

    def __init__(self, output: Path, made_with: dict[str, object]) -> None:
        self._output = output
        self._folder = output.with_name(f"{output.name}.parts")
        note = self._folder / "made-with.json"
        wanted = json.dumps(made_with)
        if not note.is_file() or note.read_text() != wanted:
            shutil.rmtree(self._folder, ignore_errors=True)
            with room_for(output):
                self._folder.mkdir(parents=True)
                note.write_text(wanted)

    def has(self, start: int) -> bool:
        return self._file(start).is_file()

    def write(self, start: int, table: pa.Table) -> None:
        with written_whole(self._file(start)) as half:
            pq.write_table(table, half)

    def join(self, starts: Iterable[int]) -> int:
        """Write all blocks as one file, remove them, and return the number of rows."""
        rows = 0
        with written_whole(self._output) as half, pq.ParquetWriter(half, COLUMNS) as writer:
            for start in starts:
                table = pq.read_table(self._file(start))
                writer.write_table(table)
                rows += table.num_rows
        shutil.rmtree(self._folder)
        return rows

    def _file(self, start: int) -> Path:
        return self._folder / f"{start:012}.parquet"
