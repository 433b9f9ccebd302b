"""The command line: one thin function a command."""

from vitrine.cli.main import main

__all__ = ["main"]
