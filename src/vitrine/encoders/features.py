"""Fitted encoders' vectors of many pictures; a pretrained network's are kept on disk."""

from __future__ import annotations

import hashlib
import json
import logging
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from platformdirs import user_cache_path

from vitrine.encoders.base import Encoder, FloatArray
from vitrine.encoders.composed import Composed
from vitrine.encoders.joined_preprocessing import JoinedPreprocessing
from vitrine.encoders.loading import sample_codes
from vitrine.encoders.preprocessing import Pictures
from vitrine.encoders.pretrained import Pretrained
from vitrine.progress import task, track

logger = logging.getLogger(__name__)

_LARGEST = 2 * 2**30
"""Bytes that the file may grow to; beyond them nothing more is kept."""

_READ = 256
"""Pictures of a sample that are read at once."""


def features_path() -> Path:
    """Return where the vectors are kept; the file may be deleted at any time."""
    return user_cache_path("vitrine") / "features.sqlite"


def features_of(backbone: Encoder, pictures: Pictures, *, cache: bool = True) -> FloatArray:
    """Return a fitted encoder's vectors, float32 (n, D), of pretrained ones from the cache.

    A vector is found by the network's file, what is done to its input, and the bytes of the
    preprocessed picture; a picture that is seen again is not run again, in whatever order.

    Parameters
    ----------
    backbone : Encoder
        Fitted.
    pictures : array or sequence of pictures
    cache : bool
        Whether to look into the cache and write to it.
    """
    return features_of_each([backbone], pictures, cache=cache)[0]


def features_of_each(
    encoders: Sequence[Encoder], pictures: Pictures, *, cache: bool = True
) -> list[FloatArray]:
    """Return several fitted encoders' vectors as `features_of` does; pictures are read once."""
    describe = [_through_cache(encoder) if cache else encoder._encode for encoder in encoders]
    own = [encoder.preprocessing_ for encoder in encoders]
    # One alone is not joined: arrays that have its shape already pass as they are.
    joined = JoinedPreprocessing.of(own) if len(own) > 1 else None
    size = min(encoder.batch_size_ for encoder in encoders)
    blocks: list[list[FloatArray]] = [[] for _ in encoders]
    with task("describing pictures", total=len(pictures)) as progress:
        for batch in (joined or own[0]).batches(pictures, size):
            parts = joined.split(batch) if joined else [batch]
            for block, vectors, part in zip(blocks, describe, parts, strict=True):
                block.append(vectors(part))
            progress.advance(len(batch))
    return [np.concatenate(block) for block in blocks]


def features_of_sample(
    backbone: Encoder, pictures: Pictures, at_most: int, random_state: int
) -> FloatArray:
    """Return the vectors of all pictures, or of a seeded sample of `at_most`, in order."""
    chosen = sample_codes(len(pictures), at_most, random_state)
    if len(chosen) == len(pictures):
        return features_of(backbone, pictures)
    blocks = [chosen[start : start + _READ] for start in range(0, len(chosen), _READ)]
    parts = [
        backbone.transform([pictures[i] for i in block])
        for block in track(blocks, "describing pictures")
    ]
    return np.concatenate(parts)


def _through_cache(encoder: Encoder) -> Callable[[NDArray[np.uint8]], FloatArray]:
    """Return what encodes a preprocessed batch, looking up what pretrained networks are asked."""
    if isinstance(encoder, Pretrained):
        return _Store(encoder).vectors
    if not isinstance(encoder, Composed):
        return encoder._encode
    members = [_through_cache(member) for member in encoder._members()]

    def encode(batch: NDArray[np.uint8]) -> FloatArray:
        parts = zip(members, encoder._split(batch), strict=True)
        return encoder._combine([member(part) for member, part in parts])

    return encode


class _Store:
    """Vectors of one network by the pictures' fingerprints."""

    def __init__(self, backbone: Pretrained) -> None:
        settings = backbone.to_artifact().settings
        described = {
            "mirror": backbone.mirror,
            "model": hashlib.sha256(backbone.model_.content).hexdigest(),
            **{name: settings[name] for name in ("output", "normalization", "preprocessing")},
        }
        self._seed = json.dumps(described, sort_keys=True).encode()
        self._backbone = backbone
        self._usable = True

    def vectors(self, batch: NDArray[np.uint8]) -> FloatArray:
        """Return the vectors of preprocessed pictures, uint8 (b, h, w, c)."""
        keys = [self._key(picture) for picture in batch]
        known = self._read(keys)
        missing = [i for i, key in enumerate(keys) if key not in known]
        if missing:
            fresh = self._backbone._encode(batch[missing])
            new = {keys[i]: vector for i, vector in zip(missing, fresh, strict=True)}
            self._write(new)
            known |= new
        return np.stack([known[key] for key in keys])

    def _key(self, picture: NDArray[np.uint8]) -> bytes:
        digest = hashlib.blake2b(self._seed, digest_size=16)
        digest.update(np.ascontiguousarray(picture).data)
        return digest.digest()

    def _read(self, keys: list[bytes]) -> dict[bytes, FloatArray]:
        found: dict[bytes, FloatArray] = {}
        for connection in self._connection():
            marks = ",".join("?" * len(keys))
            query = f"SELECT key, vector FROM vectors WHERE key IN ({marks})"  # noqa: S608 - question marks
            for key, vector in connection.execute(query, keys):
                if len(vector) == 4 * self._backbone.n_components_:
                    found[key] = np.frombuffer(vector, np.float32)
        return found

    def _write(self, vectors: dict[bytes, FloatArray]) -> None:
        if features_path().exists() and features_path().stat().st_size > _LARGEST:
            return
        for connection in self._connection():
            rows = [(key, vector.tobytes()) for key, vector in vectors.items()]
            connection.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?)", rows)
            connection.commit()

    def _connection(self) -> Iterator[sqlite3.Connection]:
        """Yield one connection, or none where the cache cannot be used: it is only a cache."""
        if not self._usable:
            return
        try:
            features_path().parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(features_path(), timeout=30)) as connection:
                connection.execute(
                    "CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, vector BLOB)"
                )
                yield connection
        except (OSError, sqlite3.Error) as error:
            self._usable = False
            logger.warning("%s: cannot be used (%s); vectors are not kept", features_path(), error)
