"""How good the encoders are that learn from the catalogue's own pictures, and what they cost.

Run:
    python benchmarks/learned.py                            # every row once, about half an hour
    python benchmarks/learned.py --rows map-2,labels-2 --seeds 0,1,2
    python benchmarks/learned.py --on validation --rows labels
    python benchmarks/learned.py --source PHOTOS --gallery train --rows looks,labels-photos

Every encoder is fitted on the training part. Each held-out item then looks for its nearest
neighbour, among the other held-out items or (`--gallery train`) in the training part; the rate is
the share whose neighbour is of the same category. Settings are to be compared with
`--on validation`, which holds out a seeded sixth of the training part and leaves the test part
alone. The time is that of fitting: by the clock, and of all cores together.
"""

from __future__ import annotations

import argparse
import time
from statistics import mean

from rich.console import Console
from rich.table import Table

from descriptors import held_out
from vitrine.catalogue import Catalogue
from vitrine.encoders.specifications import read_encoder
from vitrine.evaluation import evaluate

ROWS = {
    "looks": "looks",
    "map-2": "neighbour-map:max_minutes=3",
    "no-labels": "contrastive:max_minutes=5",
    "labels-2": "supervised:n_components=2:filters=16,32,64:max_minutes=5",
    "labels": "supervised:max_minutes=15",
    "labels-photos": "supervised:zoom=0.15:max_minutes=15",
}
"""What each row of the table fits; those that need labels get them."""


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    fashion = [name for name in ROWS if name != "labels-photos"]
    parser.add_argument("--rows", default=",".join(fashion), help=", ".join(ROWS))
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--source", default="fashion-mnist")
    parser.add_argument("--on", choices=("test", "validation"), default="test")
    parser.add_argument("--gallery", choices=("itself", "train"), default="itself")
    return parser.parse_args()


def measure(
    text: str, seed: int, train: Catalogue, held: Catalogue, *, in_train: bool
) -> tuple[list[str], float]:
    """Return the table's row of one encoder and one seed, and its rate."""
    encoder = read_encoder(text, random_state=seed)
    labels = train.values("category") if encoder.needs_labels else None
    started, spent = time.perf_counter(), time.process_time()
    encoder.fit(train.pictures(), labels)
    seconds, spent = time.perf_counter() - started, time.process_time() - spent
    vectors = encoder.transform(held.pictures())
    gallery = (encoder.transform(train.pictures()), train.values("category")) if in_train else ()
    result = evaluate(vectors, held.values("category"), *gallery, distance=encoder.distance_)
    rate = result.same_category_rate
    return [
        text, str(seed), str(encoder.n_components_), str(rate), f"{spent:.0f}", f"{seconds:.0f}"
    ], rate.value  # fmt: skip


def main() -> None:
    arguments = parse_arguments()
    train, held = held_out(arguments.source, arguments.on, 0)
    table = Table(title=f"{len(train):,} to fit on, {len(held):,} judged ({arguments.on})")
    for column in ("encoder", "seed", "dimensions", "rate@1 (95 %)", "fit CPU s", "fit s"):
        table.add_column(column, no_wrap=True, justify="left" if column == "encoder" else "right")
    console = Console()
    for name in arguments.rows.split(","):
        rates = []
        for seed in map(int, arguments.seeds.split(",")):
            with console.status(f"{name}, seed {seed}"):
                row, rate = measure(
                    ROWS[name], seed, train, held, in_train=arguments.gallery == "train"
                )
            console.print("  ".join(row))  # at once, as the table comes when all is done
            table.add_row(*row)
            rates.append(rate)
        if len(rates) > 1:
            table.add_row(f"mean of {name}", "", "", f"{mean(rates):.1%}", "", "")
    console.print(table)


if __name__ == "__main__":
    main()
