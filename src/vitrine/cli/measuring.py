"""The commands that measure: a shop, or encoders beside each other."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Annotated

import typer

from vitrine.catalogue import Catalogue
from vitrine.cli import console
from vitrine.cli.app import app
from vitrine.cli.board import board, say_row
from vitrine.cli.figures import print_comparison, print_evaluation, print_folds
from vitrine.cli.options import (
    BudgetMinutes,
    Json,
    Label,
    LogDir,
    PicturesDir,
    Seed,
    ShopPath,
    Source,
    read_catalogue,
    read_label,
)
from vitrine.encoders.histories import check_tensorboard, history_of, write_history
from vitrine.errors import OptionError
from vitrine.evaluation import (
    Candidates,
    cross_validate,
    read_candidates,
    train_test_split_catalogue,
)
from vitrine.evaluation import compare as compare_encoders
from vitrine.shop import Shop


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
        catalogue = None if source is None else read_catalogue(source, pictures)
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
            metavar="all|NAME,NAME,...",
            help="Each NAME or NAME:option=value, such as pixels:mirror=no; all: every one that "
            "can run here.",
        ),
    ] = "all",
    label: Label = None,
    k: Annotated[int, typer.Option("-k", min=1, help="Depth of precision and mAP.")] = 10,
    budget_minutes: BudgetMinutes = None,
    folds: Annotated[
        int | None,
        typer.Option(
            min=2,
            metavar="N",
            help="Cross-validate on the training part instead: mean and spread of N folds.",
        ),
    ] = None,
    log_dir: LogDir = None,
    seed: Seed = 0,
    pictures: PicturesDir = None,
    as_json: Json = False,
) -> None:
    """Fit encoders on the training part and measure them on the test part, one row each."""
    if log_dir is not None:
        check_tensorboard()
    chosen = read_candidates(encoders, random_state=seed)
    catalogue = read_catalogue(source, pictures)
    label = read_label(catalogue, label)
    if label is None:
        raise OptionError("--label is needed: name the column that says what belongs together")
    if folds is not None:
        _cross_validate(catalogue, label, chosen, folds, seed, as_json)
        return
    split = train_test_split_catalogue(catalogue, label, random_state=seed)
    train, test = split.train.readable(cover=1), split.test.readable(cover=1)
    with board(k) as shown:
        rows = compare_encoders(
            train.pictures(), train.values(label), test.pictures(), test.values(label),
            chosen.encoders, k=k, random_state=seed, budget_minutes=budget_minutes,
            on_row=say_row if shown is None else shown.add,
        )  # fmt: skip
    refused = len(catalogue.rejected) + len(train.rejected) + len(test.rejected)
    notes = [split.how, *split.notes, *([f"{refused:,} pictures refused"] if refused else [])]
    notes += [f"left out: {reason}" for reason in chosen.left_out]
    if log_dir is not None:
        for name, encoder in chosen.encoders.items():
            write_history(encoder, log_dir / re.sub(r"[^\w.-]+", "_", name))
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


@app.command()
def history(
    shop: ShopPath,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="A CSV file to write instead.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show how the training of a shop's encoder went, epoch by epoch."""
    with Shop.open(shop) as opened:
        noted, kind = history_of(opened.encoder), opened.encoder.kind
    rows = list(zip(*noted.values(), strict=True))
    if as_json:
        console.print_json(noted)
    elif not noted:
        console.say(f"{kind} is not trained in epochs, so there is no history")
    elif output is None:
        console.print_table(list(noted), [(int(epoch), *rest) for epoch, *rest in rows])
    else:
        with output.open("w", newline="") as file:
            csv.writer(file).writerows([list(noted), *rows])
        console.say(f"{output}: {len(rows)} epochs")


def _cross_validate(
    catalogue: Catalogue, label: str, chosen: Candidates, folds: int, seed: int, as_json: bool
) -> None:
    """Cross-validate on the training part where there is one: the test part is left alone."""
    if {"train", "test"} <= set(catalogue.parts) or {"train", "validation"} <= set(catalogue.parts):
        catalogue = catalogue.part("train")
    readable = catalogue.readable(cover=1)
    rows = cross_validate(readable, label, chosen.encoders, folds, seed)
    if as_json:
        console.print_json([row.to_dict() for row in rows])
    else:
        print_folds(rows, folds, len(readable))
    if all(row.error is not None for row in rows):
        raise typer.Exit(1)
