"""A fitted encoder on its way to the executors: one file, sent once to each, checked on arrival."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Mapping
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

from vitrine.artifact import Artifact
from vitrine.encoders import load_encoder
from vitrine.encoders.base import Encoder
from vitrine.shop.vector_tables import Origin
from vitrine.threads import limit_threads

_sent: set[tuple[str, str]] = set()
"""Applications and what each has been sent."""

_loaded: dict[str, Encoder] = {}
"""The encoder that this Python worker has open; workers are used again for task after task."""


def ship(spark: Any, files: Mapping[str, bytes]) -> str:
    """Send an encoder's files to every executor, and return the name to ask for it by.

    An executor fetches the file once, when its first task begins, however many workers it runs.
    """
    name = f"vitrine-encoder-{Origin.of(files).sha256}.zip"
    context = spark.sparkContext
    if (context.applicationId, name) not in _sent:
        path = Path(_folder().name) / name
        path.write_bytes(_packed(files))
        context.addFile(str(path))
        _sent.add((context.applicationId, name))
    return name


def shipped(name: str, threads: int) -> Encoder:
    """Return the encoder that was sent, in a worker; read once and kept.

    Parameters
    ----------
    name : str
        What `ship` returned.
    threads : int
        How many this worker may use, for ONNX Runtime, BLAS and decoding alike.

    Raises
    ------
    ArtifactError
        If a file was damaged on the way.
    """
    if name not in _loaded:
        from pyspark import SparkFiles
        from threadpoolctl import threadpool_limits

        limit_threads(threads)
        threadpool_limits(threads)
        with zipfile.ZipFile(SparkFiles.get(name)) as archive:
            files = {entry: archive.read(entry) for entry in archive.namelist()}
        _loaded.clear()
        _loaded[name] = load_encoder(Artifact.from_files(files, name))
    return _loaded[name]


def _packed(files: Mapping[str, bytes]) -> bytes:
    """Return the files as one, the same bytes each time."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(name), content)
    return buffer.getvalue()


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    """Return a folder that lasts as long as this process: late executors fetch from it, too."""
    return tempfile.TemporaryDirectory(prefix="vitrine-")
