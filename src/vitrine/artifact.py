"""A fitted model as plain files: a readable manifest, NumPy arrays and opaque blobs. No pickle.

An `Artifact` becomes a handful of named byte strings (``manifest.json``, ``arrays.npz``, and each
blob under its own name, such as ``encoder.onnx``); these lie in a folder or in a shop's database.
The manifest names the size and the SHA-256 of every other file, so damage is found before use.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from vitrine.errors import ArtifactError

FORMAT_VERSION = 1
MANIFEST = "manifest.json"
ARRAYS = "arrays.npz"
MAX_FILE_BYTES = 4 * 2**30
_NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9]+)?")


@dataclass
class Artifact:
    """What a fitted model is made of.

    Parameters
    ----------
    kind : str
        What wrote it: an encoder's or a rating model's name. Decides who may load it.
    settings : dict
        Everything that JSON can hold: constructor arguments, fitted scalars, preprocessing.
    arrays : dict of str to ndarray
        Fitted arrays; object arrays are refused.
    blobs : dict of str to bytes
        Files of another format, by name (``encoder.onnx``).
    """

    kind: str
    settings: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)

    def to_files(self) -> dict[str, bytes]:
        """Return the files' contents by name, the manifest first."""
        files = dict(self.blobs)
        if self.arrays:
            files[ARRAYS] = _arrays_to_bytes(self.arrays)
        for name in files:
            _check_name(name)
        manifest = {
            "format": FORMAT_VERSION,
            "kind": self.kind,
            "settings": self.settings,
            "files": {
                name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
                for name, content in sorted(files.items())
            },
        }
        text = json.dumps(manifest, indent=2, sort_keys=True, allow_nan=False)
        return {MANIFEST: text.encode(), **files}

    @classmethod
    def from_files(cls, files: Mapping[str, bytes], where: str = "artifact") -> Self:
        """Rebuild an artifact from its files' contents.

        Raises
        ------
        ArtifactError
            If the manifest is missing or not understood, or a file is missing or damaged.
        """
        manifest = _read_manifest(files, where)
        for name, facts in manifest["files"].items():
            content = files.get(name)
            if content is None:
                raise ArtifactError(f"{where}: {name} is missing; save the model again")
            if hashlib.sha256(content).hexdigest() != facts["sha256"]:
                raise ArtifactError(f"{where}: {name} is damaged (its SHA-256 differs)")
        arrays = _arrays_from_bytes(files[ARRAYS], where) if ARRAYS in manifest["files"] else {}
        blobs = {name: files[name] for name in manifest["files"] if name != ARRAYS}
        return cls(manifest["kind"], manifest["settings"], arrays, blobs)

    def save(self, folder: str | Path) -> Path:
        """Write the files into `folder`, which is made; the manifest comes last."""
        path = Path(folder)
        path.mkdir(parents=True, exist_ok=True)
        files = self.to_files()
        for name in sorted(files, key=lambda name: name == MANIFEST):
            (path / name).write_bytes(files[name])
        return path

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read an artifact from a folder that `save` wrote.

        Raises
        ------
        ArtifactError
            As `from_files`; also where a file is over 4 GiB.
        """
        path = Path(folder)
        manifest = path / MANIFEST
        if not manifest.is_file():
            raise ArtifactError(f"{path}: there is no {MANIFEST}; this is not a saved model")
        files = {MANIFEST: _read_limited(manifest)}
        for name in _read_manifest(files, str(path))["files"]:
            if not (path / name).is_file():
                raise ArtifactError(f"{path}: {name} is missing; save the model again")
            files[name] = _read_limited(path / name)
        return cls.from_files(files, where=str(path))


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name) or name == MANIFEST:
        raise ArtifactError(f"{name!r} cannot be the name of an artifact's file")


def _read_manifest(files: Mapping[str, bytes], where: str) -> dict[str, Any]:
    if MANIFEST not in files:
        raise ArtifactError(f"{where}: there is no {MANIFEST}; this is not a saved model")
    try:
        manifest = json.loads(files[MANIFEST])
        version, listed = manifest["format"], manifest["files"]
        if not isinstance(manifest["kind"], str) or not isinstance(manifest["settings"], dict):
            raise TypeError
        for name, facts in listed.items():
            _check_name(name)
            if not isinstance(facts["sha256"], str):
                raise TypeError
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ArtifactError(f"{where}: {MANIFEST} is not a manifest of Vitrine's") from error
    if version != FORMAT_VERSION:
        raise ArtifactError(
            f"{where}: written in format {version}, this Vitrine reads {FORMAT_VERSION}; "
            "use a Vitrine as new as the one that saved it, or fit the model again"
        )
    return dict(manifest)


def _read_limited(path: Path) -> bytes:
    if path.stat().st_size > MAX_FILE_BYTES:
        raise ArtifactError(f"{path}: over {MAX_FILE_BYTES >> 30} GiB, too large for a model")
    return path.read_bytes()


def _arrays_to_bytes(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def _arrays_from_bytes(content: bytes, where: str) -> dict[str, NDArray[Any]]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
        if unpacked > MAX_FILE_BYTES:
            raise ArtifactError(f"{where}: {ARRAYS} unpacks to {unpacked} bytes, which is too many")
        with np.load(io.BytesIO(content), allow_pickle=False) as loaded:
            arrays = {name: loaded[name] for name in loaded.files}
    except ArtifactError:
        raise
    except Exception as error:  # hostile bytes make NumPy raise nearly anything
        raise ArtifactError(f"{where}: {ARRAYS} cannot be read ({error})") from error
    if foreign := [name for name, array in arrays.items() if not isinstance(array, np.ndarray)]:
        raise ArtifactError(f"{where}: {ARRAYS} cannot be read ({foreign[0]} is no array)")
    return arrays
