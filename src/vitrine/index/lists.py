"""The lists of an inverted file: how FAISS makes them, and how rows leave them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from vitrine.index.centroids import even_centroids
from vitrine.index.rows import Rows
from vitrine.topk import Positions

_POINTS_PER_CENTROID = 64
"""Vectors a centroid is trained on; more took longer and found no more."""


def fewest_bits(n_components: int) -> int:
    """Return how many bits a number is written down with: errors of many even out, of few not."""
    if n_components >= 128:
        return 4
    return 8 if n_components >= 16 else 16


def trained_lists(rows: Rows, live: Positions, bits: int, random_state: int) -> Any:
    """Return empty lists, a FAISS index that compares by distance, with centroids for some rows.

    Parameters
    ----------
    rows : Rows
    live : ndarray of shape (n,), int64
        Which of them.
    bits : {4, 8, 16}
        How many a number is written down with.
    random_state : int
    """
    d, n = rows.n_components, len(live)
    n_lists = max(1, min(int(2 * np.sqrt(n)), n // 16))
    rng = np.random.default_rng(random_state)
    chosen = np.sort(rng.permutation(live)[: min(n, n_lists * _POINTS_PER_CENTROID)])
    sample = rows.vectors[chosen]
    quantizer = faiss.IndexFlatL2(d)
    # FAISS takes a seed of 0 for its own choice.
    quantizer.add(even_centroids(sample, n_lists, random_state + 1))
    index = _empty(bits, quantizer)
    index.train(sample)  # how numbers are written down: the centroids are there
    return _ready(index)


def read_lists(path: Path) -> Any:
    """Return the lists that ``faiss.write_index`` wrote to a file."""
    return _ready(faiss.read_index(str(path)))


def _ready(index: Any) -> Any:
    if isinstance(index, faiss.IndexIVFPQFastScan):
        index.pq.sync_transposed_centroids()  # rows are written down in a third of the time
    return index


def _empty(bits: int, quantizer: Any) -> Any:
    d, n_lists = quantizer.d, quantizer.ntotal
    if bits == 4:
        # A codebook of 16 numbers for each component; a query's distances to all of them fit into
        # registers, so that 32 rows are compared at once (André, Kermarrec and Le Scouarnec, Cache
        # locality is not enough, VLDB 2015).
        index = faiss.IndexIVFPQFastScan(quantizer, d, n_lists, d, bits)
        index.by_residual = False
        kmeans = index.pq.cp
        kmeans.min_points_per_centroid, kmeans.max_points_per_centroid = 1, _POINTS_PER_CENTROID
        return index
    code = faiss.ScalarQuantizer.QT_8bit if bits == 8 else faiss.ScalarQuantizer.QT_fp16
    return faiss.IndexIVFScalarQuantizer(quantizer, d, n_lists, code)


def packed(mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return a mask with eight rows to a byte, as FAISS reads it."""
    return np.packbits(mask, bitorder="little")


def remove(index: Any, bits: NDArray[np.uint8]) -> None:
    """Take rows out of the lists.

    Parameters
    ----------
    index : faiss.IndexIVF
    bits : ndarray of uint8
        Which rows, eight to a byte, the first in the lowest bit.
    """
    before = _lengths(index)
    index.remove_ids(faiss.IDSelectorBitmap(bits))
    if isinstance(index, faiss.IndexIVFPQFastScan):
        _clear_ends(index, np.flatnonzero(_lengths(index) != before))


def _lengths(index: Any) -> NDArray[np.int64]:
    lists = index.invlists
    return np.fromiter(map(lists.list_size, range(index.nlist)), np.int64, index.nlist)


def _clear_ends(index: Any, lists: Positions) -> None:
    """Clear what removed rows leave behind the last row of some lists.

    FAISS (1.9 to 1.15 at least) packs rows that are added later over it bit by bit, without
    clearing it: of rows changed in 5,000 a fifth of the nearest were not found any more.
    """
    packer = index.get_CodePacker()
    ones = np.full(packer.code_size, 255, np.uint8)
    kept = np.zeros((packer.nvec + 1, packer.block_size), np.uint8)  # bits of the first few rows
    for place in range(packer.nvec):
        packer.pack_1_c(faiss.swig_ptr(ones), place, faiss.swig_ptr(kept[place + 1]))
    np.bitwise_or.accumulate(kept, axis=0, out=kept)
    for number in lists.tolist():
        blocks, rest = divmod(index.invlists.list_size(number), packer.nvec)
        if rest:
            codes = index.invlists.get_codes(number)
            block = faiss.rev_swig_ptr(codes, (blocks + 1) * packer.block_size)
            block[blocks * packer.block_size :] &= kept[rest]
