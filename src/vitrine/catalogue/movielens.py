"""MovieLens' tables of films, ``u.item`` (100k) and ``movies.dat`` (1M), as they are.

Neither has a header; their text is Latin-1. Each becomes the columns ``id``, ``title``, ``year``
(from the title's end) and ``genres``, joined by ``|``. Posters named by the films' ids are found in
the folder of pictures.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pyarrow as pa

from vitrine.catalogue.items import Rejection
from vitrine.catalogue.tables import Rows
from vitrine.errors import SourceError

SUFFIXES = (".item", ".dat")
GENRES = (
    "", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama",
    "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War",
    "Western",
)  # fmt: skip
"""What the last columns of ``u.item`` stand for; the first of them is "unknown"."""
_N_BEFORE = 5  # id, title, release date, video release date, address
_YEAR = re.compile(r"\((\d{4})\)\s*$")


def read_films(path: Path) -> Rows:
    """Return a table of films as rows with the columns id, title, year and genres.

    Raises
    ------
    SourceError
        If there is no film in it.
    """
    films: list[tuple[str, str, str, str]] = []
    numbers: list[int] = []
    rejected: list[Rejection] = []
    with open(path, encoding="latin-1") as file:
        for number, line in enumerate(file, start=1):
            if not (text := line.strip()):
                continue
            film = _film(text, path.suffix)
            if film is None:
                reason = "does not have the fields of MovieLens' table of films"
                rejected.append(Rejection(str(path), number, None, None, reason))
            else:
                films.append(film)
                numbers.append(number)
    if not films:
        first = f"; first: {rejected[0]}" if rejected else ""
        raise SourceError(f"{path}: there is no film in it{first}")
    columns = dict(zip(("id", "title", "year", "genres"), zip(*films, strict=True), strict=False))
    table = pa.table({name: pa.array(cells, pa.large_string()) for name, cells in columns.items()})
    return Rows(table, np.array(numbers, np.int64), rejected)


def _film(line: str, suffix: str) -> tuple[str, str, str, str] | None:
    if suffix.lower() == ".dat":
        fields = line.split("::")
        genres = fields[-1]
        whole = len(fields) == 3
    else:
        fields = line.split("|")
        flags = fields[_N_BEFORE:]
        whole = len(flags) == len(GENRES)
        genres = "|".join(g for g, flag in zip(GENRES, flags, strict=False) if g and flag == "1")
    if not whole:
        return None
    found = _YEAR.search(fields[1])
    return fields[0], fields[1], found.group(1) if found else "", genres
