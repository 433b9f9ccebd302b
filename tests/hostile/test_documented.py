"""What docs/security.md says: every test that it names is there."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
DOCUMENT = (TESTS.parent / "docs" / "security.md").read_text()


def test_every_test_that_is_named_is_there():
    named = set(re.findall(r"`([\w/]+\.py)::(\w+)`", DOCUMENT))
    assert len(named) > 30
    for file, name in named:
        assert f"def {name}(" in (TESTS / file).read_text(), f"{file}::{name}"


def test_every_file_of_hostile_tests_is_in_the_table():
    for path in (TESTS / "hostile").glob("test_*.py"):
        assert path == Path(__file__) or f"tests/hostile/{path.name}" in DOCUMENT, path.name


def test_every_command_is_one_that_can_be_run():
    for path in re.findall(r"`pytest (tests/[\w/]+(?:\.py)?)`", DOCUMENT):
        assert (TESTS.parent / path).exists(), path
    assert "fuzz:" in (TESTS.parent / "Makefile").read_text()
