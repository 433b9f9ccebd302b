"""The options that commands share, and how they are read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from vitrine.catalogue import AttributeType, Catalogue
from vitrine.catalogue.fetching import Fetching
from vitrine.encoders import encoder_names, make_encoder, parse_options
from vitrine.encoders.base import Encoder
from vitrine.errors import OptionError
from vitrine.store import Place, place_of


def read_place(text: str) -> Place:
    """Return where a shop is that a command names."""
    try:
        return place_of(text)
    except OptionError as error:  # the command line would show what was typed, a password too
        raise typer.BadParameter(str(error)) from None


ShopPath = Annotated[
    Place,
    typer.Argument(
        metavar="SHOP",
        parser=read_place,
        help="The shop's directory, or postgresql://USER@HOST/DATABASE.",
    ),
]
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
    str,
    typer.Option(
        "--encoder", metavar="NAME", help=f"auto, or one of: {', '.join(encoder_names())}."
    ),
]
EncoderOptions = Annotated[
    list[str] | None,
    typer.Option("--encoder-option", metavar="K=V", help="An option of the encoder; repeatable."),
]
BudgetMinutes = Annotated[
    float | None,
    typer.Option(
        metavar="M",
        min=0.0,
        help="Minutes of training for all encoders together; each keeps its best weights.",
    ),
]
LogDir = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Write training curves there: history.csv and TensorBoard events (extra tensorboard).",
    ),
]
AllowUrls = Annotated[
    bool,
    typer.Option(
        "--allow-urls",
        help="Fetch pictures that the table names by http(s) addresses, from the public internet "
        "alone, and keep them in the shop.",
    ),
]
Where = Annotated[
    list[str] | None,
    typer.Option(
        metavar="EXPR", help='Only items like this: "category=shoes and price<50"; repeatable.'
    ),
]


def read_catalogue(
    source: str,
    pictures: Path | None = None,
    id_column: str | None = None,
    picture_columns: list[str] | None = None,
    schema: Mapping[str, AttributeType] | None = None,
    fetching: Fetching | None = None,
) -> Catalogue:
    """Read the catalogue that a command names."""
    return Catalogue.read(
        source,
        pictures=pictures,
        id_column=id_column,
        picture_columns=picture_columns,
        schema=schema,
        fetching=fetching,
    )


@contextmanager
def leave_to_fetch(given: bool) -> Iterator[Fetching | None]:
    """Return the leave to fetch pictures, for as long as what is fetched lies in its folder."""
    if not given:
        yield None
        return
    with TemporaryDirectory(prefix="vitrine-fetched-") as folder:
        yield Fetching(folder)


def read_encoder(name: str, options: list[str] | None, seed: int) -> Encoder:
    """Make the encoder that a command names; the seed is its own unless an option says another."""
    chosen = parse_options(name, options or [])
    known = make_encoder(name).get_params(deep=False)
    if "random_state" in known:
        chosen.setdefault("random_state", seed)
    return make_encoder(name, **chosen)


def read_label(catalogue: Catalogue, label: str | None) -> str | None:
    """Find the category column: the one named, else one that is called ``category``."""
    if label is None:
        return "category" if "category" in catalogue.schema else None
    if label not in catalogue.schema:
        there = ", ".join(catalogue.schema) or "none"
        raise OptionError(f"--label {label}: there is no such column (there are: {there})")
    return label
