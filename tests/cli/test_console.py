import io

from rich.console import Console

from vitrine.cli import console
from vitrine.progress import listen, task, track


def test_plain_lines_where_there_is_no_terminal(monkeypatch):
    written = io.StringIO()
    clock = iter([0.0, 1.0, 3.0, 3.0, 4.0, 14.0, 14.0, 15.0, 15.0, 15.0, 15.0])
    monkeypatch.setattr(console.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(console, "err", Console(file=written))
    with listen(console.Lines()), task("importing", 4) as work:
        for _ in range(4):
            work.advance(note="1 refused")
    lines = written.getvalue().splitlines()
    assert lines[0] == "importing: 2 of 4, 1 refused (3 s)"
    assert lines[1] == "importing: 4 of 4, 1 refused (14 s)"
    assert lines[-1].startswith("importing: done")
    assert len(lines) == 3


def test_short_work_prints_nothing(monkeypatch):
    written = io.StringIO()
    monkeypatch.setattr(console, "err", Console(file=written))
    with listen(console.Lines()):
        assert list(track(range(3), "counting")) == [0, 1, 2]
    assert written.getvalue() == ""


def test_bars_nest_and_go_when_the_work_is_done(monkeypatch):
    written = io.StringIO()
    terminal = Console(file=written, force_terminal=True, width=100)
    monkeypatch.setattr(console, "err", terminal)
    assert isinstance(console.listener(), console.Bars)
    bars = console.Bars()
    with listen(bars), task("outer", 2) as outer:
        with task("inner") as inner:
            inner.advance(note="warm")
        outer.advance()
    assert "outer" in written.getvalue()
    assert bars._progress is None


def test_a_catalogues_numbers_are_written_as_they_are_there(capsys):
    values = [console.Written.of(value) for value in (1998, 19.5, True, "red", None)]
    console.print_table(["a", "b", "c", "d", "e"], [values])
    assert capsys.readouterr().out.splitlines()[1].split() == ["1998", "19.5", "true", "red"]
