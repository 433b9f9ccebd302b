"""The application that every command registers itself with."""

from __future__ import annotations

from typing import Annotated

import typer

from vitrine import __version__
from vitrine.cli import console

app = typer.Typer(
    help="A catalogue of product pictures goes in; similar items and honest figures come out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback(invoke_without_command=True)
def options(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks and logs.")] = False,
) -> None:
    """Take what stands before a command."""
    if version:
        console.say(__version__)
        raise typer.Exit
