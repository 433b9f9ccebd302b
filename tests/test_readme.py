"""The README runs: its Python, its commands, and the options that it names."""

import re
import shlex
from pathlib import Path

import pytest
from PIL import Image

from tests.pictures import COLOURS, make_picture
from vitrine.cli.main import run

GROUPS = ("ratings", "spark")
README = (Path(__file__).parents[1] / "README.md").read_text()


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """A folder as the README has it: ``photos/shoes/…``, ``photos/hats/…``, ``photos/bags/…``."""
    monkeypatch.chdir(tmp_path)
    for name, category in zip(("shoes", "hats", "bags"), COLOURS, strict=True):
        folder = tmp_path / "photos" / name
        folder.mkdir(parents=True)
        for seed in range(8):
            picture = Image.fromarray(make_picture(category, seed, (40, 40)))
            picture.save(folder / f"{name}-{seed}.jpg")
    Image.fromarray(make_picture("apple", 99, (40, 40))).save(tmp_path / "new.jpg")
    lines = [f"{name}-{i},photos/{name}/{name}-{i}.jpg,{10 * i}" for name in ("shoes", "hats")
             for i in range(8)]  # fmt: skip
    (tmp_path / "prices.csv").write_text("\n".join(["id,image,price", *lines]))


def test_the_python_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for block in blocks("python"):
        exec(compile(block, "README.md", "exec"), {})  # noqa: S102 - our own text
    printed = capsys.readouterr().out
    assert "5 bags" in printed
    assert re.search(r"8\d% have a nearest item of their category", printed)


def test_the_commands_run(photos, capsys):
    lines = [line for block in blocks("sh") for line in block.splitlines() if line]
    assert len(lines) > 5
    for line in lines:
        program, *arguments = shlex.split(line, comments=True)
        assert program == "vitrine", line
        assert run(arguments) == 0, line
    assert "shoes" in capsys.readouterr().out
    assert Path("report.html").stat().st_size > 1_000_000


def test_every_command_and_option_that_is_named_is_there(capsys):
    [usage] = blocks("text")
    named = {}
    for line in usage.splitlines():
        words = re.findall(r"[\w-]+", line)
        command = tuple(words[1:3]) if words[1] in GROUPS else (words[1],)
        named[command] = {word for word in words if word.startswith("-")}
    for command, options in named.items():
        assert run([*command, "--help"]) == 0
        shown = capsys.readouterr().out
        assert all(option in shown for option in options), command
    assert run(["--help"]) == 0
    commands = re.findall(
        r"^  ([\w-]+) ", capsys.readouterr().out.split("Commands:")[1], re.MULTILINE
    )
    assert set(commands) == {command[0] for command in named}
