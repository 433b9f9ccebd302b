"""The commands that write a shop's content to files for other systems."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vitrine.cli import console
from vitrine.cli.app import app
from vitrine.cli.options import Json, ShopPath, Where
from vitrine.shop import Shop


@app.command()
def neighbours(
    shop: ShopPath,
    output: Annotated[
        Path, typer.Option("-o", "--output", help="The Parquet file to write.")
    ] = Path("neighbours.parquet"),
    k: Annotated[int, typer.Option("-k", min=1, help="How many of each item.")] = 20,
    where: Where = None,
    as_json: Json = False,
) -> None:
    """Write the most similar items of every item to a Parquet file; goes on where it broke off."""
    with Shop.open(shop) as opened:
        made = opened.write_neighbours(output, k, where)
    facts = {"path": str(made.path), "items": made.items, "rows": made.rows}
    if as_json:
        console.print_json({**facts, "resumed": made.resumed})
        return
    done = f" ({made.resumed:,} of them done before)" if made.resumed else ""
    console.say(f"{made.path}: {made.rows:,} neighbours of {made.items:,} items{done}")
