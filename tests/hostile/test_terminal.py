"""What comes from outside is written to a terminal, and does nothing there."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest
from rich.console import Console

from tests.catalogue.conftest import gradient
from tests.pictures import write_class_folders
from vitrine.catalogue import Catalogue, Rejection, write_rejected
from vitrine.cli import console
from vitrine.cli.main import run
from vitrine.encoders import make_encoder
from vitrine.progress import listen, task
from vitrine.shop import Shop

EVIL = [
    "\x1b[2J\x1b]0;title\x07", "\x9b31m", "\r\x08\x08over", "\u202egnp.exe", "\u2066x\u2069",
    "[bold]not[/bold]", "[/no]", "[link=file:///etc/passwd]x[/link]", "=1+1", "\x7f\x00",
]  # fmt: skip
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@pytest.fixture
def shop(tmp_path):
    """A shop whose items, titles and columns try to write to the terminal."""
    rows = [["id", "image", "category\x1b[1m", "[red]title"]]
    for number, text in enumerate(EVIL):
        gradient(20 + number, 20).save(tmp_path / f"{number}.png")
        rows.append([text.replace("\x00", ""), f"{number}.png", text, text])
    rows.append(["\x1b[31mgone", "\x1b[31mgone.png", "x", "x"])
    with open(tmp_path / "items.csv", "w", newline="") as file:
        csv.writer(file).writerows(rows)
    catalogue = Catalogue.read(tmp_path / "items.csv")
    Shop.create(tmp_path / "shop", catalogue, make_encoder("pixels")).close()
    return tmp_path / "shop"


@pytest.mark.parametrize(
    "arguments",
    [
        ["info"], ["similar", "=1+1", "-k", "20"], ["similar", "=1+1", "-k", "20", "--json"],
        ["similar", "\x1b[31mnobody"], ["info", "--json"], ["remove", "\x1b[2J"],
        ["similar", "=1+1", "--where", "\x1b[31m=3"],
    ],
)  # fmt: skip
def test_no_command_passes_on_what_a_terminal_obeys(shop, capsys, arguments):
    run([arguments[0], str(shop), *arguments[1:]])
    printed = capsys.readouterr()
    assert printed.out + printed.err
    assert not OBEYED.search(printed.out + printed.err)
    if "similar" in arguments and "-k" in arguments and "--json" not in arguments:
        for text in ("[bold]not[/bold]", "[/no]", r"\x1b[2J", r"\u202egnp.exe"):
            assert text in printed.out
    if "--json" in arguments:
        hits = json.loads(printed.out)
        assert arguments[0] == "info" or EVIL[0] in [hit["id"] for hit in hits]


def test_a_folders_name_does_nothing_on_the_way(tmp_path, capsys):
    folder = write_class_folders(tmp_path / "[/x]\x1b[31mphotos", 2)
    assert (
        run(["create", str(tmp_path / "[b]\x1b[2Jshop"), str(folder), "--encoder", "pixels"]) == 0
    )
    printed = capsys.readouterr()
    assert not OBEYED.search(printed.out + printed.err)
    assert r"[b]\x1b[2Jshop" in printed.out


def test_bars_do_not_read_names_as_markup(monkeypatch):
    written = io.StringIO()
    monkeypatch.setattr(console, "err", Console(file=written, force_terminal=True, width=100))
    with listen(console.Bars()), task("importing [/photos]\x07", 2) as work:
        work.advance(note="[/note]\x07")
    assert "[/photos]" in written.getvalue()
    assert "\x07" not in written.getvalue()


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_no_cell_of_a_refusal_is_a_formula(tmp_path, start):
    text = f"{start}cmd|' /C calc'!A0"
    write_rejected([Rejection(text, 1, text, text, text)], tmp_path / "rejected.csv")
    with open(tmp_path / "rejected.csv", newline="") as file:
        [_, row] = csv.reader(file)
    assert [cell[:2] for cell in row] == [f"'{start}", "1", f"'{start}", f"'{start}", f"'{start}"]
