"""A shop's vectors and attributes as one file for other programs: Parquet, NumPy or HDF5."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from vitrine.catalogue.items import AttributeType, Value
from vitrine.errors import MissingExtraError, OptionError, ShopError
from vitrine.files import reserve, written_whole
from vitrine.progress import track
from vitrine.shop.live import Live
from vitrine.shop.vector_tables import METADATA_KEY, Origin
from vitrine.store import Store

ITEMS_A_BLOCK = 10_000
HDF5_SPARE_BYTES = 1_000_000
_ARROW: dict[AttributeType, pa.DataType] = {
    "text": pa.string(), "integer": pa.int64(), "number": pa.float64(), "boolean": pa.bool_(),
    "date": pa.timestamp("us"),
}  # fmt: skip
_NUMPY: dict[AttributeType, Any] = {
    "text": np.str_, "integer": np.int64, "number": np.float64, "boolean": np.bool_,
    "date": "datetime64[us]",
}  # fmt: skip
_BLANK: dict[AttributeType, Any] = {
    "text": "", "integer": 0, "number": np.nan, "boolean": False, "date": np.datetime64("NaT"),
}  # fmt: skip


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes
    ----------
    path : Path
    items, dimensions : int
    attributes : list of str
    bytes : int
        Size of the file.
    """

    path: Path
    items: int
    dimensions: int
    attributes: list[str]
    bytes: int


@dataclass(frozen=True)
class Block:
    """Some items: ids, vectors float32 (n, d), and each attribute's values, None where unknown."""

    item_ids: list[str]
    vectors: NDArray[np.float32]
    attributes: dict[str, list[Value]]


class Content:
    """What there is to write, block by block, of one state of the shop.

    Attributes
    ----------
    item_ids : list of str
    dimensions : int
    schema : dict of str to AttributeType
    about : dict
        What made the vectors and how they are compared.
    """

    def __init__(self, store: Store, live: Live) -> None:
        self._store, self._live = store, live
        with live.reading() as memory:
            self._memory, self._change_number = memory, memory.change_number
            self.item_ids = list(memory.positions)
            self.schema = dict(memory.attributes.schema)
        origin = Origin.of(store.artifact(memory.encoder_id))
        self.dimensions = origin.dimensions
        self.about = {**origin.to_json(), "change_number": self._change_number}

    def blocks(self) -> Iterator[Block]:
        """Yield the items, 10,000 at a time.

        Raises
        ------
        ShopError
            If the shop changes meanwhile: half of one state and half of another helps nobody.
        """
        starts = range(0, len(self.item_ids), ITEMS_A_BLOCK)
        for start in track(starts, "exporting"):
            item_ids = self.item_ids[start : start + ITEMS_A_BLOCK]
            memory = self._memory
            with self._live.lock.shared():
                if memory.change_number != self._change_number:
                    raise ShopError("the shop has changed meanwhile; run the same command again")
                places = [memory.position(item_id) for item_id in item_ids]
                attributes = {name: memory.attributes.values(name, places) for name in self.schema}
            vectors = self._store.vectors(item_ids, memory.encoder_id)
            yield Block(item_ids, vectors, attributes)


def export(store: Store, live: Live, path: Path) -> Exported:
    """Write ids, vectors and attributes; the file is there whole or not at all.

    Parameters
    ----------
    store : Store
    live : Live
    path : Path
        Ends in ``.parquet``, ``.npz`` or ``.h5``, which decides the format.

    Raises
    ------
    OptionError
        If it ends in anything else.
    MissingExtraError
        If it is HDF5 and h5py is not installed.
    ShopError
        If the shop changes meanwhile.
    DiskFullError
        If there is no room for the file.
    """
    if path.suffix not in WRITERS:
        raise OptionError(
            f"{path}: ends in none of {', '.join(WRITERS)}, which say what format it gets"
        )
    content = Content(store, live)
    with written_whole(path) as part:
        WRITERS[path.suffix](content, part)
    n = len(content.item_ids)
    return Exported(path, n, content.dimensions, list(content.schema), path.stat().st_size)


def _write_parquet(content: Content, path: Path) -> None:
    """Write the columns ``item_id``, ``vector`` (a list of d floats), then the attributes."""
    fields = [
        pa.field("item_id", pa.string(), nullable=False),
        pa.field("vector", pa.list_(pa.float32(), content.dimensions), nullable=False),
    ]
    names = {name: _column_name(name, {"item_id", "vector"}) for name in content.schema}
    fields += [pa.field(names[name], _ARROW[kind]) for name, kind in content.schema.items()]
    schema = pa.schema(fields, metadata={METADATA_KEY: json.dumps(content.about)})
    with pq.ParquetWriter(path, schema) as writer:
        for block in content.blocks():
            flat = pa.array(block.vectors.ravel(), pa.float32())
            columns = [
                pa.array(block.item_ids, pa.string()),
                pa.FixedSizeListArray.from_arrays(flat, content.dimensions),
                *(
                    pa.array([_naive(value) for value in block.attributes[name]], _ARROW[kind])
                    for name, kind in content.schema.items()
                ),
            ]
            writer.write_table(pa.table(columns, schema=schema))


def _write_npz(content: Content, path: Path) -> None:
    """Write ``item_ids``, ``vectors`` (n, d), and for each attribute its values and who has one.

    An attribute ``price`` is in ``attribute_price``, and ``has_price`` says where it is known.
    """
    n, d = len(content.item_ids), content.dimensions
    columns: dict[str, list[Value]] = {name: [] for name in content.schema}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        with archive.open("vectors.npy", "w", force_zip64=True) as file:
            header = {"descr": "<f4", "fortran_order": False, "shape": (n, d)}
            np.lib.format.write_array_header_1_0(file, header)
            for block in content.blocks():
                file.write(block.vectors.astype("<f4", copy=False).tobytes())
                for name, values in block.attributes.items():
                    columns[name] += values
        _put(archive, "item_ids", np.array(content.item_ids, np.str_))
        _put(archive, "about", np.array(json.dumps(content.about)))
        for name, kind in content.schema.items():
            filled, known = _as_arrays(columns[name], kind)
            _put(archive, f"attribute_{name}", filled)
            _put(archive, f"has_{name}", known)


def _write_hdf5(content: Content, path: Path) -> None:
    """Write data sets ``item_ids`` and ``vectors``, and groups ``attributes`` and ``has``."""
    try:
        import h5py
    except ImportError:
        raise MissingExtraError("writing HDF5", "hdf5") from None
    n, text = len(content.item_ids), h5py.string_dtype()
    reserve(path, HDF5_SPARE_BYTES)  # HDF5 ends the process where it finds the disk full
    with h5py.File(path, "w") as file:
        file.attrs["vitrine"] = json.dumps(content.about)
        ids = file.create_dataset("item_ids", (n,), text)
        vectors = file.create_dataset("vectors", (n, content.dimensions), "<f4")
        columns = {
            name: file.create_dataset(f"attributes/{_slashless(name)}", (n,),
                                      text if kind in ("text", "date") else _NUMPY[kind])
            for name, kind in content.schema.items()
        }  # fmt: skip
        present = {
            name: file.create_dataset(f"has/{_slashless(name)}", (n,), np.bool_)
            for name in content.schema
        }
        start = 0
        for block in content.blocks():
            rows = slice(start, start + len(block.item_ids))
            reserve(path, _bytes_of(block) + HDF5_SPARE_BYTES, path.stat().st_size)
            ids[rows], vectors[rows] = block.item_ids, block.vectors
            for name, kind in content.schema.items():
                values, known = _as_arrays(block.attributes[name], kind)
                if kind == "date":  # HDF5 has no type for a moment
                    values = np.where(known, np.datetime_as_string(values), "")
                columns[name][rows] = values.astype(object) if values.dtype.kind == "U" else values
                present[name][rows] = known
            file.flush()
            start = rows.stop


WRITERS: dict[str, Callable[[Content, Path], None]] = {
    ".parquet": _write_parquet,
    ".npz": _write_npz,
    ".h5": _write_hdf5,
}


def _bytes_of(block: Block) -> int:
    """Return at most how many bytes a block takes in HDF5."""
    texts = [*block.item_ids, *(value for of in block.attributes.values() for value in of)]
    return block.vectors.nbytes + sum(64 + 4 * len(str(text)) for text in texts)


def _as_arrays(
    values: Sequence[Value], kind: AttributeType
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Return an attribute's values, something harmless where there is none, and where there is."""
    known = np.array([value is not None for value in values], np.bool_)
    filled = [_BLANK[kind] if value is None else _naive(value) for value in values]
    return np.array(filled, _NUMPY[kind]), known


def _naive(value: Value) -> Any:
    """Return a moment without its zone, which it was brought to UTC for."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=None)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)
    return value


def _column_name(name: str, taken: set[str]) -> str:
    return f"attribute_{name}" if name in taken else name


def _slashless(name: str) -> str:
    return name.replace("/", "_")


def _put(archive: zipfile.ZipFile, name: str, array: NDArray[Any]) -> None:
    with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
        np.lib.format.write_array(file, array, allow_pickle=False)
