"""From what a table says about a picture to a file that may be opened."""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from vitrine.catalogue.fetching import Fetching
from vitrine.errors import PictureError

_ADDRESS = re.compile(r"([a-z][a-z0-9+.-]*:)?//|data:|mailto:", re.IGNORECASE)

_SIZE = re.compile(r"\._[^./]+_(?=\.\w+$)")  # Amazon's: 71a._US40_.jpg is a small 71a.jpg


class PictureFinder:
    """Finds pictures below a table's folder or the folder of pictures, and nowhere else.

    Relative paths start at the folder of pictures, where one is given, else at the table's.
    Absolute paths, ``..`` and links are followed as long as the file they lead to lies below one of
    the two: a table that came from elsewhere must not make a shop show other files of its machine.
    An address's file is found if it was saved in the folder; else it is fetched where that was
    turned on, and refused where it was not.

    Parameters
    ----------
    table_folder : Path
    pictures : Path, optional
    fetching : Fetching, optional
        Whether, by whom and where to pictures are fetched from their addresses.
    """

    def __init__(
        self, table_folder: Path, pictures: Path | None = None, fetching: Fetching | None = None
    ) -> None:
        self.base = os.path.realpath(pictures or table_folder)
        folders = {self.base, os.path.realpath(table_folder)}
        self._below = tuple(os.path.join(folder, "") for folder in folders)
        self._allowed: dict[str, bool] = {}
        self._fetching = fetching
        self._fetched: dict[str, str | PictureError] = {}

    def fetch(self, names: Iterable[str]) -> None:
        """Fetch those names that are addresses not saved here, several at once, for `find`."""
        if self._fetching is not None:
            missing = [name for name in names if _ADDRESS.match(name) and not self._saved(name)]
            self._fetched = self._fetching.run(missing) if missing else {}

    def find(self, text: str) -> str:
        """Return a picture's path, relative to `base` where it lies below it, else absolute.

        Raises
        ------
        PictureError
            If it is an address, lies elsewhere, or is not there.
        """
        if _ADDRESS.match(text):
            return self._find_saved(text)
        if "\0" in text:
            raise PictureError("its name holds a zero byte")
        try:
            text.encode()
            return self._find(text)
        except FileNotFoundError:
            if "\\" in text and os.sep == "/":
                return self.find(text.replace("\\", "/"))  # as Windows writes it
            raise PictureError("there is no such picture") from None
        except NotADirectoryError:
            raise PictureError("there is no such picture") from None
        except (OSError, UnicodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise PictureError(f"it cannot be opened ({reason})") from error

    def _find_saved(self, address: str) -> str:
        if saved := self._saved(address):
            return self._find(saved)
        fetched = self._fetched.get(address)
        if isinstance(fetched, str):
            return fetched
        raise fetched or PictureError(
            "an address: pictures are not fetched unless that is turned on (--allow-urls, "
            "fetching=); or save it, under its own name, where pictures lie (--pictures, pictures=)"
        )

    def _saved(self, address: str) -> str | None:
        """Return the file that an address was saved as, under its own name or without its size."""
        name = address.split("?")[0].split("#")[0].rsplit("/", 1)[-1]
        for saved in dict.fromkeys((name, _SIZE.sub("", name))):
            if saved and "\0" not in saved and os.path.isfile(os.path.join(self.base, saved)):
                return saved
        return None

    def _find(self, text: str) -> str:
        path = os.path.normpath(os.path.join(self.base, text))
        folder = os.path.dirname(path)
        if folder not in self._allowed:  # one look a folder, not one a picture
            self._allowed[folder] = self._is_below(folder)
        if not self._allowed[folder]:
            raise PictureError(self._elsewhere())
        mode = os.lstat(path).st_mode
        if stat.S_ISLNK(mode):
            if not self._is_below(path):
                raise PictureError(self._elsewhere())
            mode = os.stat(path).st_mode
        if not stat.S_ISREG(mode):
            raise PictureError("not a file")
        own = os.path.join(self.base, "")
        return path.removeprefix(own)

    def _is_below(self, path: str) -> bool:
        return os.path.join(os.path.realpath(path), "").startswith(self._below)

    def _elsewhere(self) -> str:
        folders = " and ".join(sorted(self._below))
        return f"it lies outside of {folders}; say where pictures lie with --pictures (pictures=)"


def names_in(cell: Any) -> list[str]:
    """Return the pictures that one cell names: one, a list, or several joined by ``;`` or ``|``."""
    if cell is None:
        return []
    if isinstance(cell, str):
        cell = _split(cell.strip())
    elif not isinstance(cell, list):
        cell = [cell]
    return [name.strip() for name in cell if isinstance(name, str) and name.strip()]


def _split(text: str) -> Sequence[Any]:
    if text.startswith("["):
        try:
            listed = json.loads(text)
        except ValueError:
            return [text]
        return listed if isinstance(listed, list) else [text]
    if _ADDRESS.match(text):
        return [text]
    return re.split(r"[;|]", text)
