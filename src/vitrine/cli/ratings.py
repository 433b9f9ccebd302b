"""The commands about ratings: adding and removing them, fitting a model, recommending."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, cast, get_args

import typer

from vitrine.catalogue.items import Value
from vitrine.cli import console
from vitrine.cli.app import app
from vitrine.cli.options import Json, Seed, ShopPath, Where
from vitrine.errors import OptionError
from vitrine.ratings import Columns, make_rating_model, rating_model_names, usual_model
from vitrine.ratings.interactions import Duplicates as DuplicatesRule
from vitrine.ratings.options import parse_model_options
from vitrine.shop import RatingsResult, Reason, Shop

ratings = typer.Typer(
    help="Who rated what: add it to a shop, fit a model on it, measure models.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(ratings, name="ratings")

RatingsFile = Annotated[
    Path,
    typer.Argument(
        metavar="RATINGS",
        help="CSV, Parquet or JSON Lines with columns for user, item and rating; MovieLens' u.data "
        "or ratings.dat; Amazon's review files. Text may be gzipped.",
    ),
]
UserId = Annotated[str, typer.Argument(metavar="USER", help="A user's id.")]
Implicit = Annotated[
    bool,
    typer.Option("--implicit", help="Purchases, clicks or plays: weights above 0, or none at all."),
]
Duplicates = Annotated[
    str | None,
    typer.Option(
        metavar="last|mean|sum",
        help="What several rows of one user and item become; by default the last rating, or the "
        "sum of implicit weights.",
    ),
]
UserColumn = Annotated[str | None, typer.Option(metavar="COLUMN", help="If not guessed.")]
ModelOptions = Annotated[
    list[str] | None,
    typer.Option("--option", metavar="K=V", help="An option of the model; repeatable."),
]


def read_duplicates(rule: str | None) -> DuplicatesRule | None:
    """Return the rule for several rows of one user and item."""
    if rule is None:
        return None
    if rule not in get_args(DuplicatesRule):
        raise OptionError(f"--duplicates {rule}: one of {', '.join(get_args(DuplicatesRule))}")
    return cast(DuplicatesRule, rule)


@ratings.command("add")
def add_ratings(
    shop: ShopPath,
    file: RatingsFile,
    implicit: Implicit = False,
    duplicates: Duplicates = None,
    user_column: UserColumn = None,
    item_column: UserColumn = None,
    rating_column: UserColumn = None,
    time_column: UserColumn = None,
    as_json: Json = False,
) -> None:
    """Add ratings or purchases; a pair of user and item that is there gets the new rating."""
    columns = Columns(user_column, item_column, rating_column, time_column)
    with Shop.open(shop) as opened:
        result = opened.ratings.add(
            file,
            columns=columns,
            feedback="implicit" if implicit else None,
            duplicates=read_duplicates(duplicates),
        )
        _print_result(opened, result, as_json)
        if not as_json and opened.ratings.info().model is None:
            console.say(f"next: vitrine ratings fit {shop} · vitrine recommend {shop} USER")


@ratings.command("users")
def describe_users(
    shop: ShopPath,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="USERS",
            help="CSV, Parquet or JSON Lines with a column of users' ids and others for what is "
            "known of them, such as age, country or segment; MovieLens' u.user or users.dat.",
        ),
    ],
    id_column: UserColumn = None,
    as_json: Json = False,
) -> None:
    """Add what is known of users besides ratings; it replaces what was known of them."""
    with Shop.open(shop) as opened:
        result = opened.ratings.describe(file, id_column=id_column)
        info, rejected_path = opened.ratings.info(), opened.ratings.rejected_users_path
    if as_json:
        console.print_json(
            {
                "users_described": info.users_described,
                "added": result.added,
                "updated": result.updated,
                "unchanged": result.unchanged,
                "rejected": len(result.rejected),
            }
        )
        return
    console.say(
        f"{shop}: something is known of {info.users_described:,} users ({result.added:,} added, "
        f"{result.updated:,} updated, {result.unchanged:,} unchanged)"
    )
    if result.rejected:
        console.say_refused(len(result.rejected), rejected_path, result.rejected[0].reason)
    if info.ratings:
        console.say(f"next: vitrine ratings fit {shop} --model rank-stack, which learns from it")
    else:
        console.say(f"next: vitrine ratings add {shop} RATINGS")


@ratings.command("remove")
def remove_ratings(
    shop: ShopPath,
    user: UserId,
    item_ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Ids of items.")],
    as_json: Json = False,
) -> None:
    """Remove a user's ratings of some items."""
    with Shop.open(shop) as opened:
        removed = opened.ratings.remove(user, item_ids)
    result = {"removed": removed, "not_there": len(set(item_ids)) - removed}
    if as_json:
        console.print_json(result)
    else:
        console.say(f"{removed:,} removed, {result['not_there']:,} were not there")


@ratings.command()
def forget(shop: ShopPath, user: UserId, as_json: Json = False) -> None:
    """Remove everything about a user, the id included, and overwrite it on the disk."""
    with Shop.open(shop) as opened:
        removed = opened.ratings.forget(user)
        fitted = opened.ratings.info().model
    if as_json:
        console.print_json({"removed": removed})
        return
    console.say(f"{removed:,} ratings removed; nothing leads to {user} any more")
    if fitted and removed:
        console.say(
            "the fitted model holds what it learned from them under a number that stands for "
            f"nobody; to be rid of that too: vitrine ratings fit {shop} --model {fitted}"
        )


@ratings.command()
def fit(
    shop: ShopPath,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help=f"One of: {', '.join(rating_model_names())}. By default "
            f"{usual_model(True)} where at least half of the ratings have a time, else "
            f"{usual_model(False)}.",
        ),
    ] = None,
    option: ModelOptions = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Fit a model on all ratings, and on vectors and attributes where it takes them."""
    if option and model is None:
        raise OptionError("options belong to a model: say which with --model NAME")
    chosen = parse_model_options(model, option or []) if model else {}
    if model is None or "random_state" in make_rating_model(model).get_params(deep=False):
        chosen.setdefault("random_state", seed)
    with Shop.open(shop) as opened:
        opened.ratings.fit(model, **chosen)
        facts = opened.ratings.info()
    if as_json:
        console.print_json(asdict(facts))
        return
    console.say(
        f"{facts.model} fitted on {facts.ratings:,} ratings of {facts.items:,} items by "
        f"{facts.users:,} users"
    )
    console.say(f"next: vitrine recommend {shop} USER")


@ratings.command("info")
def ratings_info(shop: ShopPath, as_json: Json = False) -> None:
    """Say what the ratings are, and which model was fitted on them."""
    with Shop.open(shop) as opened:
        facts = asdict(opened.ratings.info())
    if as_json:
        console.print_json(facts)
        return
    options = facts["model_options"].items()
    facts["model_options"] = ", ".join(f"{name}={value}" for name, value in options)
    for name in ("first", "last"):
        facts[name] = _date(facts[name])
    rows = [(name.replace("_", " "), value) for name, value in facts.items()]
    console.print_table(["", ""], rows)


@app.command()
def recommend(
    shop: ShopPath,
    user: UserId,
    k: Annotated[int, typer.Option("-k", min=1, help="How many.")] = 10,
    where: Where = None,
    seen: Annotated[bool, typer.Option("--seen", help="Also items that the user rated.")] = False,
    as_json: Json = False,
) -> None:
    """Recommend items to a user, each with its reasons; popular ones to a stranger."""
    with Shop.open(shop) as opened:
        found = opened.recommend(user, k, where, exclude_seen=not seen)
        fitted = opened.ratings.info().model
        names = [name for name, kind in opened.schema.items() if kind == "text"][:2]
        rated = {row.id: row.attributes for row in opened.ratings.history(user)}
    if as_json:
        console.print_json(asdict(found))
        return
    if not found.known:
        why = f"there is no rating by {user} to go by"
        if rated:
            why = f"the model knows nothing of what {user} rated; fit it again"
        if fitted is None:
            why = f"no model is fitted yet: vitrine ratings fit {shop}"
        which = "the most popular items" if found.model == "popularity" else "what is chosen now"
        if found.described:
            which = f"what people like {user} choose"
        console.say(f"{which}, for {why}")
    console.print_table(
        ["id", *names, "score", "because"],
        [
            (
                pick.id,
                *[console.Written.of(pick.attributes.get(name)) for name in names],
                pick.score,
                _because(pick.reasons, rated, names[:1]),
            )
            for pick in found.picks
        ],
    )
    if not found.picks:
        console.say("no item is left that may be recommended")


def _because(
    reasons: Sequence[Reason],
    rated: Mapping[str, Mapping[str, Value] | None],
    names: Sequence[str],
) -> str:
    """Return reasons in words, items called by their first text attribute where they have one."""
    said = []
    for place, reason in enumerate(reasons):
        attributes = rated.get(reason.item_id or "") or {}
        title = next((str(attributes[name]) for name in names if name in attributes), None)
        words = reason.text(title)
        again = place > 0 and reasons[place - 1].kind == reason.kind
        said.append(words.removeprefix(f"{reason.verb} ") if again else words)
    return ", ".join(said)


def _print_result(shop: Shop, result: RatingsResult, as_json: bool) -> None:
    info = shop.ratings.info()
    facts = {
        "shop": str(shop.place),
        "ratings": info.ratings,
        "added": result.added,
        "updated": result.updated,
        "unchanged": result.unchanged,
        "rejected": len(result.rejected),
        "items_outside_catalogue": info.items_outside_catalogue,
    }
    if as_json:
        console.print_json(facts)
        return
    console.say(
        f"{shop.place}: {info.ratings:,} ratings of {info.items:,} items by {info.users:,} users "
        f"({result.added:,} added, {result.updated:,} updated, {result.unchanged:,} unchanged)"
    )
    if info.items_outside_catalogue:
        console.say(
            f"{info.items_outside_catalogue:,} of these items are not in the catalogue: models "
            "learn from them, nobody gets them recommended"
        )
    if result.rejected:
        path = shop.ratings.rejected_path
        console.say_refused(len(result.rejected), path, result.rejected[0].reason)


def _date(seconds: int | None) -> str | None:
    """Return a time as a date; as it is where it is no time of day people live in."""
    if seconds is None:
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")
    except (ValueError, OverflowError, OSError):
        return str(seconds)
