"""The jobs that run over a cluster, on Spark (extra ``spark``)."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from vitrine.cli import console
from vitrine.cli.app import app
from vitrine.cli.options import (
    EncoderOptions,
    IdColumn,
    Json,
    PictureColumns,
    Seed,
    read_encoder,
    read_place,
)
from vitrine.errors import OptionError
from vitrine.shop import Shop
from vitrine.store import Place

spark = typer.Typer(
    help="The heavy jobs over a cluster, on Spark: embed, neighbours, als.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(spark, name="spark")

Master = Annotated[
    str | None,
    typer.Option(metavar="URL", help="local[4], spark://HOST:7077, yarn, …; by default local[*]."),
]
Conf = Annotated[
    list[str] | None,
    typer.Option("--conf", metavar="K=V", help="A setting of Spark, as it writes it; repeatable."),
]
Output = Annotated[
    str,
    typer.Option(
        "-o", "--output", metavar="OUT", help="The Parquet folder to write, by path or address."
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")]
ShopOption = typer.Option(metavar="SHOP", parser=read_place)


@spark.command()
def embed(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="A Parquet table of picture paths or bytes, on any file system that Spark reads; "
            "or any catalogue as for create, which is listed here and read by the executors.",
        ),
    ],
    output: Output,
    like: Annotated[
        Place | None,
        typer.Option(
            metavar="SHOP", parser=read_place, help="Use this shop's encoder; goes back into it."
        ),
    ] = None,
    encoder: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="onnx:PATH, pretrained:NAME or hub:OWNER/MODEL."),
    ] = None,
    encoder_option: EncoderOptions = None,
    pictures: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="Where picture paths start, by path or address."),
    ] = None,
    id_column: IdColumn = None,
    picture_column: PictureColumns = None,
    partitions: Annotated[
        int | None, typer.Option(min=1, help="Tasks; by default four a core, or more.")
    ] = None,
    overwrite: Overwrite = False,
    master: Master = None,
    conf: Conf = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Encode pictures over a cluster, with the encoder and the preprocessing of one machine."""
    from vitrine.spark import session
    from vitrine.spark.embedding import embed as run
    from vitrine.spark.sources import read_source

    files = _encoder_files(like, encoder, encoder_option, seed)
    with session(master, conf or []) as opened:
        table = read_source(
            opened, source, pictures=pictures, id_column=id_column, picture_columns=picture_column
        )
        made = run(opened, table, files, output, partitions=partitions, overwrite=overwrite)
    if as_json:
        console.print_json(asdict(made))
        return
    console.say(f"{made.path}: {made.items:,} vectors of {made.dimensions} dimensions")
    if made.refused:
        console.say(f"{made.refused:,} refused; the column reason says why")
    if like is not None:
        console.say(f"next: vitrine import-vectors {like} {output} --pictures DIR")


@spark.command()
def neighbours(
    source: Annotated[str, typer.Argument(metavar="IN", help="Parquet of spark embed or export.")],
    output: Output,
    k: Annotated[int, typer.Option("-k", min=1, help="How many of each item.")] = 20,
    buckets: Annotated[
        int, typer.Option(min=0, help="0: exact. Else cells to look in; about √n is usual.")
    ] = 0,
    probes: Annotated[
        int, typer.Option(min=1, help="How many of the nearest cells each item looks in.")
    ] = 8,
    distance: Annotated[
        str | None,
        typer.Option(metavar="cosine|euclidean", help="By default what the table says."),
    ] = None,
    overwrite: Overwrite = False,
    master: Master = None,
    conf: Conf = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Find the most similar items of every item over a cluster; columns as of neighbours."""
    from vitrine.spark import session
    from vitrine.spark.neighbours import neighbours as run
    from vitrine.spark.vectors import read_vectors

    with session(master, conf or []) as opened:
        vectors = read_vectors(opened, source, _distance(distance))
        made = run(
            opened,
            vectors,
            k,
            output,
            n_buckets=buckets,
            n_probes=probes,
            random_state=seed,
            overwrite=overwrite,
        )
    if as_json:
        console.print_json(asdict(made))
        return
    console.say(f"{made.path}: {made.rows:,} neighbours of {made.items:,} items")


@spark.command()
def als(
    shop: Annotated[Place, ShopOption],
    ratings: Annotated[
        str | None,
        typer.Argument(
            metavar="[RATINGS]",
            help="Added to the shop first: as for ratings add, or Parquet that Spark reads.",
        ),
    ] = None,
    implicit: Annotated[
        bool, typer.Option("--implicit", help="Purchases, clicks or plays instead of ratings.")
    ] = False,
    factors: Annotated[int, typer.Option(min=1, help="MLlib's rank.")] = 32,
    epochs: Annotated[int, typer.Option(min=1, help="MLlib's maxIter.")] = 10,
    regularization: Annotated[float, typer.Option(min=0, help="MLlib's regParam.")] = 0.1,
    alpha: Annotated[float, typer.Option(min=0, help="MLlib's alpha, for --implicit.")] = 1.0,
    master: Master = None,
    conf: Conf = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Fit MLlib's ALS on all ratings of a shop; recommend then goes by its factors."""
    from vitrine.spark import session
    from vitrine.spark.factorizing import make_als, ratings_file, temporary_folder

    with (
        Shop.open(shop) as opened,
        session(master, conf or []) as running,
        temporary_folder() as folder,
    ):
        if ratings is not None:
            file = ratings_file(running, ratings, Path(folder))
            added = opened.ratings.add(file, feedback="implicit" if implicit else None)
            _say_refused(opened, len(added.rejected), as_json)
        feedback = opened.ratings.info().feedback
        if implicit and feedback != "implicit":
            raise OptionError(f"--implicit: the shop's ratings are {feedback or 'none yet'}")
        model = make_als(
            running,
            implicit=feedback == "implicit",
            n_factors=factors,
            n_epochs=epochs,
            regularization=regularization,
            alpha=alpha,
            random_state=seed,
        )
        opened.ratings.fit(model)
        facts = opened.ratings.info()
    if as_json:
        console.print_json(asdict(facts))
        return
    console.say(
        f"{facts.model} fitted on {facts.ratings:,} ratings of {facts.items:,} items by "
        f"{facts.users:,} users"
    )
    console.say(f"next: vitrine recommend {shop} USER")


@spark.command()
def job() -> None:
    """Print the path of the file to give to spark-submit; its arguments are those after spark."""
    console.say(str(Path(__file__).with_name("spark_job.py")))


def _encoder_files(
    like: Place | None, name: str | None, options: list[str] | None, seed: int
) -> dict[str, bytes]:
    from vitrine.spark.encoders import ready_files

    if name is not None and like is None:
        return ready_files(read_encoder(name, options, seed))
    if like is None or name is not None:
        raise OptionError(
            "say which encoder: --like SHOP for a shop's own, or --encoder onnx:PATH (or "
            "pretrained:NAME, hub:OWNER/MODEL); not both"
        )
    if options:
        raise OptionError("--encoder-option needs --encoder: a shop's encoder has its options")
    with Shop.open(like) as opened:
        return opened.encoder_files()


def _distance(name: str | None) -> Any:
    if name not in (None, "cosine", "euclidean"):
        raise OptionError(f"--distance {name}: cosine or euclidean")
    return name


def _say_refused(shop: Shop, refused: int, as_json: bool) -> None:
    if refused and not as_json:
        console.say(
            f"{refused:,} ratings refused, listed with their reasons in "
            f"{shop.ratings.rejected_path}"
        )
