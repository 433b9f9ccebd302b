"""The commands that make a shop, change it and ask it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from vitrine.cli import console
from vitrine.cli.app import app
from vitrine.cli.choosing import AUTO, choose_encoder
from vitrine.cli.options import (
    AllowUrls,
    EncoderName,
    EncoderOptions,
    IdColumn,
    Json,
    Label,
    LogDir,
    PictureColumns,
    PicturesDir,
    Seed,
    ShopPath,
    Source,
    Where,
    leave_to_fetch,
    read_catalogue,
    read_encoder,
    read_label,
)
from vitrine.encoders.histories import check_tensorboard, write_history
from vitrine.shop import ImportResult, Shop


@app.command()
def create(
    shop: ShopPath,
    source: Source,
    encoder: EncoderName = "looks",
    encoder_option: EncoderOptions = None,
    label: Label = None,
    seed: Seed = 0,
    pictures: PicturesDir = None,
    id_column: IdColumn = None,
    picture_column: PictureColumns = None,
    thumbnails: Annotated[bool, typer.Option(help="Keep a small picture with each item.")] = True,
    allow_urls: AllowUrls = False,
    log_dir: LogDir = None,
    as_json: Json = False,
) -> None:
    """Make a shop of a catalogue: fit the encoder, encode every picture, store."""
    if log_dir is not None:
        check_tensorboard()
    with leave_to_fetch(allow_urls) as fetching:
        catalogue = read_catalogue(source, pictures, id_column, picture_column, fetching=fetching)
        label = read_label(catalogue, label)
        if encoder == AUTO:
            chosen = choose_encoder(catalogue, label, encoder_option, seed)
        else:
            chosen = read_encoder(encoder, encoder_option, seed)
        with Shop.create(
            shop, catalogue, chosen, label=label, random_state=seed, thumbnails=thumbnails
        ) as made:
            if log_dir is not None:
                write_history(made.encoder, log_dir)
            _print_import(made, made.last_import, as_json)
    if not as_json:
        console.say(f"next: vitrine similar {shop} ID · vitrine report {shop} -o report.html")


@app.command()
def add(
    shop: ShopPath,
    source: Source,
    pictures: PicturesDir = None,
    id_column: IdColumn = None,
    picture_column: PictureColumns = None,
    allow_urls: AllowUrls = False,
    as_json: Json = False,
) -> None:
    """Add a catalogue's items; those whose id is there are replaced."""
    with Shop.open(shop) as opened, leave_to_fetch(allow_urls) as fetching:
        catalogue = read_catalogue(
            source, pictures, id_column, picture_column, opened.schema, fetching
        )
        _print_import(opened, opened.add(catalogue), as_json)


@app.command()
def remove(
    shop: ShopPath,
    item_ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Ids of items.")],
    as_json: Json = False,
) -> None:
    """Remove items by id."""
    with Shop.open(shop) as opened:
        removed = opened.remove(item_ids)
        result = {"removed": removed, "not_there": len(set(item_ids)) - removed}
    if as_json:
        console.print_json(result)
    else:
        console.say(f"{removed:,} removed, {result['not_there']:,} were not there")


@app.command()
def info(shop: ShopPath, as_json: Json = False) -> None:
    """Say what a shop is."""
    with Shop.open(shop) as opened:
        facts = asdict(opened.info())
    if as_json:
        console.print_json(facts)
        return
    facts["attributes"] = ", ".join(
        f"{name} ({kind})" for name, kind in facts["attributes"].items()
    )
    facts["bytes_on_disk"] = f"{facts['bytes_on_disk'] / 1e6:,.1f} MB"
    console.print_table(
        ["", ""], [(name.replace("_", " "), value) for name, value in facts.items()]
    )


@app.command()
def similar(
    shop: ShopPath,
    query: Annotated[
        str, typer.Argument(metavar="ITEM_ID|PICTURE", help="An item's id, or a picture file.")
    ],
    k: Annotated[int, typer.Option("-k", min=1, help="How many.")] = 6,
    where: Where = None,
    diversity: Annotated[
        float, typer.Option(min=0, max=1, help="0: the nearest; towards 1: more varied.")
    ] = 0.0,
    collapse: Annotated[
        bool, typer.Option("--collapse", help="Show items with nearly the same picture as one.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List the items most similar to an item or a picture."""
    with Shop.open(shop) as opened:
        is_picture = query not in opened and Path(query).is_file()
        asked = Path(query) if is_picture else query
        hits = opened.similar(asked, k, where, diversity=diversity, collapse=collapse)
        names = list(opened.schema)
    if as_json:
        console.print_json([asdict(hit) for hit in hits])
        return
    same = ["same picture"] if collapse else []
    console.print_table(
        ["id", "distance", "similarity", *names, *same],
        [
            (
                *(hit.id, hit.distance, hit.similarity),
                *[console.Written.of(hit.attributes.get(name)) for name in names],
                *[" ".join(hit.same) for _ in same],
            )
            for hit in hits
        ],
    )
    if not hits:
        console.say("no item is allowed by the filter")


def _print_import(shop: Shop, result: ImportResult, as_json: bool) -> None:
    facts: dict[str, Any] = {
        "shop": str(shop.place),
        "items": len(shop),
        "added": result.added,
        "updated": result.updated,
        "unchanged": result.unchanged,
        "rejected": len(result.rejected),
    }
    if as_json:
        console.print_json(facts)
        return
    counts = ", ".join(f"{facts[name]:,} {name}" for name in ("added", "updated", "unchanged"))
    console.say(f"{shop.place}: {len(shop):,} items ({counts})")
    if result.rejected:
        reasons = {rejection.reason for rejection in result.rejected}
        console.say_refused(len(result.rejected), shop.rejected_path, min(reasons))
