"""The commands; each parses, calls the library once, and prints."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from vitrine import __version__
from vitrine.catalogue import AttributeType, Catalogue
from vitrine.cli import console
from vitrine.cli.figures import print_comparison, print_evaluation
from vitrine.encoders import encoder_names, make_encoder, parse_options
from vitrine.encoders.base import Encoder
from vitrine.errors import OptionError
from vitrine.evaluation import compare as compare_encoders
from vitrine.evaluation import train_test_split_catalogue
from vitrine.shop import ImportResult, Shop

app = typer.Typer(
    help="A catalogue of product pictures goes in; similar items and honest figures come out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

ShopPath = Annotated[Path, typer.Argument(metavar="SHOP", help="The shop's directory.")]
Source = Annotated[
    str,
    typer.Argument(
        metavar="SOURCE",
        help="A folder of pictures, a folder of class folders, a CSV, Parquet or JSON Lines "
        "table, a folder of IDX files, or a known data set (fashion-mnist, fashion-mnist:test).",
    ),
]
PicturesDir = Annotated[
    Path | None,
    typer.Option("--pictures", metavar="DIR", help="Where a table's picture paths start."),
]
IdColumn = Annotated[
    str | None, typer.Option(metavar="COLUMN", help="The table's id column, if not guessed.")
]
PictureColumns = Annotated[
    list[str] | None,
    typer.Option(
        "--picture-column", metavar="COLUMN", help="A picture column, if not guessed; repeatable."
    ),
]
Label = Annotated[
    str | None,
    typer.Option(metavar="COLUMN", help="The attribute that says which items belong together."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
Seed = Annotated[int, typer.Option(help="Seed of everything random.")]
EncoderName = Annotated[
    str, typer.Option("--encoder", metavar="NAME", help=f"One of: {', '.join(encoder_names())}.")
]
EncoderOptions = Annotated[
    list[str] | None,
    typer.Option("--encoder-option", metavar="K=V", help="An option of the encoder; repeatable."),
]
Where = Annotated[
    list[str] | None,
    typer.Option(
        metavar="EXPR", help='Only items like this: "category=shoes and price<50"; repeatable.'
    ),
]


@app.callback(invoke_without_command=True)
def options(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks and logs.")] = False,
) -> None:
    """Take what stands before a command."""
    if version:
        console.say(__version__)
        raise typer.Exit


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
    as_json: Json = False,
) -> None:
    """Make a shop of a catalogue: fit the encoder, encode every picture, store."""
    catalogue = _read(source, pictures, id_column, picture_column)
    chosen = _encoder(encoder, encoder_option, seed)
    label = _label(catalogue, label)
    with Shop.create(
        shop, catalogue, chosen, label=label, random_state=seed, thumbnails=thumbnails
    ) as made:
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
    as_json: Json = False,
) -> None:
    """Add a catalogue's items; those whose id is there are replaced."""
    with Shop.open(shop) as opened:
        catalogue = _read(source, pictures, id_column, picture_column, opened.schema)
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
    as_json: Json = False,
) -> None:
    """List the items most similar to an item or a picture."""
    with Shop.open(shop) as opened:
        is_picture = query not in opened and Path(query).is_file()
        hits = opened.similar(Path(query) if is_picture else query, k, where)
        names = list(opened.schema)
    if as_json:
        console.print_json([asdict(hit) for hit in hits])
        return
    console.print_table(
        ["id", "distance", "similarity", *names],
        [
            (hit.id, hit.distance, hit.similarity, *[hit.attributes.get(name) for name in names])
            for hit in hits
        ],
    )
    if not hits:
        console.say("no item is allowed by the filter")


@app.command()
def evaluate(
    shop: ShopPath,
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="SOURCE", help="Ask about these items; by default about the shop's own."
        ),
    ] = None,
    label: Label = None,
    k: Annotated[int, typer.Option("-k", min=1, help="How deep the lists are.")] = 10,
    seed: Seed = 0,
    pictures: PicturesDir = None,
    as_json: Json = False,
) -> None:
    """Measure how often similar items are of the same category, beside three baselines."""
    with Shop.open(shop) as opened:
        catalogue = None if source is None else _read(source, pictures)
        evaluation = opened.evaluate(catalogue, label, k, seed)
        kind = opened.encoder.kind
    if as_json:
        console.print_json(evaluation.to_dict())
    else:
        print_evaluation(evaluation, kind)


@app.command()
def compare(
    source: Source,
    encoders: Annotated[
        str,
        typer.Option(
            metavar="NAME,NAME,...", help="Each NAME or NAME:option=value, such as pixels:mirror=no"
        ),
    ],
    label: Label = None,
    k: Annotated[int, typer.Option("-k", min=1, help="Depth of precision and mAP.")] = 10,
    seed: Seed = 0,
    pictures: PicturesDir = None,
    as_json: Json = False,
) -> None:
    """Fit encoders on the training part and measure them on the test part, one row each."""
    chosen = {name: _encoder(*_name_and_options(name), seed) for name in encoders.split(",")}
    catalogue = _read(source, pictures)
    label = _label(catalogue, label)
    if label is None:
        raise OptionError("--label is needed: name the column that says what belongs together")
    split = train_test_split_catalogue(catalogue, label, random_state=seed)
    train, test = split.train.readable(cover=1), split.test.readable(cover=1)
    rows = compare_encoders(
        train.pictures(), train.values(label), test.pictures(), test.values(label), chosen,
        k=k, random_state=seed,
    )  # fmt: skip
    refused = len(catalogue.rejected) + len(train.rejected) + len(test.rejected)
    notes = [split.how, *split.notes, *([f"{refused:,} pictures refused"] if refused else [])]
    if as_json:
        console.print_json([row.to_dict() for row in rows])
    else:
        print_comparison(rows, notes)
    if all(row.error is not None for row in rows):
        raise typer.Exit(1)


@app.command()
def report(
    shop: ShopPath,
    output: Annotated[Path, typer.Option("-o", "--output", help="The file to write.")] = Path(
        "report.html"
    ),
    label: Label = None,
    k: Annotated[int, typer.Option("-k", min=1, help="How deep the lists are.")] = 10,
    seed: Seed = 0,
) -> None:
    """Write one HTML file to look at: figures, a map, neighbours, confusions."""
    from vitrine.report import write_report  # Plotly takes its time to import

    with Shop.open(shop) as opened:
        write_report(opened, output, label=label, k=k, random_state=seed)
    console.say(f"{output}: {output.stat().st_size / 1e6:,.1f} MB; open it in a browser")


def _name_and_options(text: str) -> tuple[str, list[str]]:
    """Split NAME:option=value:option=value; names and values may hold colons themselves."""
    name, *rest = re.split(r":(?=\w+=)", text.strip())
    return name, rest


def _read(
    source: str,
    pictures: Path | None = None,
    id_column: str | None = None,
    picture_columns: list[str] | None = None,
    schema: Mapping[str, AttributeType] | None = None,
) -> Catalogue:
    return Catalogue.read(
        source,
        pictures=pictures,
        id_column=id_column,
        picture_columns=picture_columns,
        schema=schema,
    )


def _encoder(name: str, options: list[str] | None, seed: int) -> Encoder:
    chosen = parse_options(name, options or [])
    known = make_encoder(name).get_params(deep=False)
    if "random_state" in known:
        chosen.setdefault("random_state", seed)
    return make_encoder(name, **chosen)


def _label(catalogue: Catalogue, label: str | None) -> str | None:
    if label is None:
        return "category" if "category" in catalogue.schema else None
    if label not in catalogue.schema:
        there = ", ".join(catalogue.schema) or "none"
        raise OptionError(f"--label {label}: there is no such column (there are: {there})")
    return label


def _print_import(shop: Shop, result: ImportResult, as_json: bool) -> None:
    facts: dict[str, Any] = {
        "shop": str(shop.path),
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
    console.say(f"{shop.path}: {len(shop):,} items ({counts})")
    if result.rejected:
        reasons = {rejection.reason for rejection in result.rejected}
        console.say(
            f"{len(result.rejected):,} refused, listed with their reasons in "
            f"{shop.rejected_path} (for example: {sorted(reasons)[0]})"
        )
