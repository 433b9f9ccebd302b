"""The command that brings in vectors that were made elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vitrine.cli import console
from vitrine.cli.app import app
from vitrine.cli.options import Json, ShopPath
from vitrine.shop import Shop


@app.command("import-vectors")
def import_vectors(
    shop: ShopPath,
    source: Annotated[
        Path,
        typer.Argument(
            metavar="IN",
            help="A Parquet file or folder of spark embed --like SHOP, or of export.",
        ),
    ],
    pictures: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where its pictures lie; by default beside the table."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Add items with ready-made vectors of the shop's own encoder, all at once or none."""
    with Shop.open(shop) as opened:
        result = opened.import_vectors(source, pictures)
        facts = {
            "shop": str(opened.place),
            "items": len(opened),
            "added": result.added,
            "updated": result.updated,
            "rejected": len(result.rejected),
            "pictures_not_linked": result.unlinked,
            "change_number": result.change_number,
        }
        rejected_path = opened.rejected_path
    if as_json:
        console.print_json(facts)
        return
    console.say(
        f"{shop}: {facts['items']:,} items ({result.added:,} added, {result.updated:,} updated, "
        f"all with change number {result.change_number})"
    )
    if result.rejected:
        console.say_refused(len(result.rejected), rejected_path, result.rejected[0].reason)
    if result.unlinked:
        console.say(
            f"{result.unlinked:,} pictures are not linked (for example {result.why_unlinked}); "
            "their items are there without them"
        )
