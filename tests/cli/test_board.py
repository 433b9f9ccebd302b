import io

from rich.console import Console

from vitrine.cli import console
from vitrine.cli.board import Board, board, say_row
from vitrine.evaluation import Row


def test_the_board_shows_rows_and_what_is_being_done():
    shown = Board(10)
    shown.add(Row("hog", 10, error="it broke"))
    with shown.task("training", 20) as task:
        task.advance(3, "loss 0.5")
        text = io.StringIO()
        Console(file=text, width=140).print(shown.render())
    assert "hog" in text.getvalue()
    assert "failed" in text.getvalue()
    assert "training" in text.getvalue()
    assert "3/20" in text.getvalue()
    assert "loss 0.5" in text.getvalue()


def test_there_is_a_board_on_a_terminal_only(monkeypatch):
    with board(10) as shown:
        assert shown is None
    terminal = Console(file=io.StringIO(), force_terminal=True, width=120)
    monkeypatch.setattr(console, "err", terminal)
    with board(10) as shown:
        shown.add(Row("looks", 10, error="no"))
    assert "looks" in terminal.file.getvalue()


def test_elsewhere_a_row_is_a_line(capsys):
    say_row(Row("hog", 10, error="it broke"))
    assert capsys.readouterr().err == "hog: failed\n"
