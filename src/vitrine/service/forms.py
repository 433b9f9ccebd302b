"""Forms with files, read into memory."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from fastapi import Request
from python_multipart.multipart import parse_options_header

from vitrine.service.problems import Refusal

_FOLD = re.compile(rb"\r\n[ \t]+")

MAX_TEXT_BYTES = 1_000_000
"""Of one field that is no file."""

MAX_HEAD_BYTES = 8_000
"""Of what stands before a part's content: its name, and a file's."""


@dataclass
class Form:
    """What was sent in a form.

    Attributes
    ----------
    texts : dict of str to list of str
        What each field holds, in the order sent.
    files : dict of str to list of bytes
        The files of each field.
    """

    texts: dict[str, list[str]] = field(default_factory=dict)
    files: dict[str, list[bytes]] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """Return what a field holds, the last one if it was sent often; empty if it was not."""
        return self.texts.get(name, [""])[-1]


async def read_form(request: Request, max_files: int, max_texts: int) -> Form:
    """Read a ``multipart/form-data`` body; any other body is an empty form.

    Whoever asks for a file here wants its bytes, and the gate sees to how many they are at most. So
    the body is read whole and cut up, in half the time that it takes to look at it piece by piece
    as it arrives, with files on disk.

    Parameters
    ----------
    request : Request
    max_files, max_texts : int
        How many of each there may be.

    Raises
    ------
    Refusal
        If the body is no such form, or has too many parts or too long ones.
    """
    kind, options = parse_options_header(request.headers.get("content-type"))
    form = Form()
    if kind != b"multipart/form-data":
        return form
    if not options.get(b"boundary"):
        raise _unreadable("its Content-Type has no boundary")
    # The first delimiter may stand at the start, without the end of a line before it.
    body = b"".join([b"\r\n", *[chunk async for chunk in request.stream()]])
    n_files = n_texts = 0
    for disposition, content in _parts(body, b"\r\n--" + options[b"boundary"]):
        if b"name" not in disposition:
            raise _unreadable("a part has no name in its Content-Disposition")
        name = _decoded(disposition[b"name"])
        if b"filename" in disposition:
            n_files += 1
            form.files.setdefault(name, []).append(content)
        elif len(content) > MAX_TEXT_BYTES:
            raise _unreadable(f"the field {name!r} is over {MAX_TEXT_BYTES / 1e6:g} MB")
        else:
            n_texts += 1
            form.texts.setdefault(name, []).append(_decoded(content))
        if n_files > max_files:
            raise _unreadable(f"it may have {max_files} files at most")
        if n_texts > max_texts:
            raise _unreadable(f"it may have {max_texts} fields at most")
    return form


def _parts(body: bytes, delimiter: bytes) -> Iterator[tuple[dict[bytes, bytes], bytes]]:
    """Yield what each part's Content-Disposition says and what the part holds (RFC 2046, 5.1)."""
    start = _found(body, delimiter, 0)
    if start < 0:
        raise _unreadable("its boundary is not in it")
    while not body.startswith(b"--", start := start + len(delimiter)):
        end = _found(body, delimiter, start)
        if end < 0:
            if not body[start:].strip():
                return  # the last delimiter without its two hyphens, as some clients send it
            raise _unreadable("its last part has no end")
        content = body.find(b"\r\n\r\n", start, min(end, start + MAX_HEAD_BYTES))
        if content < 0:
            raise _unreadable("a part has no head, or too long a one")
        yield _disposition(body[start:content]), body[content + 4 : end]
        start = end


def _found(body: bytes, delimiter: bytes, start: int) -> int:
    """Return where the next delimiter stands, −1 if none does; a longer line is none."""
    while (start := body.find(delimiter, start)) >= 0:
        end = start + len(delimiter)
        if end == len(body) or body.startswith((b"\r\n", b"--", b" ", b"\t"), end):
            break
        start = end
    return start


def _disposition(head: bytes) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    for line in _FOLD.sub(b" ", head).split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-disposition":
            found = parse_options_header(value.strip())[1]
    return found


def _unreadable(why: str) -> Refusal:
    return Refusal("malformed", f"the form cannot be read: {why}")


def _decoded(content: bytes) -> str:
    """Return text, in Latin-1 if it is no UTF-8, as some clients still send it."""
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("latin-1")
