"""What is killed in the middle: each says what it was told is done, and what must be true then."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from tests.trust.made import (
    N_FIRST,
    N_ITEMS,
    RATERS,
    World,
    encoder_a,
    encoder_b,
    item_id,
)
from tests.trust.verdict import Verdict, look_at
from tests.trust.web import KEY
from vitrine.catalogue import Catalogue
from vitrine.errors import ShopFormatError, ShopNotFoundError
from vitrine.service import Settings
from vitrine.service.keys import Keys, line_of
from vitrine.service.server import serve
from vitrine.shop import Shop, importing, ratings, retraining
from vitrine.shop.backup import backup
from vitrine.shop.memory import Memory
from vitrine.shop.snapshots import Snapshots

Say = Callable[[Any], None]
N_RATED = 60


class Act:
    """One kind of work on a shop at `path`, which starts as the world's first one.

    `do` calls `say` for each thing that the shop has acknowledged; `judge` compares what was said
    with what is there; `again` does the same once more, which must complete it.
    """

    name = ""
    starts_with_a_shop = True

    def __init__(self, world: World, truth: dict[str, Any]) -> None:
        self.world, self.truth = world, truth

    def do(self, say: Say, path: Path) -> None:
        raise NotImplementedError

    def judge(self, path: Path, said: list[Any]) -> Verdict:
        raise NotImplementedError

    def again(self, path: Path) -> None:
        self.do(lambda _: None, path)


class Create(Act):
    name = "create"
    starts_with_a_shop = False

    def do(self, say: Say, path: Path) -> None:
        importing.BATCH_ITEMS = 8
        Shop.create(path, Catalogue.read(self.world.tables[0]), encoder_a()).close()
        say("done")

    def judge(self, path: Path, said: list[Any]) -> Verdict:
        try:
            Shop.open(path).close()
        except (ShopNotFoundError, ShopFormatError) as error:
            unsound = [] if "vitrine create" in str(error) else [str(error)]
            return Verdict(acknowledged=len(said), lost=said, unsound=unsound)
        verdict = look_at(path, {"pixels 0": self.truth["created"]}, unfinished=not said)
        with Shop.open(path) as shop:
            verdict.acknowledged = len(said) * N_ITEMS
            verdict.lost += [i for i in self.truth["created"] if said and i not in shop]
        return verdict

    def again(self, path: Path) -> None:
        with Shop.create(path, Catalogue.read(self.world.tables[0]), encoder_a()) as shop:
            assert len(shop) == N_ITEMS


class Add(Act):
    name = "add and replace items"

    def do(self, say: Say, path: Path) -> None:
        with Shop.open(path) as shop:
            for start, table in zip(range(0, N_ITEMS, 6), self.world.chunks, strict=True):
                shop.add(Catalogue.read(table))
                say([item_id(number) for number in range(start, start + 6)])

    def judge(self, path: Path, said: list[Any]) -> Verdict:
        verdict = look_at(path, self.truth)
        done = [one for ids in said for one in ids]
        verdict.acknowledged = len(done)
        verdict.lost += [one for one in done if verdict.versions.get(one) != 1]
        return verdict


class Remove(Act):
    name = "remove items"

    def do(self, say: Say, path: Path) -> None:
        with Shop.open(path) as shop:
            for start in range(0, N_FIRST, 2):
                ids = [item_id(start), item_id(start + 1)]
                shop.remove(ids)
                say(ids)

    def judge(self, path: Path, said: list[Any]) -> Verdict:
        verdict = look_at(path, self.truth)
        done = [one for ids in said for one in ids]
        verdict.acknowledged = len(done)
        verdict.lost += [one for one in done if one in verdict.versions]
        return verdict


class Retrain(Act):
    name = "retrain, then roll back"

    def do(self, say: Say, path: Path) -> None:
        retraining.BATCH_ITEMS = 4
        with Shop.open(path) as shop:
            shop.retrain(encoder_b())
            say("colour")
            shop.roll_back()
            say("pixels")

    def judge(self, path: Path, said: list[Any]) -> Verdict:
        verdict = look_at(path, self.truth)
        verdict.acknowledged = len(said)
        # Between the last word and the kill the next switch may have been made.
        expected = [{"pixels", "colour"}, {"colour", "pixels"}, {"pixels"}][len(said)]
        if verdict.encoder not in expected or len(verdict.versions) != N_FIRST:
            verdict.lost.append(f"the shop serves with {verdict.encoder}")
        return verdict

    def again(self, path: Path) -> None:
        with Shop.open(path) as shop:
            if shop.encoder.kind == "pixels":
                shop.retrain(encoder_b())
            assert shop.encoder.kind == "colour"


class Rate(Act):
    name = "rate, one by one"

    def do(self, say: Say, path: Path) -> None:
        with Shop.open(path) as shop:
            for number in range(150):
                user, item = f"user-{number % RATERS}", item_id(number % N_FIRST)
                shop.ratings.rate(user, item, 1 + number % 5, number)
                say([user, item, 1 + number % 5])

    def judge(self, path: Path, said: list[Any]) -> Verdict:
        verdict = look_at(path, self.truth)
        last = {(user, item): value for user, item, value in said}
        with Shop.open(path) as shop:
            there = {
                (user, row.item_id): row.value
                for user in {user for user, _ in last}
                for row in shop.ratings._ratings.history(user)
            }
        verdict.acknowledged = len(said)
        # The rating after the last word may be stored too: it is of another pair.
        verdict.lost += [str(pair) for pair, value in last.items() if there.get(pair) != value]
        return verdict


class AddRatings(Act):
    name = "add a file of ratings"

    def do(self, say: Say, path: Path) -> None:
        ratings.BATCH_RATINGS = 25
        with Shop.open(path) as shop:
            say(shop.ratings.add(self.world.ratings).added)

    def judge(self, path: Path, said: list[Any]) -> Verdict:
        verdict = look_at(path, self.truth)
        with Shop.open(path) as shop:
            there = shop.ratings.info().ratings
        verdict.acknowledged = sum(said)
        if said and there != N_RATED + sum(said):
            verdict.lost.append(f"{there - N_RATED} ratings of {sum(said)}")
        if (there - N_RATED) % 25:
            verdict.half.append(f"{there} ratings are no whole batches")
        return verdict


class Fit(Act):
    name = "fit a rating model"

    def do(self, say: Say, path: Path) -> None:
        with Shop.open(path) as shop:
            for model in ("biases", "ease", "popularity", "ease", "biases"):
                shop.ratings.fit(model)
                say(model)

    def judge(self, path: Path, said: list[Any]) -> Verdict:
        verdict = look_at(path, self.truth)
        with Shop.open(path) as shop:
            model = shop.ratings.info().model
            if len(shop.recommend("user-1", 3).picks) != 3:
                verdict.unsound.append("it recommends nothing")
        order = [None, "biases", "ease", "popularity", "ease", "biases"]
        verdict.acknowledged = len(said)
        if model not in order[len(said) : len(said) + 2]:
            verdict.lost.append(f"the model is {model} after {said}")
        return verdict


class Backup(Act):
    name = "back up"

    def do(self, say: Say, path: Path) -> None:
        for number in range(6):
            backup(path, copy_of(path, number))
            say(number)

    def judge(self, path: Path, said: list[Any]) -> Verdict:
        verdict = look_at(path, self.truth)
        verdict.acknowledged = len(said)
        for number in range(6):
            copy = copy_of(path, number)
            if copy.exists():  # a copy that can be seen is whole, whether acknowledged or not
                verdict.unsound += look_at(copy, self.truth).faults()
            elif number in said:
                verdict.lost.append(copy.name)
        return verdict

    def again(self, path: Path) -> None:
        for number in range(6):
            shutil.rmtree(copy_of(path, number), ignore_errors=True)
        super().again(path)


class Export(Act):
    name = "export, neighbours"
    files = ("v.parquet", "v.npz", "v.h5", "n.parquet")

    def do(self, say: Say, path: Path) -> None:
        with Shop.open(path) as shop:
            for name in self.files:
                if name.startswith("n"):
                    shop.write_neighbours(path.with_name(name), 3)
                else:
                    shop.export(path.with_name(name))
                say(name)

    def judge(self, path: Path, said: list[Any]) -> Verdict:
        verdict = look_at(path, self.truth)
        verdict.acknowledged = len(said)
        verdict.lost += [name for name in said if not path.with_name(name).is_file()]
        for name in self.files:
            file = path.with_name(name)
            if file.is_file() and (rows := rows_in(file)) % N_FIRST:
                verdict.half.append(f"{name} has {rows} rows")
        return verdict


class Snapshot(Act):
    """The index and all vectors, written beside the shop so that it opens fast."""

    name = "write the index beside the shop"

    def do(self, say: Say, path: Path) -> None:
        with Shop.open(path) as shop:
            snapshots = Snapshots(shop._store)
            for number in range(8):
                shop.ratings.rate("user-1", item_id(number), 3)
                with shop._live.reading() as memory:
                    assert snapshots.write(memory)
                say(number)

    def judge(self, path: Path, said: list[Any]) -> Verdict:
        verdict = look_at(path, self.truth)  # its own check opens the shop from what is there
        verdict.acknowledged = len(said)
        with Shop.open(path) as shop, shop._live.reading() as memory:
            empty = Memory(memory.encoder, memory.encoder_id, made_of=memory.made_of)
            if said and not Snapshots(shop._store).load(empty):
                verdict.lost.append("the snapshot is not whole")
            elif said and set(empty.positions) != set(memory.positions):
                verdict.half.append("the snapshot is of other items")
        return verdict


class Serve(Act):
    """The service, which others write to: what it answered with success must be there."""

    name = "write over HTTP"

    def do(self, say: Say, path: Path) -> None:
        settings = Settings(port=0, keys=Keys.parse(line_of(KEY, "write"), "test"))
        serve(path, settings, "error", lambda port: say({"port": port}))

    def judge(self, path: Path, said: list[Any]) -> Verdict:
        verdict = look_at(path, self.truth)
        rated, put, removed = {}, set(), set()
        for kind, *what in said:
            if kind == "rated":
                rated[what[0], what[1]] = what[2]
            elif kind == "put":
                put.add(what[0])
            else:
                removed.add(what[0])
        with Shop.open(path) as shop:
            there = {
                (user, row.item_id): row.value
                for user in {user for user, _ in rated}
                for row in shop.ratings._ratings.history(user)
            }
        verdict.acknowledged = len(said)
        verdict.lost += [str(pair) for pair in rated if there.get(pair) != rated[pair]]
        verdict.lost += [one for one in put if verdict.versions.get(one) != 1]
        verdict.lost += [one for one in removed if one in verdict.versions]
        return verdict

    def again(self, path: Path) -> None:
        with Shop.open(path) as shop:
            shop.add(Catalogue.read(self.world.tables[1]))
            assert len(shop) == N_ITEMS


ACTS: list[type[Act]] = [
    Create, Add, Remove, Retrain, Rate, AddRatings, Fit, Backup, Export, Snapshot, Serve,
]  # fmt: skip


def copy_of(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}-copy-{number}")


def rows_in(file: Path) -> int:
    if file.suffix == ".parquet":
        return int(pq.read_table(file).num_rows)
    if file.suffix == ".npz":
        import numpy as np

        with np.load(file) as arrays:
            return len(arrays["vectors"])
    import h5py

    with h5py.File(file) as opened:
        return len(opened["vectors"])
