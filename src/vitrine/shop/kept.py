"""Pictures that came without a file of their own: kept in the shop, named by what is in them."""

from __future__ import annotations

import hashlib
from pathlib import Path

from vitrine.catalogue import Catalogue, decode_bytes
from vitrine.catalogue.decoding import Limits
from vitrine.catalogue.items import PictureRef
from vitrine.store import Store
from vitrine.store.rows import PICTURES_NAME

_SUFFIXES = {
    b"\xff\xd8\xff": ".jpg", b"\x89PNG": ".png", b"GIF8": ".gif", b"BM": ".bmp",
    b"RIFF": ".webp", b"II*\x00": ".tif", b"MM\x00*": ".tif",
}  # fmt: skip


def keep_picture(store: Store, content: bytes, limits: Limits) -> PictureRef:
    """Write a picture into a shop and return where it lies; the same one lies there once.

    Fitting another encoder later reads it from there, as it reads the pictures of a folder.

    Parameters
    ----------
    store : Store
        The shop's.
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
    name = f"{PICTURES_NAME}/{digest[:2]}/{digest}{suffix}"
    store.kept.put(name, content)
    return PictureRef(str(store.folder / name))


def keep_fetched(store: Store, catalogue: Catalogue) -> Catalogue:
    """Keep the pictures that a catalogue has fetched; return it with the places where they lie."""

    def keep(path: str) -> str:
        return keep_picture(store, Path(path).read_bytes(), catalogue.limits).path

    return catalogue.with_fetched(keep)
