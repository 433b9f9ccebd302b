"""Hostile picture files, made here: bombs, lies, damage and what only calls itself a picture."""

from __future__ import annotations

import struct
import zlib

from PIL import Image

from tests.catalogue.conftest import encoded, gradient

MB = 1_000_000
Entry = tuple[int, int, int, int]


def chunk(kind: bytes, data: bytes) -> bytes:
    """Return one chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(
    width: int, height: int, rows: bytes, *, depth: int = 8, colour: int = 2, more: bytes = b""
) -> bytes:
    """Return a PNG; `more` stands before its compressed rows."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"".join(
        (b"\x89PNG\r\n\x1a\n", chunk(b"IHDR", header), more, chunk(b"IDAT", rows),
         chunk(b"IEND", b""))
    )  # fmt: skip


def zeros(n: int) -> bytes:
    """Return `n` zero bytes compressed, a two-hundredth of them, without holding them."""
    packer, block = zlib.compressobj(1), bytes(2**20)
    parts = [packer.compress(block) for _ in range(n // len(block))]
    return b"".join([*parts, packer.compress(bytes(n % len(block))), packer.flush()])


def png_of_zeros(width: int, height: int, *, depth: int = 8, colour: int = 6) -> bytes:
    """Return a PNG of nothing that unpacks to as much as its header says."""
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    row = 1 + width * channels * depth // 8
    return png(width, height, zeros(row * height), depth=depth, colour=colour)


def png_with_chunks(n: int) -> bytes:
    """Return a small PNG with `n` empty chunks that mean nothing."""
    return png(9, 9, zlib.compress(bytes(28 * 9)), more=chunk(b"zzZz", b"") * n)


def png_with_texts(n: int, size: int) -> bytes:
    """Return a small PNG with `n` compressed texts that unpack to `size` bytes each."""
    text = chunk(b"zTXt", b"Comment\0\0" + zeros(size))
    return png(9, 9, zlib.compress(bytes(28 * 9)), more=text * n)


def gif_with_frames(n: int, side: int = 9) -> bytes:
    """Return a GIF with the same frame `n` times."""
    whole = encoded(Image.new("P", (side, side)), "GIF")
    start = whole.index(b",\0\0\0\0")
    return whole[:start] + whole[start:-1] * n + b";"


def gif_with_comments(n: int) -> bytes:
    """Return a GIF whose first picture comes after `n` pieces of comment."""
    whole = encoded(Image.new("P", (9, 9)), "GIF")
    start = whole.index(b",\0\0\0\0")
    return whole[:start] + b"!\xfe" + b"\x01x" * n + b"\0" + whole[start:]


def tiff(entries: list[tuple[int, int, int, int]], *, next_directory: int = 0, tail: bytes = b"",
         order: str = "<") -> bytes:  # fmt: skip
    """Return a TIFF of entries (tag, type, count, value or offset); `tail` follows them."""
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8)
    parts = [struct.pack(f"{order}HHII", *entry) for entry in sorted(entries)]
    count = struct.pack(f"{order}H", len(parts))
    return head + count + b"".join(parts) + struct.pack(f"{order}I", next_directory) + tail


def _grey(width: int, height: int, *more: tuple[int, int, int, int]) -> list[Entry]:
    """Return the entries of a plain grey TIFF."""
    return [
        (256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1),
        (277, 3, 1, 1), *more,
    ]  # fmt: skip


def tiff_with_tiles(n: int) -> bytes:
    """Return a TIFF in tiles of one pixel, `n` of them."""
    entries = _grey(2000, 2000, (322, 4, 1, 1), (323, 4, 1, 1))
    at = 8 + 2 + 12 * (len(entries) + 2) + 4
    entries += [(324, 4, n, at), (325, 4, n, at)]
    return tiff(entries, tail=bytes(4 * n))


def tiff_with_tags(n: int, size: int) -> bytes:
    """Return a TIFF with `n` more entries that all say the same `size` bytes are theirs."""
    entries = _grey(9, 9, (273, 4, 1, 8), (279, 4, 1, 81))
    at = 8 + 2 + 12 * (len(entries) + n) + 4
    entries += [(40_000 + i, 1, size, at) for i in range(n)]
    return tiff(entries, tail=bytes(size))


def tiff_that_goes_in_circles() -> bytes:
    """Return a TIFF whose next directory is its first."""
    entries = _grey(9, 9, (273, 4, 1, 8), (278, 4, 1, 9), (279, 4, 1, 81))
    return tiff(entries, next_directory=8, tail=bytes(100))


def progressive(width: int, height: int) -> bytes:
    return encoded(Image.new("RGB", (width, height)), "JPEG", progressive=True, quality=30)


def jpeg_with_scans(n: int, side: int = 1024) -> bytes:
    """Return a progressive JPEG with one of its scans `n` times over."""
    whole = encoded(Image.new("RGB", (side, side)), "JPEG", progressive=True, subsampling=0)
    last = whole.rindex(b"\xff\xda")
    return whole[:last] + whole[last:-2] * n + b"\xff\xd9"


def jpeg_with_segments(n: int) -> bytes:
    """Return a JPEG with `n` empty segments before its picture."""
    return b"\xff\xd8" + b"\xff\xe9\0\x02" * n + encoded(gradient(40, 30), "JPEG")[2:]


def jpeg_with_exif(exif: bytes, repeat: int = 1) -> bytes:
    """Return a JPEG with an EXIF block, as often as said."""
    body = b"Exif\0\0" + exif
    segment = b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body
    return b"\xff\xd8" + segment * repeat + encoded(gradient(40, 30), "JPEG")[2:]


def exif(orientation: int, order: str = ">") -> bytes:
    """Return an EXIF block that says nothing but how the picture is turned."""
    head = (b"MM\0*" if order == ">" else b"II*\0") + struct.pack(f"{order}I", 8)
    entry = struct.pack(f"{order}HHIHH", 0x0112, 3, 1, orientation, 0)
    return head + struct.pack(f"{order}H", 1) + entry + struct.pack(f"{order}I", 0)


def bmp_runs(side: int) -> bytes:
    """Return a run-length BMP of `side` squared pixels, each a run of its own."""
    row = b"\x01\x00" * side + b"\0\0"
    data = row * side + b"\0\x01"
    offset = 14 + 40 + 1024
    info = struct.pack("<IiiHHIIiiII", 40, side, side, 1, 8, 1, len(data), 0, 0, 256, 0)
    return (
        b"BM" + struct.pack("<IHHI", offset + len(data), 0, 0, offset) + info + bytes(1024) + data
    )


def webp_with_frames(n: int) -> bytes:
    frames = [Image.new("RGB", (64, 64), (i % 256, i // 256, 0)) for i in range(n)]
    return encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:])


def png_with(kind: bytes, data: bytes) -> bytes:
    """Return a small PNG with one more chunk."""
    return png(9, 9, zlib.compress(bytes(28 * 9)), more=chunk(kind, data))


def png_with_profile(size: int) -> bytes:
    """Return a small PNG with a colour profile that unpacks to `size` bytes."""
    return png_with(b"iCCP", b"profile\0\0" + zeros(size))


def tiff_with_tile(width: int, height: int) -> bytes:
    """Return a TIFF of nine pixels squared in one tile that is far larger."""
    return tiff(_grey(9, 9, (322, 4, 1, width), (323, 4, 1, height), (324, 4, 1, 8),
                      (325, 4, 1, 81)))  # fmt: skip


def webp_header(width: int, height: int) -> bytes:
    """Return an animated WebP that says how large it is and holds a frame of one pixel."""
    whole = encoded(Image.new("RGB", (1, 1)), "WEBP", lossless=True)[12:]
    sides = [(side - 1).to_bytes(3, "little") for side in (width, height, 1, 1)]
    start = b"VP8X" + struct.pack("<I", 10) + b"\x02\0\0\0" + sides[0] + sides[1]
    frame = bytes(6) + sides[2] + sides[3] + bytes(4) + whole
    body = start + b"ANIM" + struct.pack("<I", 6) + bytes(6)
    body += b"ANMF" + struct.pack("<I", len(frame)) + frame
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body
