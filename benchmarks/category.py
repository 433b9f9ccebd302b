"""What labels and a pretrained network bring on photos of clothes, and what quantising costs.

Run:
    python benchmarks/category.py PHOTOS --backbone onnx:mobilenet_v2.onnx:mean=0.5:std=0.5
    python benchmarks/category.py PHOTOS --backbone ... --on validation --seeds 1
    python benchmarks/category.py PHOTOS --backbone ... --quantized

PHOTOS holds `train/CLASS/*.jpg` and `validation/CLASS/*.jpg`. Everything is fitted on train; each
validation photo then looks for its nearest among the train photos. `same@1` is the share of the
same class; `right` the share that the classifier itself names rightly; `colour@5` is, of the five
nearest, the share whose centre has the photo's dominant colour. With `--on validation` a seeded
fifth of train takes the place of the validation photos: that is where settings were chosen.
`--seeds N` takes the mean of N seeds; the interval is of the first. `--quantized` measures the
network's own vectors with float32 and with 8-bit weights, and photos a second.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from vitrine.catalogue import Catalogue
from vitrine.encoders.features import features_of
from vitrine.encoders.specifications import join_options, read_encoder, split_options
from vitrine.evaluation import dominant_colours, evaluate, train_test_split_catalogue
from vitrine.index.distance import Distance


@dataclass(frozen=True)
class Vectors:
    """One way's vectors of both sides, how they are compared, and what share it names rightly."""

    held: Any
    train: Any
    distance: Distance
    right: float | None
    seconds: float


class Photos:
    """The photos to learn from and to ask about, with classes and colours."""

    def __init__(self, source: str, on: str, seed: int) -> None:
        split = train_test_split_catalogue(Catalogue.read(source), "category")
        if on == "validation":
            split = train_test_split_catalogue(split.train, "category", random_state=seed)
        train, held = split.train.readable(), split.test.readable()
        self.train, self.held = train.pictures(), held.pictures()
        self.train_labels, self.held_labels = train.values("category"), held.values("category")
        colours = dominant_colours(self.train), dominant_colours(self.held)
        self.train_colours, self.held_colours = (np.asarray(names) for names in colours)


def by_encoder(photos: Photos, text: str, seed: int) -> Vectors:
    started = time.perf_counter()
    encoder = read_encoder(text, seed).fit(photos.train, photos.train_labels)
    train, held = (features_of(encoder, part) for part in (photos.train, photos.held))
    right = None
    if hasattr(encoder, "predict"):
        right = float(np.mean(encoder.predict(photos.held) == np.array(photos.held_labels)))
    seconds = time.perf_counter() - started
    return Vectors(held, train, encoder.distance_, right, seconds)


def by_logistic_regression(photos: Photos, backbone: str) -> Vectors:
    """Return the logits of a logistic regression on the network's features."""
    started = time.perf_counter()
    network = read_encoder(backbone).fit(photos.train)
    train, held = (features_of(network, part) for part in (photos.train, photos.held))
    scaler = StandardScaler().fit(train)
    model = LogisticRegression(C=0.01, max_iter=500)
    model.fit(scaler.transform(train), photos.train_labels)
    logits = [model.decision_function(scaler.transform(x)).astype(np.float32)
              for x in (held, train)]  # fmt: skip
    right = float(model.score(scaler.transform(held), photos.held_labels))
    seconds = time.perf_counter() - started
    return Vectors(logits[0], logits[1], Distance("cosine"), right, seconds)


def row(photos: Photos, name: str, runs: list[Vectors]) -> list[str]:
    """Return the table's row: means over the runs, the interval of the first."""
    results = [
        evaluate(one.held, photos.held_labels, one.train, photos.train_labels,
                 distance=one.distance)
        for one in runs
    ]  # fmt: skip
    first = results[0].same_category_rate
    rate = float(np.mean([result.same_category_rate.value for result in results]))
    found = photos.train_colours[results[0].nearest[:, :5]]
    colour = (found == photos.held_colours[:, None]).mean()
    right = [one.right for one in runs if one.right is not None]
    return [
        name,
        f"{runs[0].held.shape[1]:,}",
        str(replace(first, value=rate)),
        f"{np.mean(right):.1%}" if right else "",
        f"{colour:.1%}",
        f"{runs[0].seconds:.0f}",
    ]


def ways(backbone: str) -> dict[str, str]:
    """Return the encoders to compare by the name of their row."""
    name, options = split_options(backbone)
    category = f"category:backbone={name}"
    if options:
        category += f":backbone_options={','.join(options)}"
    inner = join_options(name, options)
    return {
        "hog": "hog",
        "looks": "looks",
        "the network, cosine": backbone,
        "hybrid-looks: network + looks": f"hybrid-looks:encoders={inner}+looks",
        "category, classic": f"{category}:preset=classic",
        "category": category,
    }


def compare_precisions(photos: Photos, backbone: str) -> Table:
    """Return what 8-bit weights cost in quality and bring in time."""
    table = Table(title="8-bit weights")
    for column in ("weights", "same@1 (95 %)", "photos a second", "MB"):
        table.add_column(column, justify="right")
    name, options = split_options(backbone)
    for label, extra in (("float32", []), ("int8", ["quantize=yes"])):
        encoder = read_encoder(":".join([name, *options, *extra])).fit(photos.train)
        started = time.perf_counter()
        held = encoder.transform(photos.held)
        speed = len(held) / (time.perf_counter() - started)
        train = encoder.transform(photos.train)
        result = evaluate(
            held, photos.held_labels, train, photos.train_labels, distance=encoder.distance_
        )
        size = len(encoder.model_.content) / 1e6
        table.add_row(label, str(result.same_category_rate), f"{speed:.0f}", f"{size:.1f}")
    return table


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("source", metavar="PHOTOS")
    parser.add_argument("encoders", nargs="*", metavar="NAME[:OPTION=VALUE...]")
    parser.add_argument("--backbone", required=True, metavar="NETWORK[:OPTION=VALUE...]")
    parser.add_argument("--on", choices=("test", "validation"), default="test")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--quantized", action="store_true")
    return parser.parse_intermixed_args()


def main() -> None:
    arguments = parse_arguments()
    photos, console = Photos(arguments.source, arguments.on, 0), Console()
    if arguments.quantized:
        console.print(compare_precisions(photos, arguments.backbone))
        return
    table = Table(title=f"{len(photos.train):,} to fit on, {len(photos.held):,} asked about")
    for column in ("encoder", "dimensions", "same@1 (95 %)", "right", "colour@5", "s"):
        table.add_column(column, justify="left" if column == "encoder" else "right")
    chosen = {text: text for text in arguments.encoders} or ways(arguments.backbone)
    for name, text in chosen.items():
        with console.status(name):
            learns = read_encoder(text).needs_labels
            seeds = range(arguments.seeds if learns else 1)
            table.add_row(*row(photos, name, [by_encoder(photos, text, seed) for seed in seeds]))
    if not arguments.encoders:
        logistic = by_logistic_regression(photos, arguments.backbone)
        table.add_row(*row(photos, "logistic regression's logits", [logistic]))
    console.print(table)


if __name__ == "__main__":
    main()
