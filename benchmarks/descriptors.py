"""How good the encoders without training are, and what they cost.

Run:
    python benchmarks/descriptors.py
    python benchmarks/descriptors.py --source PHOTOS --gallery train     # PHOTOS/train/CLASS/*.jpg
    python benchmarks/descriptors.py --on validation looks looks:n_components=256

Every encoder is fitted on the training part without its labels. Each held-out item then looks for
its nearest neighbour, among the other held-out items or (`--gallery train`) in the training part;
the rate is the share whose neighbour is of the same category. Settings are to be compared with
`--on validation`, which holds out a seeded sixth of the training part and leaves the test part
alone. An encoder's options follow its name, `hog:cells=9,6:blurs=0,1`.
"""

from __future__ import annotations

import argparse
import time

from rich.console import Console
from rich.table import Table

from vitrine.catalogue import Catalogue
from vitrine.encoders import make_encoder, parse_options
from vitrine.evaluation.retrieval import evaluate
from vitrine.evaluation.splits import train_test_split_catalogue

ENCODERS = ["pixels:n_components=2", "pixels", "hog", "colour", "looks"]


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("encoders", nargs="*", default=ENCODERS, metavar="NAME[:OPTION=VALUE...]")
    parser.add_argument("--source", default="fashion-mnist")
    parser.add_argument("--on", choices=("test", "validation"), default="test")
    parser.add_argument("--gallery", choices=("itself", "train"), default="itself")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def held_out(source: str, on: str, seed: int) -> tuple[Catalogue, Catalogue]:
    """Return what encoders are fitted on and what they are judged by."""
    split = train_test_split_catalogue(Catalogue.read(source), "category", random_state=seed)
    if on == "validation":
        split = train_test_split_catalogue(
            split.train, "category", test_size=1 / 6, random_state=seed
        )
    return split.train.readable(), split.test.readable()


def measure(text: str, train: Catalogue, held: Catalogue, *, in_train: bool) -> list[str]:
    """Return the table's row of one encoder."""
    name, *options = text.split(":")
    pictures = held.pictures()
    started = time.perf_counter()
    encoder = make_encoder(name, **parse_options(name, options)).fit(train.pictures())
    fitted = time.perf_counter()
    vectors = encoder.transform(pictures)
    done = time.perf_counter()
    gallery = (encoder.transform(train.pictures()), train.values("category")) if in_train else ()
    result = evaluate(vectors, held.values("category"), *gallery, distance=encoder.distance_)
    return [
        text,
        str(encoder.n_components_),
        str(result.same_category_rate),
        f"{fitted - started:.1f}",
        f"{done - fitted:.1f}",
    ]


def main() -> None:
    arguments = parse_arguments()
    train, held = held_out(arguments.source, arguments.on, arguments.seed)
    table = Table(title=f"{len(train):,} to fit on, {len(held):,} judged ({arguments.on})")
    for column in ("encoder", "dimensions", "rate@1 (95 %)", "fit s", "encode s"):
        table.add_column(column, no_wrap=True, justify="left" if column == "encoder" else "right")
    console = Console()
    for text in arguments.encoders:
        with console.status(text):
            table.add_row(*measure(text, train, held, in_train=arguments.gallery == "train"))
    console.print(table)


if __name__ == "__main__":
    main()
