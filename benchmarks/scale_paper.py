"""A shop of 10^6, 10^8 and 10^9 items on paper: bytes, core-hours and money of each step.

    python benchmarks/scale_paper.py --embed 60 --pairs 4e8 --als 2e5 --importing 1e4

Worked out from rates that `benchmarks/spark.py` measures, which prints this table too; what else
goes in are the assumptions below, each with its name.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, fields

SIZES = (10**6, 10**8, 10**9)
DIMENSIONS = 256
PICTURE_BYTES = 100_000  # one JPEG an item
RATINGS_AN_ITEM = 10
EPOCHS = 10
NEIGHBOURS = 20
PROBES = 8  # cells that each item asks, of √n
CORES = {10**6: 16, 10**8: 256, 10**9: 2048}  # what is rented
EFFICIENCY = 0.7  # of a core's rate, when many work on one job
CORE_HOUR = 0.04  # dollars
GIGABYTE_MONTH = 0.023  # dollars, object storage


@dataclass(frozen=True)
class Rates:
    """What was measured.

    Attributes
    ----------
    embed : float
        Pictures a second a core.
    pairs : float
        Pairs of items compared a second a core, at 256 dimensions.
    asking : float
        Core-seconds an item beyond the comparing, where 8 buckets are asked: shuffles and ranking.
    als : float
        Ratings a second a core and epoch, at 32 factors.
    importing : float
        Items a second into a shop; one writer, however many cores.
    neighbour_bytes : float
        Of Parquet.
    item_bytes : float
        Of the database, beyond the vector.
    memory_bytes : float
        Of a service process, an item, at 256 dimensions.
    """

    embed: float = 60.0
    pairs: float = 4e8
    asking: float = 1e-3
    als: float = 2e5
    importing: float = 1e4
    neighbour_bytes: float = 12.0
    item_bytes: float = 400.0
    memory_bytes: float = 1_710.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for field in fields(Rates):
        parser.add_argument(f"--{field.name.replace('_', '-')}", type=float, default=field.default)
    print_paper(Rates(**vars(parser.parse_args())))


def print_paper(rates: Rates) -> None:
    print("| step | " + " | ".join(f"10^{len(str(n)) - 1} items" for n in SIZES) + " |")
    print("|---|" + "---:|" * len(SIZES))
    for what, cells in rows(rates):
        print(f"| {what} | {' | '.join(cells)} |")


def rows(rates: Rates) -> list[tuple[str, list[str]]]:
    return [
        ("pictures, kept a month", [stored(n * PICTURE_BYTES) for n in SIZES]),
        ("`spark embed`", [work(n, n / rates.embed) for n in SIZES]),
        ("vectors, Parquet", [size(n * 4 * DIMENSIONS) for n in SIZES]),
        ("`spark neighbours`, exact", [work(n, n * n / rates.pairs) for n in SIZES]),
        (
            f"`spark neighbours`, √n buckets, {PROBES} asked",
            [work(n, n * (PROBES * n**0.5 / rates.pairs + rates.asking)) for n in SIZES],
        ),
        ("its table, Parquet", [size(n * NEIGHBOURS * rates.neighbour_bytes) for n in SIZES]),
        (
            f"`spark als`, {RATINGS_AN_ITEM} ratings an item",
            [work(n, n * RATINGS_AN_ITEM * EPOCHS / rates.als) for n in SIZES],
        ),
        ("ratings on the driver", [size(n * RATINGS_AN_ITEM * 12) for n in SIZES]),
        ("`import-vectors`, one writer", [hours(n / rates.importing) for n in SIZES]),
        ("database", [size(n * (4 * DIMENSIONS + rates.item_bytes)) for n in SIZES]),
        ("memory of one service process", [size(n * rates.memory_bytes) for n in SIZES]),
    ]


def work(n: int, core_seconds: float) -> str:
    """Return core-hours, the hours they take on the cores that are rented, and their price."""
    core_hours = core_seconds / EFFICIENCY / 3600
    took = hours(core_hours * 3600 / CORES[n])
    said = f"{core_hours:,.0f}" if core_hours >= 10 else f"{core_hours:.2g}"
    return f"{said} core-h; {took} on {CORES[n]:,}; ${core_hours * CORE_HOUR:,.2f}"


def hours(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:,.1f} h" if seconds < 100 * 3600 else f"{seconds / 86400:,.0f} days"


def size(n_bytes: float) -> str:
    for unit, power in (("PB", 15), ("TB", 12), ("GB", 9), ("MB", 6)):
        if n_bytes >= 10**power:
            return f"{n_bytes / 10**power:,.3g} {unit}"
    return f"{n_bytes:,.0f} B"


def stored(n_bytes: float) -> str:
    return f"{size(n_bytes)}; ${n_bytes / 1e9 * GIGABYTE_MONTH:,.2f}"


if __name__ == "__main__":
    main()
