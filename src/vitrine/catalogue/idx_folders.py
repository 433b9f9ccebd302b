"""IDX files as a catalogue: pairs of pictures and labels, the parts told by the files' names."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from vitrine.catalogue.idx import is_idx, read_idx
from vitrine.catalogue.records import Records, attribute_table, single_paths
from vitrine.errors import SourceError

_IMAGES = re.compile(r"(?P<stem>.*?)images[-._]?idx3[-._]?u?byte(\.gz)?", re.IGNORECASE)


@dataclass(frozen=True)
class _Pair:
    part: str | None
    images: Path
    labels: Path | None


def holds_idx(folder: Path) -> bool:
    """Tell whether a folder holds pictures in IDX files, by their names."""
    return any(_IMAGES.fullmatch(name) for name in os.listdir(folder))


def read_idx_source(path: Path, categories: Sequence[str] | None = None) -> Records:
    """Return the pictures of one IDX file, or of a folder of them.

    Ids are the part and the row (``test-17``), or the row alone where there is no part.
    ``train-labels-idx1-ubyte`` beside ``train-images-idx3-ubyte`` becomes the attribute
    ``category``.

    Parameters
    ----------
    path : Path
    categories : sequence of str, optional
        The names of the labels; by default ``"0"``, ``"1"``, …

    Raises
    ------
    SourceError
        If a file is damaged, or pictures and labels do not belong together.
    """
    pairs = _pairs_in(path) if path.is_dir() else [_pair(path)]
    ids: list[str] = []
    files: list[str] = []
    labels: list[str | None] = []
    rows, codes = [], []
    for code, pair in enumerate(pairs):
        n = _n_pictures(pair.images)
        prefix = "" if pair.part is None else f"{pair.part}-"
        ids += [f"{prefix}{row}" for row in range(n)]
        files += [pair.images.name] * n
        labels += _labels(pair, n, categories)
        rows.append(np.arange(n, dtype=np.int64))
        codes.append(np.full(n, code, np.int8))
    has_labels = any(pair.labels is not None for pair in pairs)
    columns = {"category": pa.array(labels, pa.large_string())} if has_labels else {}
    folder = path if path.is_dir() else path.parent
    names = tuple(pair.part for pair in pairs if pair.part is not None)
    return Records(
        source=str(path),
        ids=pa.array(ids, pa.large_string()),
        paths=single_paths(files),
        root=os.path.abspath(folder),
        attributes=attribute_table(columns, len(ids)),
        schema={"category": "text"} if has_labels else {},
        idx_rows=np.concatenate(rows),
        part_codes=np.concatenate(codes) if names else None,
        part_names=names,
    )


def _pairs_in(folder: Path) -> list[_Pair]:
    found: dict[str | None, _Pair] = {}
    # Sorted, so that a file that was decompressed beside its .gz comes first and is preferred.
    for name in sorted(os.listdir(folder)):
        if not _IMAGES.fullmatch(name):
            continue
        pair = _pair(folder / name)
        other = found.setdefault(pair.part, pair)
        if other.images.name.removesuffix(".gz") != name.removesuffix(".gz"):
            raise SourceError(
                f"{folder}: both {other.images.name} and {name} would be the part "
                f"{pair.part or 'without a name'}; give one of the files"
            )
    if None in found and len(found) > 1:
        raise SourceError(
            f"{folder}: {found[None].images.name} lies beside {len(found) - 1} others and its name "
            "says neither train nor test; give one of the files"
        )
    order = ("train", "validation", "test", None)
    return [found[part] for part in order if part in found]


def _pair(images: Path) -> _Pair:
    stem = images.name.lower()
    part = None
    for word, name in (
        ("train", "train"),
        ("val", "validation"),
        ("t10k", "test"),
        ("test", "test"),
    ):
        if word in stem:
            part = name
            break
    wanted = re.sub("images", "labels", images.name, flags=re.IGNORECASE).replace("idx3", "idx1")
    if wanted == images.name:
        return _Pair(part, images, None)
    plain = wanted.removesuffix(".gz")
    beside = (images.with_name(name) for name in (plain, f"{plain}.gz"))
    return _Pair(part, images, next((path for path in beside if path.is_file()), None))


def _n_pictures(images: Path) -> int:
    array = read_idx(images)
    if array.ndim != 3 and not (array.ndim == 4 and array.shape[3] == 3):
        raise SourceError(f"{images}: holds an array of shape {array.shape}, not grey pictures")
    if array.size == 0:
        raise SourceError(f"{images}: there are no pictures in it")
    return len(array)


def _labels(pair: _Pair, n: int, categories: Sequence[str] | None) -> list[str | None]:
    if pair.labels is None:
        return [None] * n
    if not is_idx(pair.labels):
        raise SourceError(f"{pair.labels}: this is not an IDX file of bytes")
    labels = read_idx(pair.labels)
    if labels.shape != (n,):
        raise SourceError(
            f"{pair.labels}: holds {labels.shape} labels, {pair.images.name} holds {n} pictures"
        )
    if categories is None:
        return [str(label) for label in labels.tolist()]
    if labels.max() >= len(categories):
        raise SourceError(f"{pair.labels}: label {labels.max()} has no name")
    return [categories[label] for label in labels.tolist()]
