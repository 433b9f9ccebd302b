"""The commands that keep a shop safe: check, backup, restore."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from vitrine.cli import console
from vitrine.cli.app import app
from vitrine.cli.options import Json, ShopPath
from vitrine.shop.backup import backup as back_up
from vitrine.shop.backup import restore as put_back
from vitrine.shop.checking import check as look_through
from vitrine.shop.mending import mend as make_again

SHOWN = 20


@app.command()
def check(
    shop: ShopPath,
    mend: Annotated[
        bool, typer.Option("--mend", help="First make again what can be made from the rest.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Look a shop through and say how to mend what is wrong; exit code 1 if something is."""
    for done in make_again(shop) if mend else []:
        console.complain(done)
    result = look_through(shop)
    if as_json:
        console.print_json(asdict(result))
    else:
        for problem in result.problems[:SHOWN]:
            console.say(f"{problem.what}: {problem.mend}")
        if len(result.problems) > SHOWN:
            console.say(f"… and {len(result.problems) - SHOWN:,} more")
        verdict = f"{len(result.problems):,} faults" if result.problems else "no fault"
        gone = f", of {result.pictures_gone:,} the picture files are gone"
        console.say(
            f"{shop}: {verdict} in {result.items:,} items; {result.encoded_again:,} of a sample "
            f"encoded again{gone if result.pictures_gone else ''}"
        )
    if result.problems:
        raise typer.Exit(1)


@app.command()
def backup(
    shop: ShopPath,
    to: Annotated[Path, typer.Argument(metavar="COPY", help="A new directory.")],
) -> None:
    """Copy a shop that may be in use; the copy is a shop itself."""
    made = back_up(shop, to)
    console.say(f"{made}: a copy of {shop}; look it through with: vitrine check {made}")


@app.command()
def restore(
    copy: Annotated[Path, typer.Argument(metavar="COPY", help="What vitrine backup made.")],
    shop: ShopPath,
) -> None:
    """Put a backup where a shop is wanted; a shop that is there is never overwritten."""
    console.say(f"{put_back(copy, shop)}: restored from {copy}")
