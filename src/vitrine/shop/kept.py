"""Pictures that came without a file of their own: kept in the shop, named by what is in them."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from vitrine.catalogue import decode_bytes
from vitrine.catalogue.decoding import Limits
from vitrine.catalogue.items import PictureRef
from vitrine.errors import ShopError

PICTURES_NAME = "pictures"
_SUFFIXES = {
    b"\xff\xd8\xff": ".jpg", b"\x89PNG": ".png", b"GIF8": ".gif", b"BM": ".bmp",
    b"RIFF": ".webp", b"II*\x00": ".tif", b"MM\x00*": ".tif",
}  # fmt: skip


def keep_picture(folder: Path, content: bytes, limits: Limits) -> PictureRef:
    """Write a picture into a shop and return where it lies; the same one lies there once.

    Fitting another encoder later reads it from there, as it reads the pictures of a folder.

    Parameters
    ----------
    folder : Path
        The shop's directory, absolute.
    content : bytes
        The picture's file, which is kept byte for byte.
    limits : Limits

    Raises
    ------
    PictureError
        If it is no picture, damaged, or over a limit. Nothing is written then.
    ShopError
        If it cannot be written.
    """
    decode_bytes(content, cover=1, limits=limits)
    digest = hashlib.sha256(content).hexdigest()
    suffix = next((s for magic, s in _SUFFIXES.items() if content.startswith(magic)), ".avif")
    path = folder / PICTURES_NAME / digest[:2] / f"{digest}{suffix}"
    try:
        if not path.is_file():
            _write(path, content)
    except OSError as error:
        raise ShopError(f"{path}: the picture cannot be kept ({error.strerror})") from error
    return PictureRef(str(path))


def _write(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all, whatever happens in between."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
