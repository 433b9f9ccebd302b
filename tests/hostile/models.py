"""Hostile model files, made here."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from pathlib import Path

import numpy as np

from vitrine.artifact import ARRAYS, MANIFEST, Artifact


class Trap:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return (Path.touch, (self.path,))


def pickled(path: Path) -> bytes:
    """Return a pickle that makes the file `path` when it is read."""
    return pickle.dumps(Trap(path))


def pickled_array(path: Path) -> bytes:
    """Return an ``.npy`` file whose only value is a pickle that makes the file `path`."""
    buffer = io.BytesIO()
    trap = np.empty(1, object)
    trap[0] = Trap(path)
    np.lib.format.write_array(buffer, trap, allow_pickle=True)
    return buffer.getvalue()


def archive(**members: bytes) -> bytes:
    """Return a zip archive, as ``arrays.npz`` is one."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(f"{name}.npy", content)
    return buffer.getvalue()


def npy(header: str, content: bytes = b"") -> bytes:
    """Return an ``.npy`` file with a header of one's own."""
    text = header.encode().ljust(118) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + content


def bomb(size: int) -> bytes:
    """Return an ``arrays.npz`` of zeros that unpacks to `size` bytes."""
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({size},), }}"
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file,
        file.open("bomb.npy", "w", force_zip64=True) as member,
    ):
        member.write(npy(header))
        for _ in range(size // 2**20):
            member.write(bytes(2**20))
    return buffer.getvalue()


def vouched(artifact: Artifact, **changed: bytes) -> dict[str, bytes]:
    """Return an artifact's files with some exchanged, under a manifest that vouches for them."""
    files = artifact.to_files()
    kept = {name: content for name, content in files.items() if name not in (MANIFEST, ARRAYS)}
    names = {name.replace("_", ".", 1): content for name, content in changed.items()}
    arrays = names.pop(ARRAYS, files.get(ARRAYS))
    made = Artifact(artifact.kind, artifact.settings, {}, {**kept, **names, "x.npz": arrays or b""})
    result = made.to_files()
    result[ARRAYS] = result.pop("x.npz")
    result[MANIFEST] = result[MANIFEST].replace(b"x.npz", ARRAYS.encode())
    return result


def with_manifest(files: dict[str, bytes], changed: dict[str, object]) -> dict[str, bytes]:
    """Return an artifact's files with entries of the manifest exchanged."""
    manifest = json.loads(files[MANIFEST]) | changed
    return {**files, MANIFEST: json.dumps(manifest).encode()}
