"""RMSE and CPU seconds of our rating models beside their peers', on the same random folds.

``python benchmarks/ratings_rmse.py ml-100k/u.data [--peers PEERS/bin/python] [--folds 5]``

Each model and its peer are run one after the other on each fold, on one thread; loops are compiled
before the clock starts. PEERS is the Python of an environment with scikit-surprise, cornac and
myfm.
"""

import argparse
import json
import os
import subprocess
import tempfile
import time
from functools import partial
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy as np

from vitrine.evaluation.ratings import random_folds
from vitrine.ratings import make_rating_model, read_interactions

SURPRISE_SVD = {
    "n_factors": 100, "n_epochs": 20, "learning_rate": 0.005, "decay": 1.0,
    "regularization": 0.02, "bias_regularization": 0.02, "init_deviation": 0.1, "shuffle": False,
}  # fmt: skip
SURPRISE_KNN = {"damping": 0.0, "user_damping": 15.0, "item_damping": 10.0}
PLAIN = {"noise_freedom": None}
LINES = [
    ("biases", "biases", {}, "surprise-biases"),
    ("item-knn, Surprise's settings", "item-knn", SURPRISE_KNN, "surprise-item-knn"),
    ("item-knn", "item-knn", {}, None),
    ("user-knn", "user-knn", {}, None),
    ("pca", "pca", {}, None),
    ("truncated-svd", "truncated-svd", {}, None),
    ("svd, Surprise's settings", "svd", SURPRISE_SVD, "surprise-svd"),
    ("svd", "svd", {}, "cornac-mf"),
    ("svdpp", "svdpp", {}, "surprise-svdpp"),
    ("bayesian-svdpp, one noise", "bayesian-svdpp", PLAIN, None),
    ("bayesian-svdpp", "bayesian-svdpp", {}, "myfm-flipped"),
    ("blend", "blend", {}, None),
]


def ours(kind, params, split):
    asked = split.test.user_ids, split.test.item_ids
    started = time.process_time()
    model = make_rating_model(kind, **params).fit(split.train)
    fitted = time.process_time()
    predicted = model.predict(*asked)
    return predicted, fitted - started, time.process_time() - fitted


def theirs(python, peer, folder, split):
    path = Path(folder) / "split.npz"
    users, items = split.train.users, split.train.items
    all_users, all_items = users.extended(split.test.users.values), items.extended(
        split.test.items.values
    )  # fmt: skip
    arrays = {}
    for name, part in (("train", split.train), ("test", split.test)):
        arrays[f"{name}_u"] = all_users.codes(part.user_ids)
        arrays[f"{name}_i"] = all_items.codes(part.item_ids)
        arrays[f"{name}_r"] = part.ratings.astype(np.float64)
    np.savez(path, **arrays)
    script = Path(__file__).with_name("ratings_peers.py")
    done = subprocess.run([python, script, peer, path], capture_output=True, text=True, check=True)
    answer = json.loads(done.stdout.strip().splitlines()[-1])
    return np.array(answer["output"]), answer["fit_seconds"], answer["predict_seconds"]


def measure(runs, splits):
    """Return for each of some ways its mean RMSE and seconds, asked by turns on each fold."""
    rows = np.empty((len(runs), len(splits), 3))
    for number, split in enumerate(splits):
        low, high = split.train.rating_range
        for row, run in zip(rows, runs, strict=True):
            predicted, fit, predict = run(split)
            error = np.clip(predicted, low, high) - split.test.ratings
            row[number] = np.sqrt(np.mean(error**2)), fit, predict
    return ["{:.4f} | {:.3f} | {:.3f}".format(*row) for row in rows.mean(axis=1)]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ratings")
    parser.add_argument("--peers", help="Python of an environment with the peers")
    parser.add_argument("--folds", type=int, default=5, help="how many of five folds to run")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", help="run only the lines whose name holds this")
    options = parser.parse_args()
    data = read_interactions(options.ratings).interactions
    splits = list(random_folds(data, 5, options.seed))[: options.folds]
    print("| model | RMSE | fit s | predict s | peer | RMSE | fit s | predict s |")
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name, kind, params, peer in LINES:
            if options.only and options.only not in name:
                continue
            warm_up = splits[0].train.select(np.arange(500)).compact()
            make_rating_model(kind, **params).fit(warm_up).predict([1], [1])
            runs = [partial(ours, kind, params)]
            if peer and options.peers:
                runs.append(partial(theirs, options.peers, peer, folder))
            line, *others = measure(runs, splits)
            other = others[0] if others else "| |"
            print(f"| {name} | {line} | {peer or ''} | {other} |", flush=True)


if __name__ == "__main__":
    main()
