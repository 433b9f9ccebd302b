"""The command that measures rating models beside each other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from vitrine.cli import console
from vitrine.cli.options import Json, Seed, read_place
from vitrine.cli.ratings import Duplicates, Implicit, ratings, read_duplicates
from vitrine.cli.ratings_figures import print_results
from vitrine.errors import OptionError, VitrineError
from vitrine.evaluation.ratings import (
    Protocol,
    RatingResult,
    RatingSplit,
    Search,
    compare_rating_models,
    make_splits,
)
from vitrine.ratings import (
    Ids,
    Interactions,
    ItemFeatures,
    RatingModel,
    make_rating_model,
    read_interactions,
    read_users,
)
from vitrine.ratings.interactions import Feedback
from vitrine.ratings.options import parse_model_options
from vitrine.shop import Shop
from vitrine.store import Place

DEFAULT_MODELS = (
    "popularity,trending,biases,item-knn,svd,svdpp,bayesian-svdpp,implicit-als,ease,trend-blend"
)
KNOWN_FILES = ("u.data", "ratings.dat", "ratings.csv", "ratings.parquet", "ratings.jsonl")


@dataclass(frozen=True)
class _Data:
    """Ratings, or the folder that folds lie in."""

    interactions: Interactions | None
    folder: Path | None
    n_refused: int


@ratings.command()
def compare(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="RATINGS", help="As for ratings add; for given folds the folder they lie in."
        ),
    ],
    models: Annotated[
        str,
        typer.Option(metavar="NAME,NAME,...", help="Each NAME or NAME:option=value:option=value."),
    ] = DEFAULT_MODELS,
    split: Annotated[
        str,
        typer.Option(
            metavar="KIND",
            help="folds:5, given:u1..u5, leave-last-out, global-time, cold-items, cold-users or "
            "share-of-each-user.",
        ),
    ] = "folds:5",
    top_n: Annotated[int, typer.Option(min=1, help="Length of the lists.")] = 20,
    implicit: Implicit = False,
    liked_from: Annotated[
        float | None,
        typer.Option(
            help="Least rating of an item that a list should hold; by default the mean rating. "
            "With --implicit: ratings below are left out, the others are likes."
        ),
    ] = None,
    users_with: Annotated[
        int, typer.Option(metavar="N", min=1, help="Only users with at least N ratings.")
    ] = 1,
    features: Annotated[
        Place | None,
        typer.Option(
            metavar="SHOP", parser=read_place, help="Items are described by this shop's catalogue."
        ),
    ] = None,
    users: Annotated[
        Path | None,
        typer.Option(
            metavar="USERS",
            help="What else is known of users: a table, as for ratings users.",
        ),
    ] = None,
    among_all: Annotated[
        bool,
        typer.Option("--among-all", help="Rank cold items among all items, not among themselves."),
    ] = False,
    search: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=2,
            help="Choose each model's parameters of N inside each training part.",
        ),
    ] = None,
    duplicates: Duplicates = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Fit rating models on a part of the ratings, ask them for the rest, one row each."""
    made = [_named_model(text, seed) for text in models.split(",")]
    data = _read(source, split, implicit, liked_from, users_with, duplicates)
    described = None if features is None else _described(features)
    people = None if users is None else read_users(users).features()
    splits = [
        replace(part, train=part.train.described_by(people))
        for part in _splits(data, split, described, seed)
    ]
    n_ratings = sum(len(part.test) for part in splits)
    relevant = None if implicit else liked_from
    if relevant is None and not implicit:
        relevant = float(np.mean([part.train.ratings.mean() for part in splits]))
    cold = split.startswith("cold-items") and not among_all
    protocol = Protocol(top_n, relevant, only_cold=cold)
    tuned = None if search is None else Search(search, split, seed)
    results, failures = _compare(dict(made), splits, protocol, described, tuned)
    notes = [
        f"{split}: {n_ratings:,} ratings asked for in {len(splits)} part(s); lists of {top_n} from "
        + ("items without ratings" if cold else "all items that the user had not rated"),
        "a list should hold "
        + ("what the user chose" if relevant is None else f"what got at least {relevant:.3g}"),
    ]
    if data.n_refused:
        notes.append(f"{data.n_refused:,} rows refused")
    if as_json:
        console.print_json([_row(result) for result in results])
    else:
        print_results(results, notes)
    for name, reason in failures.items():
        console.complain(f"{name} failed: {reason}")
    if not results:
        raise typer.Exit(1)


def _compare(
    models: dict[str, RatingModel],
    splits: list[RatingSplit],
    protocol: Protocol,
    described: ItemFeatures | None,
    search: Search | None,
) -> tuple[list[RatingResult], dict[str, str]]:
    """Evaluate one model after the other: what one cannot do does not stop the others."""
    results: list[RatingResult] = []
    failures: dict[str, str] = {}
    for name, model in models.items():
        try:
            results += compare_rating_models({name: model}, splits, protocol, described, search)
        except (VitrineError, MemoryError) as error:
            failures[name] = str(error) or "not enough memory"
    return results, failures


def _named_model(text: str, seed: int) -> tuple[str, RatingModel]:
    name, *options = text.strip().split(":")
    chosen = parse_model_options(name, options)
    model = make_rating_model(name)
    if "random_state" in model.get_params(deep=False):
        chosen.setdefault("random_state", seed)
    return text.strip(), model.set_params(**chosen)


def _read(
    source: Path,
    split: str,
    implicit: bool,
    liked_from: float | None,
    users_with: int,
    duplicates: str | None,
) -> _Data:
    if split.startswith("given"):
        if implicit or users_with > 1:
            raise OptionError("given folds are taken as they are: no --implicit, no --users-with")
        return _Data(None, source if source.is_dir() else source.parent, 0)
    file = source
    if source.is_dir():
        there = [source / name for name in KNOWN_FILES if (source / name).is_file()]
        if not there:
            raise OptionError(f"{source}: a folder without {', '.join(KNOWN_FILES)}; name a file")
        file = there[0]
    as_likes = implicit and liked_from is not None
    feedback: Feedback = "implicit" if implicit and not as_likes else "explicit"
    reading = read_interactions(file, feedback=feedback, duplicates=read_duplicates(duplicates))
    data = reading.interactions
    if as_likes and liked_from is not None:
        data = data.liked(liked_from)
    if users_with > 1:
        data = data.select(data.by_user.counts[data.user_codes] >= users_with)
    return _Data(_with_text_ids(data.compact()), None, len(reading.rejected))


def _with_text_ids(data: Interactions) -> Interactions:
    """Return the same with users and items called as a shop calls them."""
    users, items = (Ids([str(value) for value in ids.values]) for ids in (data.users, data.items))
    return replace(data, users=users, items=items)


def _described(shop: Place) -> ItemFeatures:
    with Shop.open(shop) as opened:
        return opened.ratings.item_features()


def _splits(
    data: _Data, split: str, described: ItemFeatures | None, seed: int
) -> list[RatingSplit]:
    among: NDArray[np.bool_] | None = None
    if described is not None and data.interactions is not None:
        among = described.items.codes(data.interactions.items.values) >= 0
    made = make_splits(split, data.interactions, folder=data.folder, random_state=seed, among=among)
    return list(made)


def _row(result: RatingResult) -> dict[str, Any]:
    row = result.row() | {"by_warmth": result.by_warmth()}
    return row | ({"options": list(result.options)} if result.options else {})
