"""Tables of users: what a shop knows of people besides what they chose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

from vitrine.catalogue.columns import as_text, typed
from vitrine.catalogue.items import AttributeType, Rejection, Value
from vitrine.catalogue.tables import FORMATS, Rows, read_rows, table_suffix
from vitrine.errors import InputError, SourceError
from vitrine.ratings.column_blocks import ColumnBlocks
from vitrine.ratings.features import UserFeatures
from vitrine.ratings.ids import Ids, can_be_stored
from vitrine.ratings.reading import GUESSES, guess

MOVIELENS = {
    ".user": ("|", ("id", "age", "sex", "occupation", "zip code")),
    ".dat": ("::", ("id", "sex", "age", "occupation", "zip code")),
}
"""``u.user`` (100k) and ``users.dat`` (1M): what is between fields, and what these are."""
CODES = ("occupation", "zip code")
"""Columns of these that are no numbers though they are written as such."""
MAX_TEXT = 1_000
"""Characters of one fact about one user."""
USER_IDS = f"{GUESSES['user']} id code key"


@dataclass
class UserTable:
    """Users and what is known of each.

    Parameters
    ----------
    ids : list of str, length n
        Each once.
    columns : dict of str to list, length n
        Text, numbers, booleans or None; dates are left out.
    rejected : list of Rejection
        Rows without an id, or with one that is there already.
    """

    ids: list[str]
    columns: dict[str, list[Value]]
    rejected: list[Rejection] = field(default_factory=list)

    def features(self) -> UserFeatures:
        """Return the columns that say something as features, as for a shop's items.

        Raises
        ------
        InputError
            If none does.
        """
        blocks = ColumnBlocks.of(self.columns)(self.columns)
        if not blocks:
            raise InputError(
                "no column of the users says anything: each is empty, all of one value, or text "
                f"that is another for nearly everybody (there are: {', '.join(self.columns)})"
            )
        return UserFeatures(Ids(self.ids), blocks)


def read_users(path: str | Path, id_column: str | None = None) -> UserTable:
    """Read a table of users: CSV, JSON Lines, Parquet, or MovieLens' ``u.user``, ``users.dat``.

    A bad row is refused with its number and the reason; the rest is read.

    Parameters
    ----------
    path : str or Path
    id_column : str, optional
        Guessed where not given.

    Raises
    ------
    SourceError
        If the file is missing, of an unknown kind, has no such column, or no good row.
    """
    source = Path(path)
    if not source.is_file():
        raise SourceError(f"{source}: there is no such file")
    suffix = source.suffix.lower()
    if suffix not in MOVIELENS and not table_suffix(source):
        known = ", ".join([*FORMATS, *MOVIELENS])
        raise SourceError(f"{source}: unknown kind of file; known: {known}")
    rows = _movielens(source, *MOVIELENS[suffix]) if suffix in MOVIELENS else read_rows(source)
    codes = CODES if suffix in MOVIELENS else ()
    names = rows.table.column_names
    if id_column is not None and id_column not in names:
        raise SourceError(f"{source}: no column {id_column!r}; there are: {', '.join(names)}")
    found = id_column or guess(USER_IDS, names)
    if found is None:
        raise SourceError(
            f"{source}: no column looks like the user (there are: {', '.join(names)}); name it"
        )
    columns: dict[str, list[Value]] = {}
    for name in names:
        wanted: AttributeType | None = "text" if name in codes else None
        column = typed(rows.table[name], wanted, name in rows.texts)
        if name != found and column is not None and column.kind != "date":
            columns[name] = column.values.to_pylist()
    ids = as_text(rows.table[found]).to_pylist()
    rejected = list(rows.rejected)
    kept: dict[str, int] = {}
    for row, (user, number) in enumerate(zip(ids, rows.numbers.tolist(), strict=True)):
        reason = _what_is_wrong(user, {name: values[row] for name, values in columns.items()})
        if user in kept:
            reason = f"the user {user!r:.40} is there already"
        if reason is None:
            kept[user] = row
        else:
            rejected.append(Rejection(str(source), number, None, None, reason))
    if not kept:
        first = f"; first: {rejected[0]}" if rejected else ""
        raise SourceError(f"{source}: there is no user in it{first}")
    columns = {name: [values[row] for row in kept.values()] for name, values in columns.items()}
    return UserTable(list(kept), columns, rejected)


def _what_is_wrong(user: str | None, facts: Mapping[str, Value]) -> str | None:
    if user is None:
        return "the user is missing"
    if not can_be_stored(user):
        return f"the user {user!r:.40} holds a zero byte or half a character"
    for name, value in facts.items():
        if isinstance(value, str) and (len(value) > MAX_TEXT or not can_be_stored(value)):
            return (
                f"{name!r:.40} has over {MAX_TEXT:,} characters, or a zero byte or half a character"
            )
    return None


def _movielens(path: Path, separator: str, names: Sequence[str]) -> Rows:
    rows: list[list[str]] = []
    numbers: list[int] = []
    rejected: list[Rejection] = []
    for number, line in enumerate(path.read_text(encoding="latin-1").splitlines(), start=1):
        fields = line.strip().split(separator)
        if len(fields) == len(names):
            rows.append(fields)
            numbers.append(number)
        elif line.strip():
            reason = f"{len(fields)} fields where there should be {len(names)}"
            rejected.append(Rejection(str(path), number, None, None, reason))
    cells = zip(*rows, strict=True) if rows else [[] for _ in names]
    table = pa.table({n: pa.array(c, pa.large_string()) for n, c in zip(names, cells, strict=True)})
    return Rows(table, np.array(numbers, np.int64), rejected)
