"""Many texts in few arrays, found by their hash: ids and words that can lie in a file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Self, overload

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Texts:
    """Many texts in one array of bytes.

    Attributes
    ----------
    content : ndarray of uint8
        All of them, UTF-8, one after the other.
    ends : ndarray of shape (n,), int64
        Where each one ends.
    """

    content: NDArray[np.uint8]
    ends: NDArray[np.int64]

    @classmethod
    def of(cls, texts: Iterable[str]) -> Self:
        """Lay texts out one after the other."""
        encoded = [text.encode() for text in texts]
        ends = np.cumsum([len(text) for text in encoded], dtype=np.int64)
        return cls(np.frombuffer(b"".join(encoded), np.uint8), ends)

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, index: int) -> str:
        start = self.ends[index - 1] if index else 0
        return bytes(self.content[start : self.ends[index]]).decode()

    def several(self, indices: NDArray[np.integer]) -> list[str]:
        """Return several texts, faster than one by one."""
        starts = np.where(indices > 0, self.ends[indices - 1], 0).tolist()
        ends = self.ends[indices].tolist()
        return [
            self.content[start:end].tobytes().decode()
            for start, end in zip(starts, ends, strict=True)
        ]

    def __iter__(self) -> Iterator[str]:
        content, start = bytes(self.content), 0
        for end in self.ends.tolist():
            yield content[start:end].decode()
            start = end


@dataclass(frozen=True)
class FiledTexts:
    """Texts that were written down, found by their hash; ten times smaller than a dictionary.

    Attributes
    ----------
    texts : Texts
    hashes : ndarray of shape (n,), uint64
        Of all texts, sorted.
    order : ndarray of shape (n,), int64
        Which text each hash belongs to.
    """

    texts: Texts
    hashes: NDArray[np.uint64]
    order: NDArray[np.int64]

    @classmethod
    def of(cls, texts: Sequence[str]) -> Self:
        """File texts in their order."""
        hashes = np.fromiter(map(_hash, texts), np.uint64, len(texts))
        order = np.argsort(hashes, kind="stable")
        return cls(Texts.of(texts), hashes[order], order)

    def __len__(self) -> int:
        return len(self.texts)

    def find(self, text: str) -> list[int]:
        """Return where a text stands, the last place first."""
        wanted = np.uint64(_hash(text))
        first = int(np.searchsorted(self.hashes, wanted))
        found = []
        while first < len(self.hashes) and self.hashes[first] == wanted:
            place = int(self.order[first])
            if self.texts[place] == text:
                found.append(place)
            first += 1
        return found[::-1]


FEW_WORDS = 4096
"""Filed words up to so many are read once; more are read each time, to keep memory small."""


class Vocabulary(Sequence[str]):
    """Words and their codes: 0, 1, … in the order in which they came.

    Parameters
    ----------
    filed : FiledTexts, optional
        Words that were written down before, each once.
    """

    def __init__(self, filed: FiledTexts | None = None) -> None:
        self._filed = filed or FiledTexts.of([])
        self._added: dict[str, int] = {}
        self._words: list[str] = []
        self._read = list(self._filed.texts) if len(self._filed) <= FEW_WORDS else None

    def code(self, word: str) -> int:
        """Return a word's code, a new one if it has none."""
        found = self.find(word)
        if found < 0:
            found = self._added[word] = len(self)
            self._words.append(word)
        return found

    def find(self, word: str) -> int:
        """Return a word's code, −1 if it has none."""
        found = self._added.get(word)
        if found is None:
            found = next(iter(self._filed.find(word)), -1) if len(self._filed) else -1
        return found

    def of_codes(self, codes: NDArray[np.integer]) -> list[str]:
        """Return the words of several codes, faster than one by one."""
        if self._words:  # some were added since
            return [self[code] for code in codes.tolist()]
        if self._read is None:
            return self._filed.texts.several(codes)
        return [self._read[code] for code in codes.tolist()]

    def __len__(self) -> int:
        return len(self._filed) + len(self._words)

    @overload
    def __getitem__(self, code: int) -> str: ...

    @overload
    def __getitem__(self, code: slice) -> list[str]: ...

    def __getitem__(self, code: int | slice) -> str | list[str]:
        if isinstance(code, slice):
            return [self[i] for i in range(len(self))[code]]
        beyond = code - len(self._filed)
        if beyond >= 0:
            return self._words[beyond]
        return self._filed.texts[code] if self._read is None else self._read[code]

    def __iter__(self) -> Iterator[str]:
        yield from self._filed.texts
        yield from self._words


def _hash(text: str) -> int:
    # Not Python's own, which differs from process to process.
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")
