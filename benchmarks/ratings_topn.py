"""NDCG@20 and CPU seconds of top-N models beside `implicit`'s, on the same splits.

``python benchmarks/ratings_topn.py ml-100k/u.data [--peers PEERS/bin/python] [--seeds 5]``

Ratings of 4 and more count as liked; users with at least 5 of them stay; a random fifth of each
user's is asked for; all items that the user did not like in the training part are ranked. PEERS is
the Python of an environment with implicit.
"""

import argparse
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy as np  # noqa: E402

from vitrine.evaluation.ratings import share_of_each_user  # noqa: E402
from vitrine.evaluation.ratings.measures import ndcg_at_k  # noqa: E402
from vitrine.ratings import make_rating_model, read_interactions  # noqa: E402

LINES = [
    ("popularity", None),
    ("ease", None),
    ("implicit-als", "implicit-als"),
    ("bpr", "implicit-bpr"),
    ("rank-blend", None),
]


def liked(ratings):
    data = read_interactions(ratings).interactions.liked(4)
    return data.select(data.by_user.counts[data.user_codes] >= 5).compact()


def ours(kind, split, users):
    started = time.process_time()
    model = make_rating_model(kind).fit(split.train)
    fitted = time.process_time()
    lists, _ = model.rank(users, 20)
    return lists, fitted - started, time.process_time() - fitted


def theirs(python, peer, train, test):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "split.npz"
        parts = {"train": train, "test": test}
        arrays = {
            f"{n}_{c}": a for n, part in parts.items() for c, a in zip("uir", part, strict=True)
        }
        np.savez(path, **arrays)
        script = Path(__file__).with_name("ratings_peers.py")
        command = [python, script, peer, path]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    answer = json.loads(done.stdout.strip().splitlines()[-1])
    lists = np.array(answer["output"], dtype=np.int64)
    return lists, answer["fit_seconds"], answer["predict_seconds"]


def measure(run, splits):
    rows = []
    for split in splits:
        items = split.train.items.extended(split.test.items.values)
        users = split.train.users.codes(split.test.users.values)
        wanted = split.test.by_user
        order = np.argsort(users)  # peers answer by user code
        codes = items.codes(split.test.items.values)
        lists, fit, predict = run(split, items, users[order])
        by_row = [
            np.isin(row, codes[wanted.indices[wanted.indptr[u] : wanted.indptr[u + 1]]])
            for row, u in zip(lists, order, strict=True)
        ]
        rows.append((ndcg_at_k(np.array(by_row), wanted.counts[order]).mean(), fit, predict))
    return "{:.4f} | {:.2f} | {:.2f}".format(*np.mean(rows, axis=0))


def ask_peer(python, peer):
    def run(split, items, users):
        train = (split.train.user_codes, split.train.item_codes, split.train.ratings)
        test = (users, np.full(len(users), len(items) - 1), np.ones(len(users)))
        return theirs(python, peer, train, test)

    return run


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ratings")
    parser.add_argument("--peers", help="Python of an environment with implicit")
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    data = liked(options.ratings)
    splits = [next(share_of_each_user(data, 0.2, seed)) for seed in range(options.seeds)]
    print("| model | NDCG@20 | fit s | predict s | peer | NDCG@20 | fit s | predict s |")
    print("|---|---|---|---|---|---|---|---|")
    for kind, peer in LINES:
        make_rating_model(kind).fit(splits[0].train.select(np.arange(500)).compact())
        line = measure(lambda s, items, users, k=kind: ours(k, s, users), splits)
        other = measure(ask_peer(options.peers, peer), splits) if peer and options.peers else "| |"
        print(f"| {kind} | {line} | {peer or ''} | {other} |", flush=True)


if __name__ == "__main__":
    main()
