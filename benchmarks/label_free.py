"""How far the measure without labels agrees with what labels say.

Run:
    python benchmarks/label_free.py
    python benchmarks/label_free.py --source PHOTOS --network onnx:net.onnx:mean=0.5:std=0.5

Encoders are fitted on the training part without its first thousand items (of the seed's order);
among those, `views` is the share of pictures whose two views find each other (what
`--encoder auto` goes by where there are no labels), `same@1` the share whose nearest other picture
is of the same category. The last line is the rank correlation of the two over the encoders. Test
items are not touched.
"""

from __future__ import annotations

import argparse

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.stats import spearmanr

from vitrine.catalogue import Catalogue
from vitrine.encoders.specifications import read_encoder
from vitrine.evaluation import evaluate, evaluate_views

ENCODERS = (
    "pixels:n_components=2", "pixels:n_components=16", "pixels", "pixels:mirror=yes", "colour",
    "hog", "hog:n_components=16", "looks", "hybrid-looks",
)  # fmt: skip
N_HELD, N_FITTED = 1000, 5000


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("encoders", nargs="*", default=list(ENCODERS), metavar="NAME[:OPTION=...]")
    parser.add_argument("--source", default="fashion-mnist")
    parser.add_argument("--label", default="category")
    parser.add_argument("--network", metavar="NAME[:OPTION=...]")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_intermixed_args()


def main() -> None:
    arguments = parse_arguments()
    catalogue = Catalogue.read(arguments.source)
    if "train" in catalogue.parts:
        catalogue = catalogue.part("train")
    order = np.random.default_rng(arguments.seed).permutation(len(catalogue))
    held, fitted = (
        catalogue.take(np.sort(part)).readable()
        for part in (order[:N_HELD], order[N_HELD : N_HELD + N_FITTED])
    )
    pictures, labels = held.pictures(), held.values(arguments.label)
    table = Table(title=f"{len(fitted):,} to fit on, {len(held):,} judged")
    for column in ("encoder", "views (95 %)", "same@1 (95 %)"):
        table.add_column(column, justify="left" if column == "encoder" else "right")
    console, points = Console(), []
    names = arguments.encoders + ([arguments.network] if arguments.network else [])
    for name in names:
        with console.status(name):
            encoder = read_encoder(name, arguments.seed).fit(fitted.pictures())
            views = evaluate_views(encoder, pictures, random_state=arguments.seed).figure
            vectors = encoder.transform(pictures)
            rate = evaluate(vectors, labels, distance=encoder.distance_).same_category_rate
        table.add_row(name, str(views), str(rate))
        points.append((views.value, rate.value))
    console.print(table)
    console.print(f"rank correlation (Spearman): {spearmanr(points).statistic:.2f}")


if __name__ == "__main__":
    main()
