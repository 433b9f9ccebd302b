"""Four writers and eight readers on one shop, and a checker that replays what was acknowledged.

``python -m tests.trust.together --seconds 180`` prints a table; it ends with 1 where a write was
lost, a read was torn (an item's attributes and vector that do not belong together), a reader saw an
item go back in time, or something was seen that nobody had written.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from tests.trust.forks import Child, in_child
from tests.trust.made import encoder_a, item_id, picture_of, png_of, write_catalogue
from tests.trust.replaying import Read, Replay, Write, replay
from vitrine.catalogue import Catalogue
from vitrine.index import Distance
from vitrine.shop import Shop
from vitrine.shop.backup import backup
from vitrine.shop.checking import check
from vitrine.shop.receiving import NewItem

WRITERS, READERS = 4, 8
OWN, SHARED, MIXED = 6, 4, 4
"""Items of each writer alone, items that all write, items that one writes and others reprice."""

PICTURES = 12
"""Each item has so many pictures; a write takes the next one, or all but one write keeps it."""

FRESH_SECONDS = 5.0
"""How old what a following reader sees may be. Docs say a second; this is a busy machine's."""


def own_item(writer: int, n: int) -> int:
    return writer * OWN + n


def shared_item(n: int) -> int:
    return WRITERS * OWN + n


def mixed_item(n: int) -> int:
    return WRITERS * OWN + SHARED + n


N_ITEMS = WRITERS * OWN + SHARED + MIXED


@dataclass
class Worker:
    """What all of them are told."""

    shop: Path
    until: float
    number: int


def make(folder: Path) -> None:
    table = write_catalogue(folder / "catalogue", 0, range(N_ITEMS))
    with Shop.create(folder / "shop", Catalogue.read(table), encoder_a()) as shop:
        new = [NewItem(item_id(n), attributes(n, 0, 0), [png_of(n, 0)]) for n in range(N_ITEMS)]
        assert all(one.status == "updated" for one in shop.receive(new))


def attributes(number: int, version: int, picture: int) -> dict[str, Any]:
    return {"number": number, "version": version, "picture": picture, "note": "made"}


def write(say: Callable[[Any], None], worker: Worker) -> None:
    """Write until the time is up: new pictures, new attributes, removals, ratings."""
    rng = np.random.default_rng([1, worker.number])
    with Shop.open(worker.shop) as shop:
        for turn in range(1, 1_000_000):
            if time.monotonic() > worker.until:
                return
            version = turn * WRITERS + worker.number  # nobody else's
            for number, kind in _chosen(rng, worker.number):
                began = time.monotonic()
                done = _write_one(shop, number, kind, version)
                if done is not None:
                    ended = time.monotonic()
                    say(asdict(Write(worker.number, number, kind, *done, began, ended)))


def _chosen(rng: np.random.Generator, writer: int) -> Iterator[tuple[int, str]]:
    own = own_item(writer, int(rng.integers(OWN)))
    yield (
        own,
        str(rng.choice(["picture", "picture", "attributes", "remove"], p=[0.3, 0.3, 0.3, 0.1])),
    )
    yield shared_item(int(rng.integers(SHARED))), "picture"
    yield mixed_item(int(rng.integers(MIXED))), "picture" if writer == 0 else "attributes"
    yield own, "rating"


def _write_one(shop: Shop, number: int, kind: str, version: int) -> tuple[int, int] | None:
    """Write one thing; return the version and the picture that the item has then."""
    name, picture = item_id(number), version % PICTURES
    if kind == "rating":
        shop.ratings.rate(f"user-{number}", name, 1 + version % 5, version)
        return version, 1 + version % 5
    if kind == "remove":
        shop.remove([name])
        return version, -1
    content = [png_of(number, picture)] if kind == "picture" else []
    if kind == "attributes":  # keeps the picture: of own items that is the last one written
        there = shop.similar(np.ones(shop.encoder.n_components_), 1, f"number={number}")
        if not there:
            return None
        picture = int(there[0].attributes["picture"])
    [result] = shop.receive([NewItem(name, attributes(number, version, picture), content)])
    if result.status == "refused":  # it was removed meanwhile and has no picture to keep
        return None
    return version, picture


def read(say: Callable[[Any], None], worker: Worker) -> None:
    """Read until the time is up; the last two readers open the shop anew each time."""
    rng = np.random.default_rng([2, worker.number])
    anew = worker.number >= READERS - 2
    shop = Shop.open(worker.shop)
    shop.follow()
    encoder = shop.encoder

    asked = np.ones(encoder.n_components_, np.float32)

    @cache
    def expected(number: int, picture: int) -> float:
        vector = encoder.transform([picture_of(number, picture)])
        return distance_between(encoder.distance_, asked, vector[0])

    while time.monotonic() < worker.until:
        began = time.monotonic()
        opened = Shop.open(worker.shop) if anew else shop
        for number in rng.permutation(N_ITEMS)[:8].tolist():
            hits = opened.similar(asked, 1, f"number={number}")
            ended = time.monotonic()
            version, picture, torn = -1, -1, False
            if hits:
                version = int(hits[0].attributes["version"])
                picture = int(hits[0].attributes["picture"])
                # Who reprices a mixed item says which picture it had: it may have another by now.
                known = number < mixed_item(0)
                torn = known and abs(expected(number, picture) - hits[0].distance) > 1e-3
            say(asdict(Read(worker.number, number, version, torn, anew, began, ended)))
            began = began if anew else time.monotonic()
            time.sleep(0.002)
        if anew:
            opened.close()
    shop.close()


def back_up(say: Callable[[Any], None], worker: Worker) -> None:
    """Copy the shop while all of them are at it; every copy must be sound."""
    number = 0
    while time.monotonic() < worker.until:
        copy = backup(worker.shop, worker.shop.with_name(f"copy-{number}"))
        say([one.what for one in check(copy).problems])
        number += 1
        time.sleep(1.0)


def distance_between(distance: Distance, a: Any, b: Any) -> float:
    a, b = distance.prepare(np.array([a, b], np.float32))
    score = a @ b if distance.metric == "ip" else -((a - b) ** 2).sum()
    return float(distance.distances(np.array([score], np.float32))[0])


def final(shop: Path) -> dict[str, Any]:
    """Return what is there at the end."""
    with Shop.open(shop) as opened:
        numbers, versions = opened.values("number"), opened.values("version")
        rated = {
            n: [int(row.value) for row in opened.ratings._ratings.history(f"user-{n}")]
            for n in range(WRITERS * OWN)
        }
        return {
            "versions": dict(zip(map(str, numbers), versions, strict=True)),
            "ratings": {str(n): values for n, values in rated.items()},
            "problems": [f"{one.what}: {one.mend}" for one in check(shop).problems],
        }


def run(folder: Path, seconds: float) -> tuple[Replay, int]:
    in_child(folder, make_and_say, folder)
    until = time.monotonic() + seconds
    shop = folder / "shop"
    writers = [Child(folder / f"w{n}", write, Worker(shop, until, n)) for n in range(WRITERS)]
    readers = [Child(folder / f"r{n}", read, Worker(shop, until, n)) for n in range(READERS)]
    copying = Child(folder / "copying", back_up, Worker(shop, until, 0))
    all_of_them = [*writers, *readers, copying]
    ended = {child: child.wait(seconds + 120) for child in all_of_them}
    failed = [child.log.with_suffix(".err").read_text() for child in all_of_them if ended[child]]
    writes = [Write(**one) for child in writers for one in child.said()]
    reads = [Read(**one) for child in readers for one in child.said()]
    found = replay(writes, reads, in_child(folder, final, shop), FRESH_SECONDS)
    copies = copying.said()
    found.faults += [f"copy {n}: {one}" for n, many in enumerate(copies) for one in many]
    found.faults += [f"a process failed: {one}" for one in failed]
    return found, len(copies)


def make_and_say(folder: Path) -> str:
    make(folder)
    return "made"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=180.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="vitrine-together-") as folder:
        found, copies = run(Path(folder), options.seconds)
    print("| | |\n|---|---:|")
    print(f"| writers · readers · seconds | {WRITERS} · {READERS} · {options.seconds:.0f} |")
    print(f"| writes acknowledged | {found.writes:,} |")
    print(f"| reads | {found.reads:,} |")
    print(f"| seconds until a write was seen, median · longest | {found.lag} |")
    print(f"| copies taken meanwhile, all looked through | {copies} |")
    print(f"| lost updates · torn reads · steps back in time | {found.counts()} |")
    print("\n".join(found.faults[:40]))
    sys.exit(1 if found.faults else 0)


if __name__ == "__main__":
    main()
