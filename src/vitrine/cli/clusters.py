"""The command that groups a shop's items by looks."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from vitrine.cli import console
from vitrine.cli.app import app
from vitrine.cli.options import Json, Label, Seed, ShopPath
from vitrine.shop import Shop
from vitrine.shop.clusters import Clusters

MAX_CATEGORIES = 3


@app.command()
def clusters(
    shop: ShopPath,
    k: Annotated[
        int | None,
        typer.Option("-k", min=2, help="How many; by default chosen by the silhouette."),
    ] = None,
    label: Label = None,
    name: Annotated[
        str, typer.Option("--as", metavar="NAME", help="The attribute that holds the cluster.")
    ] = "cluster",
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Group a shop's items by looks; afterwards --where "cluster=3" means one group."""
    with Shop.open(shop) as opened:
        found = opened.cluster(k, label, name, seed)
    if as_json:
        console.print_json(asdict(found))
        return
    _print(found)
    console.say(f'next: vitrine similar {shop} {found.nearest[0][0]} --where "{name}=0"')


def _print(found: Clusters) -> None:
    columns = [found.name, "items", *([found.label] if found.label else []), "nearest the centre"]
    rows = []
    for code, (size, ids) in enumerate(zip(found.sizes, found.nearest, strict=True)):
        mostly = [_mostly(found.table[code], size)] if found.label else []
        rows.append([code, size, *mostly, " ".join(ids[:3])])
    console.print_table(columns, rows)
    if len(found.tried) > 1:
        tried = ", ".join(f"{k}: {value:.3f}" for k, value in found.tried.items())
        console.say(f"{found.k} clusters have the largest silhouette ({tried})")
    agreement = (
        "" if found.agreement is None
        else f"; adjusted Rand index with {found.label} {found.agreement:.3f}"
    )  # fmt: skip
    console.say(
        f"silhouette {found.silhouette:.3f}{agreement}; new items go where they are nearest"
    )


def _mostly(counts: dict[str, int], size: int) -> str:
    shown = [f"{name} {count / size:.0%}" for name, count in list(counts.items())[:MAX_CATEGORIES]]
    return ", ".join(shown) + (", …" if len(counts) > MAX_CATEGORIES else "")
