"""Keys: random, kept as hashes only, compared in constant time."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self, get_args

from vitrine.errors import OptionError

Right = Literal["read", "write"]
RIGHTS: tuple[Right, ...] = get_args(Right)
ENVIRONMENT = "VITRINE_KEYS"

_LINE = re.compile(r"(?P<right>\w+)\s*:\s*sha256:(?P<hash>[0-9a-fA-F]{64})")


@dataclass(frozen=True)
class Keys:
    """The keys that are known, as SHA-256 hashes; a write key may read as well.

    Keys are 256 random bits, so that a plain hash of one cannot be turned around by guessing.

    Parameters
    ----------
    read, write : tuple of bytes
        Hashes, 32 bytes each.
    """

    read: tuple[bytes, ...] = ()
    write: tuple[bytes, ...] = ()

    @classmethod
    def parse(cls, text: str, source: str) -> Self:
        """Read keys from lines (or words) ``read:sha256:…`` and ``write:sha256:…``.

        What stands after ``#`` is passed over.

        Raises
        ------
        OptionError
            If a line is something else; the line itself is not repeated, as it may be a secret.
        """
        found: dict[str, list[bytes]] = {right: [] for right in RIGHTS}
        for number, line in enumerate(text.splitlines(), 1):
            for word in re.split(r"[\s,]+", line.split("#")[0].strip()):
                if not word:
                    continue
                match = _LINE.fullmatch(word)
                if match is None or match["right"] not in found:
                    raise OptionError(
                        f"{source}, line {number}: not a key's hash; make a key and its line with: "
                        "vitrine key write"
                    )
                found[match["right"]].append(bytes.fromhex(match["hash"]))
        return cls(tuple(found["read"]), tuple(found["write"]))

    @classmethod
    def read_file(cls, path: Path) -> Self:
        """Read keys from a file.

        Raises
        ------
        OptionError
            If it cannot be read, or a line is no key's hash.
        """
        try:
            return cls.parse(path.read_text(encoding="utf-8"), str(path))
        except (OSError, UnicodeDecodeError) as error:
            raise OptionError(f"{path}: the keys cannot be read ({error})") from error

    def __add__(self, other: Keys) -> Keys:
        return Keys(self.read + other.read, self.write + other.write)

    def right_of(self, key: str) -> Right | None:
        """Return what a key allows, looking at every known one whatever is found."""
        digest = hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
        may_write = _among(digest, self.write)
        may_read = _among(digest, self.read)
        return "write" if may_write else "read" if may_read else None


def new_key() -> str:
    """Return a new random key."""
    return f"vitrine_{secrets.token_urlsafe(32)}"


def line_of(key: str, right: Right) -> str:
    """Return what a key file holds of a key."""
    return f"{right}:sha256:{hashlib.sha256(key.encode()).hexdigest()}"


def _among(digest: bytes, known: Iterable[bytes]) -> bool:
    found = 0
    for one in known:
        found |= hmac.compare_digest(digest, one)
    return bool(found)
