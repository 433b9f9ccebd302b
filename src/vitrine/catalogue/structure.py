"""How a picture's file is built, looked at before a decoder is: what would take it for ever.

Pixels are bounded by the size in the header. What is not bounded there is how often a decoder goes
over them (scans of a JPEG), and how many small pieces a file is in, each of which costs a turn of
a loop (PNG chunks, GIF comments, JPEG segments, TIFF tiles, runs of a BMP). Files that an image
program writes are far below these limits; a file is read by them in a few microseconds.
"""

from __future__ import annotations

import re
import struct

from vitrine.errors import PictureError

MAX_PIECES = 20_000
"""Chunks of a PNG (libpng makes 6,000 of 50 MB), blocks of a GIF, stray bytes of a JPEG."""

MAX_SEGMENTS = 2_000
"""Of a JPEG, before its first scan: a colour profile has 255 at most."""

MAX_EXIF_BYTES = 1_000_000
MAX_SCANNED_PIXELS = 2e9
"""Scans of a JPEG times its pixels: the usual ten scans of 200 megapixels."""

MAX_RUNS_BYTES = 1_000_000
MAX_TIFF_NUMBERS = 200_000
"""Numbers in all entries of a TIFF's directory."""

_TIFF_COMPRESSIONS = {1, 2, 3, 4, 5, 8, 32773, 32946}
"""None, CCITT, LZW, deflate, PackBits. The others bring whole decoders of their own."""

_FEW_SCANS = 20
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # none of these occurs within a scan's data
_ALONE = {0x00, 0x01, 0xC8, 0xFF, *range(0xD0, 0xDA), *range(0xF0, 0xFE)}  # have no length
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
_BYTES = {1, 2, 6, 7}


def check_structure(data: bytes) -> None:
    """Refuse a file that would keep a decoder busy far beyond what its size in pixels says.

    Parameters
    ----------
    data : bytes
        The contents of a picture's file, of any format or none.

    Raises
    ------
    PictureError
        Saying what there is too much of. What is damaged is left to the decoder.
    """
    for magic, check in _CHECKS:
        if data.startswith(magic):
            try:
                check(data)
            except PictureError:
                raise
            except (struct.error, IndexError, ValueError):  # it ends early
                return


def _check_jpeg(data: bytes) -> None:
    """Walk the segments (ITU-T T.81, annex B) up to the first scan; count scans if there are many.

    A decoder goes over all pixels in each scan, and an empty scan takes ten bytes. What is between
    segments is skipped, as decoders do, but not for ever.
    """
    at, pixels, exif_bytes, junk = 2, 0, 0, 0
    for _ in range(MAX_SEGMENTS):
        start = data.index(b"\xff", at)
        junk += start - at
        at, marker = start + 1, data[start + 1]
        if marker in _ALONE:
            at += marker != 0xFF
            continue
        if marker == 0xDA:
            break
        (length,) = struct.unpack_from(">H", data, at + 1)
        if marker == 0xE1 and data.startswith(b"Exif\0\0", at + 3):
            exif_bytes += length
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xCC):
            height, width = struct.unpack_from(">HH", data, at + 4)
            pixels = width * height
        at += 1 + length
    else:
        raise PictureError(f"over {MAX_SEGMENTS:,} segments; save the picture again")
    if junk > MAX_PIECES:
        raise PictureError("too much between its segments; save the picture again")
    if exif_bytes > MAX_EXIF_BYTES:
        raise PictureError("over 1 MB of EXIF; save the picture again without it")
    allowed = max(_FEW_SCANS, int(MAX_SCANNED_PIXELS / max(pixels, 65_536)))
    if data.count(b"\xff\xda") > allowed and _scans(data, start, allowed) > allowed:
        raise PictureError(f"over {allowed:,} scans; save the picture again")


def _scans(data: bytes, at: int, enough: int) -> int:
    """Return how many scans there are from the first on, or one more than `enough`."""
    scans = 0
    while scans <= enough and (found := _MARKER.search(data, at)):
        marker = data[found.start() + 1]
        if marker == 0xD9:
            break
        scans += marker == 0xDA
        at = found.start() + 2 + int.from_bytes(data[found.start() + 2 : found.start() + 4], "big")
    return scans


def _check_png(data: bytes) -> None:
    at = 8
    for _ in range(min(MAX_PIECES, len(data) // 12 + 1)):
        if at + 8 > len(data) or data[at + 4 : at + 8] == b"IEND":
            return
        at += 12 + int.from_bytes(data[at : at + 4], "big")
    if at < len(data):
        raise PictureError(f"over {MAX_PIECES:,} chunks; save the picture again")


def _check_gif(data: bytes) -> None:
    """Walk the extensions before the first picture; what comes after it is not read."""
    colours = data[10]
    at = 13 + (3 << (colours & 7) + 1 if colours & 0x80 else 0)
    blocks = 0
    while data[at] not in b",;":
        extension = data[at] == 0x21
        at += 2 if extension else 1  # anything else is a stray byte
        blocks += 1
        while extension and blocks <= MAX_PIECES and (length := data[at]):
            at += 1 + length
            blocks += 1
        at += extension
        if blocks > MAX_PIECES:
            raise PictureError(f"over {MAX_PIECES:,} blocks before its first picture")


def _check_bmp(data: bytes) -> None:
    # Runs are unpacked one by one, in Python.
    (compression,) = struct.unpack_from("<I", data, 30)
    if compression in (1, 2) and len(data) > MAX_RUNS_BYTES:
        raise PictureError("over 1 MB of a run-length BMP; save it as PNG")


def _check_tiff(data: bytes) -> None:
    """Look at the first directory (TIFF 6.0, section 2); no other is read."""
    order = "<" if data[:2] == b"II" else ">"
    (at,) = struct.unpack_from(f"{order}I", data, 4)
    (n,) = struct.unpack_from(f"{order}H", data, at)
    if n > 1_000:
        raise PictureError("over 1,000 entries in its directory; save the picture again")
    numbers, tile = 0, {322: 0, 323: 0}
    for entry in range(n):
        place = at + 2 + 12 * entry
        tag, kind, count = struct.unpack_from(f"{order}HHI", data, place)
        if kind not in _BYTES:
            numbers += count
        if tag in (259, 322, 323):
            form = "I" if _SIZES.get(kind) == 4 else "H"
            (value,) = struct.unpack_from(order + form, data, place + 8)
            tile[tag] = value
            if tag == 259 and value not in _TIFF_COMPRESSIONS:
                raise PictureError(f"a TIFF of compression {value}; save it as JPEG or PNG")
    if numbers > MAX_TIFF_NUMBERS:
        raise PictureError(f"{numbers:,} numbers in its directory; save the picture again")
    if tile[322] * tile[323] > 50e6:
        raise PictureError(f"tiles of {tile[322]}×{tile[323]} pixels; save the picture again")


def _refuse_big_tiff(data: bytes) -> None:
    raise PictureError("a BigTIFF; save it as TIFF, JPEG or PNG")


_CHECKS = (
    (b"\xff\xd8\xff", _check_jpeg),
    (b"\x89PNG\r\n\x1a\n", _check_png),
    (b"GIF8", _check_gif),
    (b"BM", _check_bmp),
    (b"II*\0", _check_tiff),
    (b"MM\0*", _check_tiff),
    (b"II\0*", _check_tiff),
    (b"MM*\0", _check_tiff),
    (b"II+\0", _refuse_big_tiff),
    (b"MM\0+", _refuse_big_tiff),
)
