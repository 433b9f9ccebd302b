"""Forms with files, read into memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from vitrine.service.problems import Refusal

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

MAX_TEXT_BYTES = 1_000_000
"""Of one field that is no file."""


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

    Starlette's own way writes files to disk, unless they are small, and whoever asks for a file
    here wants its bytes; how many they may be at most is the gate's to see to.

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
    parts = _Parts(max_files, max_texts)
    if kind != b"multipart/form-data":
        return parts.form
    if not options.get(b"boundary"):
        raise Refusal("malformed", "the form's Content-Type has no boundary")
    try:
        parser = MultipartParser(options[b"boundary"], parts.callbacks())
        async for chunk in request.stream():
            parser.write(chunk)
        parser.finalize()
    except FormParserError as error:
        raise Refusal("malformed", f"the form cannot be read: {error}") from error
    return parts.form


class _Parts:
    """Takes a form's parts in as they arrive."""

    def __init__(self, max_files: int, max_texts: int) -> None:
        self.form = Form()
        self._max_files, self._max_texts = max_files, max_texts
        self._n_files = self._n_texts = 0
        self._header, self._value = b"", b""
        self._begin()

    def callbacks(self) -> MultipartCallbacks:
        """Return what the parser calls, by the names that it has for it."""
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._add_to_header,
            "on_header_value": self._add_to_value,
            "on_header_end": self._end_header,
            "on_headers_finished": self._name,
            "on_part_data": self._add,
            "on_part_end": self._end,
        }

    def _begin(self) -> None:
        self._disposition = b""
        self._content: list[memoryview] = []
        self._n_bytes = 0

    def _add_to_header(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _add_to_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value
        self._header, self._value = b"", b""

    def _name(self) -> None:
        options = parse_options_header(self._disposition)[1]
        if b"name" not in options:
            raise Refusal("malformed", "a part of the form has no name in its Content-Disposition")
        self._field = _decoded(options[b"name"])
        self._is_file = b"filename" in options
        self._n_files += self._is_file
        self._n_texts += not self._is_file
        if self._n_files > self._max_files:
            raise Refusal("malformed", f"the form may have {self._max_files} files at most")
        if self._n_texts > self._max_texts:
            raise Refusal("malformed", f"the form may have {self._max_texts} fields at most")

    def _add(self, data: bytes, start: int, end: int) -> None:
        self._n_bytes += end - start
        if self._n_bytes > MAX_TEXT_BYTES and not self._is_file:
            most = f"{MAX_TEXT_BYTES / 1e6:g} MB"
            raise Refusal("malformed", f"the field {self._field!r} is over {most}")
        self._content.append(memoryview(data)[start:end])

    def _end(self) -> None:
        content = b"".join(self._content)
        if self._is_file:
            self.form.files.setdefault(self._field, []).append(content)
        else:
            self.form.texts.setdefault(self._field, []).append(_decoded(content))


def _decoded(content: bytes) -> str:
    return content.decode("utf-8", "replace")
