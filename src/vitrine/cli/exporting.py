"""The command that writes a shop's vectors for other programs."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from vitrine.cli import console
from vitrine.cli.app import app
from vitrine.cli.options import Json, ShopPath
from vitrine.shop import Shop


@app.command()
def export(
    shop: ShopPath,
    output: Annotated[
        Path, typer.Argument(metavar="OUT", help="The file: .parquet, .npz or .h5 (extra hdf5).")
    ],
    as_json: Json = False,
) -> None:
    """Write ids, vectors and attributes of all items to one file."""
    with Shop.open(shop) as opened:
        made = opened.export(output)
    if as_json:
        console.print_json(asdict(made))
        return
    attributes = f", attributes: {', '.join(made.attributes)}" if made.attributes else ""
    console.say(
        f"{made.path}: {made.items:,} items, {made.dimensions} dimensions{attributes} "
        f"({made.bytes / 1e6:,.1f} MB)"
    )
