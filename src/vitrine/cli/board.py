"""A comparison while it runs: the rows so far above the bars, or a line a row."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from vitrine.cli import console
from vitrine.cli.figures import comparison_columns, comparison_row
from vitrine.evaluation import Row
from vitrine.progress import Task, listen


class Board:
    """Shows the rows of a comparison as they come, and below them what is being done."""

    def __init__(self, k: int) -> None:
        self._k = k
        self._rows: list[Row] = []
        self._progress = console.new_progress()

    def add(self, row: Row) -> None:
        """Show one more row."""
        self._rows.append(row)

    @contextmanager
    def task(self, description: str, total: float | None) -> Iterator[Task]:
        """Show a bar for as long as the context is open."""
        bar = self._progress.add_task(description, total=total, note="")
        try:
            yield console.Bar(self._progress, bar)
        finally:
            self._progress.remove_task(bar)

    def render(self) -> RenderableType:
        """Return the table and the bars as they are now."""
        rows = [comparison_row(row) for row in self._rows]
        table = console.make_table(comparison_columns(self._k), rows)
        return Group(table, Text(), self._progress.get_renderable())


@contextmanager
def board(k: int) -> Iterator[Board | None]:
    """Show a board on a terminal for as long as the context is open; elsewhere there is none."""
    if not console.err.is_terminal:
        yield None
        return
    shown = Board(k)
    with (
        Live(get_renderable=shown.render, console=console.err, transient=True),
        listen(shown),
    ):
        yield shown


def say_row(row: Row) -> None:
    """Print a row in a line, where there is no terminal."""
    if row.result is None:
        console.complain(f"{row.encoder}: failed")
    else:
        rate = f"{row.result.same_category_rate.value:.1%}"
        console.complain(f"{row.encoder}: same@1 {rate}, fitted in {row.fit_seconds:.1f} s")
