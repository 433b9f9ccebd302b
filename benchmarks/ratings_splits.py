"""Every model on the friendly split and on the honest ones: random, last of each user, latest.

``python benchmarks/ratings_splits.py ml-100k [--splits folds:5 leave-last-out global-time]
[--models NAME … [--against NAME]]``

The folder holds MovieLens 100k's ``u.data``, ``u.item`` and ``u.user``; genres and year are the
features of models that know any, age, sex and occupation what is known of users. RMSE is over all
test ratings. NDCG@20 is for test ratings of 4 and more, among all items that the user has not
rated. At random a user's later ratings help to predict the earlier ones; ``leave-last-out`` asks
for each user's last rating, ``global-time`` for the latest fifth of all, from users who are mostly
new. ``--against`` prints each model's figures less those of one of them, paired by user.
"""

import argparse
import os
from dataclasses import replace
from itertools import islice
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy as np

from ratings_cold import films
from vitrine.evaluation.ratings import (
    Protocol,
    evaluate_rating_model,
    join,
    make_splits,
    rating_differences,
)
from vitrine.ratings import (
    Ids,
    ItemFeatures,
    make_rating_model,
    rating_model_names,
    read_interactions,
    read_users,
)

DESCRIBED = (
    "visual-knn",
    "content-profile",
    "hybrid",
    "mult-vae",
    "rank-blend",
    "rank-stack",
    "trend-blend",
    "bayesian-hybrid",
)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("--splits", nargs="+", default=["folds:5", "leave-last-out", "global-time"])
    parser.add_argument("--models", nargs="+", default=rating_model_names())
    parser.add_argument("--most", type=int, default=5, help="parts of each split to run")
    parser.add_argument("--against", metavar="MODEL", help="one of the models")
    options = parser.parse_args()
    data = read_interactions(Path(options.folder) / "u.data").interactions
    people = read_users(Path(options.folder) / "u.user").features()
    ids = list(data.items.values)
    genres, years = films(options.folder, ids)
    blocks = {"genres": genres.astype(np.float32), "year": years.astype(np.float32)}
    features = ItemFeatures(Ids(ids), blocks)
    protocol = Protocol(20, relevant_from=4)
    print("| split | model | RMSE | 95 % interval | NDCG@20 | 95 % interval | fit s |")
    print("|---|---|---|---|---|---|---|", flush=True)
    for name in options.splits:
        splits = [
            replace(split, train=split.train.described_by(people))
            for split in islice(make_splits(name, data, folder=options.folder), options.most)
        ]
        results = []
        for kind in options.models:
            model = make_rating_model(kind)
            told = features if kind in DESCRIBED else None
            found = join([evaluate_rating_model(model, s, protocol, told) for s in splits])
            results.append(found)
            figures = found.figures()
            cells = []
            for measure in ("rmse", "ndcg"):
                figure = figures[measure]
                cells += [f"{figure.value:.4f}", f"{figure.low:.4f} to {figure.high:.4f}"]
            if not model.predicts_ratings:
                cells[:2] = ["", ""]
            seconds = found.fit_seconds / len(splits)
            print(f"| {name} | {kind} | {' | '.join(cells)} | {seconds:.1f} |", flush=True)
        if options.against:
            show_differences(name, results, options.against)


def show_differences(split, results, reference):
    """Print each model's figures less the reference's, paired by user, with 95 % intervals."""
    predicts = make_rating_model(reference).predicts_ratings
    for kind, differences in rating_differences(results, reference).items():
        both = predicts and make_rating_model(kind).predicts_ratings
        cells = []
        for figure in (differences["rmse"] if both else None, differences["ndcg"]):
            cells += ["", ""] if figure is None else [
                f"{figure.value:+.4f}", f"{figure.low:+.4f} to {figure.high:+.4f}"
            ]  # fmt: skip
        print(f"| {split} | {kind} − {reference} | {' | '.join(cells)} | |", flush=True)


if __name__ == "__main__":
    main()
