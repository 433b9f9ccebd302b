"""What a person at a terminal sees: progress bars, plain lines where there is none, tables."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from vitrine.progress import Listener, Task

PLAIN_WIDTH = 160  # of tables in files and pipes

out = Console(soft_wrap=True, highlight=False, width=None if sys.stdout.isatty() else PLAIN_WIDTH)
err = Console(stderr=True, soft_wrap=True, highlight=False)

_COMMANDS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""What a terminal obeys, or what turns the direction of writing, but tabs and new lines."""

QUIET_SECONDS = 2.0
LINE_SECONDS = 10.0


def listener() -> Listener:
    """Return bars for a terminal, plain lines for anything else."""
    return Bars() if err.is_terminal else Lines()


class Bars:
    """One bar a task, all in one live display that goes when the work is done."""

    def __init__(self) -> None:
        self._progress: Progress | None = None
        self._open = 0

    @contextmanager
    def task(self, description: str, total: float | None) -> Iterator[Task]:
        """Show a bar for as long as the context is open."""
        if self._progress is None:
            self._progress = new_progress()
            self._progress.start()
        self._open += 1
        bar = self._progress.add_task(harmless(description), total=total, note="")
        try:
            yield Bar(self._progress, bar)
        finally:
            self._progress.remove_task(bar)
            self._open -= 1
            if not self._open:
                self._progress.stop()
                self._progress = None


def new_progress() -> Progress:
    """Return bars that are gone when they are done, not shown yet."""
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", markup=False),
        console=err,
        transient=True,
    )


class Bar:
    """One piece of work as a bar."""

    def __init__(self, progress: Progress, bar: TaskID) -> None:
        self._progress, self._bar = progress, bar

    def advance(self, amount: float = 1.0, note: str = "") -> None:
        """Move the bar on, and say what stands behind it."""
        self._progress.update(self._bar, advance=amount, note=harmless(note))


class Lines:
    """A line now and then for work that takes long; nothing for what is over in two seconds."""

    @contextmanager
    def task(self, description: str, total: float | None) -> Iterator[Task]:
        """Print lines for as long as the context is open."""
        line = _Line(description, total)
        yield line
        line.finish()


class _Line:
    def __init__(self, description: str, total: float | None) -> None:
        self._description, self._total, self._done = description, total, 0.0
        self._start = self._said = time.monotonic()

    def advance(self, amount: float = 1.0, note: str = "") -> None:
        self._done += amount
        now = time.monotonic()
        if now - self._said > (QUIET_SECONDS if self._said == self._start else LINE_SECONDS):
            self._said = now
            of = f" of {self._total:,.0f}" if self._total else ""
            self._say(f"{self._done:,.0f}{of}" + (f", {note}" if note else ""))

    def finish(self) -> None:
        if time.monotonic() - self._start > QUIET_SECONDS:
            self._say("done")

    def _say(self, text: str) -> None:
        seconds = time.monotonic() - self._start
        complain(f"{self._description}: {text} ({seconds:.0f} s)")


def harmless(text: str) -> str:
    r"""Return text with what a terminal would obey written out: ``\\x1b[2J`` clears no screen.

    Ids, titles and names of files come from outside.
    """
    return _COMMANDS.sub(lambda found: ascii(found.group())[1:-1], text)


def say(text: str) -> None:
    """Print a line for people, without markup: text from outside is never interpreted."""
    out.print(Text(harmless(text)))


def say_refused(n_refused: int, path: Path, example: str) -> None:
    """Say how many rows were refused, where they are listed, and why one of them was."""
    say(f"{n_refused:,} refused, listed with their reasons in {path} (for example: {example})")


def complain(text: str) -> None:
    """Print a line to the error stream."""
    err.print(Text(harmless(text)))


def print_json(value: Any) -> None:
    """Print a value for machines; what is not a number becomes null, as JSON has no NaN."""
    text = json.dumps(_plain(value), indent=2, ensure_ascii=False, default=str)
    sys.stdout.write(_COMMANDS.sub(lambda found: f"\\u{ord(found.group()):04x}", text) + "\n")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, float) and value != value:
        return None
    return value


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], title: str | None = None
) -> None:
    """Print a table; numbers stand to the right."""
    out.print(make_table(columns, rows, title))


def make_table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], title: str | None = None
) -> Table:
    """Return a table to print; numbers stand to the right."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), title_justify="left")
    table.title = None if title is None else Text(harmless(title))
    cells = [[_cell(value) for value in row] for row in rows]
    for i, column in enumerate(columns):
        numeric = bool(cells) and all(row[i][1] for row in cells)
        table.add_column(
            Text(harmless(column)), justify="right" if numeric else "left", overflow="fold"
        )
    for row in cells:
        table.add_row(*[Text(harmless(text)) for text, _ in row])
    return table


@dataclass(frozen=True)
class Written:
    """A number of the catalogue's, as it is written there: 1998 is a year, 19.5 a price."""

    text: str

    @classmethod
    def of(cls, value: object) -> object:
        """Return a number so, and anything else as it is."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return value
        return cls(str(value) if isinstance(value, int) else f"{value:.10g}")


def _cell(value: object) -> tuple[str, bool]:
    if isinstance(value, Written):
        return value.text, True
    if value is None:
        return "", True
    if isinstance(value, bool):
        return str(value).lower(), False
    if isinstance(value, int):
        return f"{value:,}", True
    if isinstance(value, float):
        return f"{value:.3f}", True
    return str(value), False
