"""Picture files to arrays: limited in size and format, turned upright, RGB, always the same.

What comes out depends on the bytes, `cover` and Pillow alone. Only the first frame of an animation
is read; colour profiles are not applied. How long one picture can take is bounded by what is
refused before it is decoded: its bytes, its pixels, and the structure of its file (`structure`).
"""

from __future__ import annotations

import os
import re
import stat
import threading
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from io import BytesIO
from itertools import islice
from typing import Any, TypeVar, overload

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from vitrine.catalogue.idx import read_idx
from vitrine.catalogue.items import PictureRef
from vitrine.catalogue.pixels import draft, pixels_of, shrink, to_rgb, upright
from vitrine.catalogue.structure import check_structure
from vitrine.errors import PictureError, SourceError
from vitrine.threads import available_threads

Picture = NDArray[np.uint8]
"""One decoded picture: uint8, (h, w) grey or (h, w, 3) RGB."""

DEFAULT_COVER = 320

T = TypeVar("T")

_LARGE_PIXELS = 12e6
_few_large = threading.BoundedSemaphore(2)
"""Pictures that take hundreds of megabytes to decode wait for each other, in all threads."""

_CHUNK = 8  # pictures a task: few enough to keep order cheaply, enough to make tasks cheap

_PILLOW_ONLY = ("ignore", None, Warning, re.compile(r"PIL\.|vitrine\.catalogue\.decoding"), 0)


@dataclass(frozen=True)
class Limits:
    """What a picture may be at most; anything else is refused.

    Parameters
    ----------
    max_bytes : float
        Size of the file. A million is 1e6.
    max_pixels : float
        Width times height. Over 178 million Pillow's own limit
        (``PIL.Image.MAX_IMAGE_PIXELS``) holds as well.
    max_aspect : float
        Longer side over shorter side.
    formats : tuple of str
        Pillow's names of the only formats that are opened.
    """

    max_bytes: float = 50e6
    max_pixels: float = 50e6
    max_aspect: float = 20.0
    formats: tuple[str, ...] = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")


DEFAULT_LIMITS = Limits()


def decode(
    ref: PictureRef, *, cover: int = DEFAULT_COVER, limits: Limits = DEFAULT_LIMITS
) -> Picture:
    """Return the picture that lies at `ref`.

    Parameters
    ----------
    ref : PictureRef
        A picture's file, or a row of an IDX file (which is returned as it is, (h, w)).
    cover : int
        As in `decode_bytes`.
    limits : Limits

    Raises
    ------
    PictureError
        If there is no such picture, or it is refused; the message names it.
    """
    if ref.row is not None:
        return _idx_row(ref.path, ref.row)
    data = _read_file(ref.path, limits)
    return decode_bytes(data, cover=cover, limits=limits, name=ref.path)


def decode_bytes(
    data: bytes,
    *,
    cover: int = DEFAULT_COVER,
    limits: Limits = DEFAULT_LIMITS,
    name: str = "the picture",
) -> Picture:
    """Return the picture that `data`, the contents of a picture's file, holds.

    Parameters
    ----------
    data : bytes
    cover : int
        Pixels of the shorter side that must survive: a larger picture may come back smaller, but
        never with a shorter side below `cover`.
    limits : Limits
    name : str
        What an error calls the picture.

    Returns
    -------
    ndarray of uint8, (h, w, 3)
        RGB, turned as its EXIF orientation says, transparency on white. A `ReducedPicture` where it
        came back smaller and its outermost pixels lie partly outside of it.

    Raises
    ------
    PictureError
        If it is empty, not a picture, damaged, or over one of the limits.
    """
    _check_bytes(len(data), limits, name)
    _check_structure(data, name)
    _ignore_pillow_warnings()
    try:
        with Image.open(BytesIO(data), formats=_known(limits.formats)) as image:
            _check_size(image.width, image.height, limits, name)
            large = image.width * image.height > _LARGE_PIXELS
            with _few_large if large else nullcontext():
                margins = draft(image, cover)
                image.load()
                turned, margins = upright(image, margins)
                return pixels_of(*shrink(to_rgb(turned), margins, cover))
    except PictureError:
        raise
    except Image.DecompressionBombError as error:
        raise PictureError(f"{name}: {_too_many_pixels(limits)}") from error
    except UnidentifiedImageError as error:
        raise PictureError(f"{name}: {_what_it_is(data, limits)}") from error
    except Exception as error:  # hostile bytes make Pillow raise nearly anything
        raise PictureError(f"{name}: the picture is damaged ({error})") from error


@overload
def decode_many(
    refs: Iterable[PictureRef],
    *,
    cover: int = ...,
    limits: Limits = ...,
    workers: int | None = ...,
) -> Iterator[Picture | PictureError]: ...


@overload
def decode_many(
    refs: Iterable[PictureRef],
    *,
    cover: int = ...,
    limits: Limits = ...,
    workers: int | None = ...,
    then: Callable[[Picture], T],
) -> Iterator[T | PictureError]: ...


def decode_many(
    refs: Iterable[PictureRef],
    *,
    cover: int = DEFAULT_COVER,
    limits: Limits = DEFAULT_LIMITS,
    workers: int | None = None,
    then: Callable[[Picture], Any] | None = None,
) -> Iterator[Any]:
    """Decode pictures in a pool of threads; yield them in order, a refused one as its error.

    At most ``32 * workers`` pictures are decoded ahead, so memory does not grow with their number.

    Parameters
    ----------
    refs : iterable of PictureRef
        Read as needed; may be endless.
    cover, limits
        As in `decode_bytes`.
    workers : int, optional
        Threads; by default one a processor that this process may use, 16 at most.
    then : callable, optional
        What to do with each picture in its thread, such as resizing it; its results are yielded.
        A `PictureError` that it raises refuses the picture; any other error is raised here.

    Yields
    ------
    Picture, or what `then` returned, or PictureError
    """
    n_workers = workers or _processors()

    def work(chunk: list[PictureRef]) -> list[Any]:
        return [_decode_one(ref, cover, limits, then) for ref in chunk]

    waiting: deque[Future[list[Any]]] = deque()
    remaining = iter(refs)
    pool = ThreadPoolExecutor(n_workers, thread_name_prefix="decode")
    try:
        while True:
            while len(waiting) < 4 * n_workers and (chunk := list(islice(remaining, _CHUNK))):
                waiting.append(pool.submit(work, chunk))
            if not waiting:
                return
            yield from waiting.popleft().result()
    finally:  # also when the consumer stops early
        pool.shutdown(wait=True, cancel_futures=True)


def _decode_one(
    ref: PictureRef, cover: int, limits: Limits, then: Callable[[Picture], Any] | None
) -> Any:
    try:
        picture = decode(ref, cover=cover, limits=limits)
        return picture if then is None else then(picture)
    except PictureError as error:
        return error


def _processors() -> int:
    return min(16, available_threads())


def _idx_row(path: str, row: int) -> Picture:
    try:
        array = read_idx(path)
    except SourceError as error:
        raise PictureError(str(error)) from error
    if array.ndim not in (3, 4) or not 0 <= row < len(array):
        raise PictureError(f"{path}: there is no picture in row {row}")
    picture: Picture = array[row]
    return picture


def _read_file(path: str, limits: Limits) -> bytes:
    try:
        with open(path, "rb", buffering=0, opener=_open_without_waiting) as file:
            facts = os.fstat(file.fileno())
            if not stat.S_ISREG(facts.st_mode):
                raise PictureError(f"{path}: not a file")
            _check_bytes(facts.st_size, limits, path)
            return file.read()
    except PictureError:
        raise
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise PictureError(f"{path}: the picture cannot be read ({reason})") from error


def _open_without_waiting(path: str, flags: int) -> int:
    # A named pipe would otherwise wait for a writer for ever.
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _check_bytes(size: int, limits: Limits, name: str) -> None:
    if size == 0:
        raise PictureError(f"{name}: the file is empty (0 bytes)")
    if size > limits.max_bytes:
        raise PictureError(
            f"{name}: {size / 1e6:.1f} MB, over the limit of {limits.max_bytes / 1e6:g} MB"
        )


def _check_structure(data: bytes, name: str) -> None:
    try:
        check_structure(data)
    except PictureError as error:
        raise PictureError(f"{name}: {error}") from None


def _check_size(width: int, height: int, limits: Limits, name: str) -> None:
    if width < 1 or height < 1:
        raise PictureError(f"{name}: the picture is {width}×{height} pixels")
    if width * height > limits.max_pixels:
        raise PictureError(f"{name}: {width}×{height} pixels, {_too_many_pixels(limits)}")
    if max(width, height) > limits.max_aspect * min(width, height):
        raise PictureError(
            f"{name}: {width}×{height} pixels, longer than {limits.max_aspect:g}:1; crop it"
        )


def _too_many_pixels(limits: Limits) -> str:
    return f"over the limit of {limits.max_pixels / 1e6:g} megapixels; make it smaller"


def _what_it_is(data: bytes, limits: Limits) -> str:
    if data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return "this is a web page or XML, not a picture; fetch the picture again"
    return f"not a picture of a known format ({', '.join(limits.formats)}), or damaged"


def _known(formats: tuple[str, ...]) -> list[str]:
    Image.init()
    return [name for name in formats if name in Image.OPEN]


def _ignore_pillow_warnings() -> None:
    # Not catch_warnings: it changes the whole process back and forth and is not safe in threads.
    if _PILLOW_ONLY not in warnings.filters:
        warnings.filters.insert(0, _PILLOW_ONLY)  # type: ignore[attr-defined]
