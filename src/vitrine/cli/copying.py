"""The command that moves a shop between folders and databases."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from vitrine.cli import console
from vitrine.cli.app import app
from vitrine.cli.options import Json, ShopPath, read_place
from vitrine.store import Place
from vitrine.store.moving import copy_shop


@app.command()
def copy(
    shop: ShopPath,
    to: Annotated[
        Place,
        typer.Argument(
            metavar="TO",
            parser=read_place,
            help="A new directory, or postgresql://USER@HOST/DATABASE; ?schema=NAME for several.",
        ),
    ],
    as_json: Json = False,
) -> None:
    """Copy a shop to a directory or a PostgreSQL database, and compare every row."""
    moved = copy_shop(shop, to)
    if as_json:
        console.print_json({"shop": str(shop), "to": str(to), **asdict(moved)})
        return
    kept = f"; {moved.files:,} kept pictures with them" if moved.files else ""
    rows = sum(moved.rows.values())
    console.say(f"{to}: {rows:,} rows copied from {shop} and compared, all the same{kept}")
    console.say(f"next: vitrine check {to}")
