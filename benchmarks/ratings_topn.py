"""NDCG@20 and CPU seconds of top-N models beside `implicit`'s, on the same splits.

``python benchmarks/ratings_topn.py ml-100k [--peers PYTHON] [--seeds 10] [--all-ratings]``

The folder holds MovieLens 100k's ``u.data``, ``u.item`` and ``u.user``. Ratings of 4 and more count
as liked; users with at least 5 of them stay; a random fifth of each user's is asked for; all unseen
items are ranked. What is printed is the mean over the seeds of the split, and the standard
deviation between them. PEERS is the Python of an environment with implicit.

Models learn from likes alone, as in published tables: then a film that the user rated 2 is ranked
as one that was never seen. With ``--all-ratings`` they are given four fifths of each user's lower
ratings too, which every shop that has ratings knows: what was rated is not recommended again, and
tells what the user likes. The same likes are asked for.

In between, and without that option, lie the lines *told 4 from 5*: the same likes and no other
ratings, but with their stars, which say what is liked most. The lines *and who asks* are told the
users' age, sex and occupation.
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

import numpy as np

from ratings_cold import films
from vitrine.evaluation.ratings import RatingSplit, share_of_each_user
from vitrine.evaluation.ratings.measures import ndcg_at_k
from vitrine.ratings import (
    Ids,
    Interactions,
    ItemFeatures,
    make_rating_model,
    read_interactions,
    read_users,
)
from vitrine.ratings.rank_blend import DEFAULT_RANKERS

PUBLISHED = {"user_scaling": 0.0, "frequency_scaling": 0.0, "rating_power": 0.0}
LEANING = {"likeness_weight": 30.0}
FACTS = " with genres and year"
STARS = ", told 4 from 5"
PEOPLE = " and who asks"
STARS_WEIGHT = 0.2
"""Of the model of ratings, where these are 4 or 5; chosen on splits of the first train part."""


def of_stars(with_features):
    """Return a rank-blend's parameters for which a 4 is as much of a choice as a 5."""
    rankers = [r for r in DEFAULT_RANKERS if with_features or not r.of_features]
    alike = {"rating_power": 0.0}
    return {
        "models": [(r.name, r.params | ({} if r.of_ratings else alike)) for r in rankers],
        "weights": [STARS_WEIGHT if r.of_ratings else r.weight for r in rankers],
    }


LINES = [
    ("popularity", "popularity", {}, None),
    ("ease, as published", "ease", PUBLISHED, None),
    ("ease", "ease", {}, None),
    ("implicit-als", "implicit-als", {}, "implicit-als"),
    ("bpr", "bpr", {}, "implicit-bpr"),
    ("mult-vae", "mult-vae", {}, None),
    ("rank-blend", "rank-blend", {}, None),
    ("hybrid" + FACTS, "hybrid", LEANING, None),
    ("mult-vae" + FACTS, "mult-vae", {}, None),
    ("rank-blend" + FACTS, "rank-blend", {}, None),
    ("rank-stack" + FACTS, "rank-stack", {}, None),
    ("rank-stack" + FACTS + PEOPLE, "rank-stack", {}, None),
    ("rank-blend" + STARS, "rank-blend", of_stars(with_features=False), None),
    ("rank-blend" + FACTS + STARS, "rank-blend", of_stars(with_features=True), None),
    (
        "rank-stack" + FACTS + PEOPLE + STARS,
        "rank-stack",
        of_stars(with_features=True) | {"rating_power": 0.0},
        None,
    ),
]


def liked(data):
    data = data.liked(4)
    return data.select(data.by_user.counts[data.user_codes] >= 5).compact()


def with_lower_ratings(split, ratings, seed):
    """Return the split with graded training ratings, and four fifths of each user's below 4."""
    known = set(zip(split.train.user_ids, split.train.item_ids, strict=True))
    users = set(split.train.users.values)
    drawn = np.random.default_rng([seed, 1]).random(len(ratings)) < 0.8
    columns = ratings.user_ids, ratings.item_ids, ratings.ratings, ratings.timestamps
    kept = [
        (user, item, rating, time)
        for user, item, rating, time, lucky in zip(*columns, drawn, strict=True)
        if (user, item) in known or (rating < 4 and lucky and user in users)
    ]
    train = Interactions.from_arrays(*map(list, zip(*kept, strict=True)))
    return RatingSplit(split.name, train, split.test)


def with_stars(split, ratings):
    """Return the split with the same training likes, as the ratings that they were."""
    stars = dict(
        zip(zip(ratings.user_ids, ratings.item_ids, strict=True), ratings.ratings, strict=True)
    )
    users, items = list(split.train.user_ids), list(split.train.item_ids)
    told = [stars[pair] for pair in zip(users, items, strict=True)]
    train = Interactions.from_arrays(users, items, told, split.train.timestamps)
    return RatingSplit(split.name, train, split.test)


def ours(kind, params, split, items, users, features, people):
    known = split.train.described_by(people)
    started = time.process_time()
    model = make_rating_model(kind, **params).fit(known, features)
    fitted = time.process_time()
    lists, _ = model.rank(users, 20)
    predicted = time.process_time()
    codes = np.append(items.codes(model.items_.values), -1)  # the features may order items anew
    return codes[lists], fitted - started, predicted - fitted


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
    value, fit, predict = np.mean(rows, axis=0)
    spread = np.std([row[0] for row in rows], ddof=1) if len(rows) > 1 else 0.0
    return f"{value:.4f} ± {spread:.4f} | {fit:.2f} | {predict:.2f}"


def ask_peer(python, peer):
    def run(split, items, users):
        train = (split.train.user_codes, split.train.item_codes, split.train.ratings)
        test = (users, np.full(len(users), len(items) - 1), np.ones(len(users)))
        return theirs(python, peer, train, test)

    return run


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("--peers", help="Python of an environment with implicit")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--all-ratings", action="store_true", help="give lower ratings as well")
    parser.add_argument("--only", help="run only the line of this name, or those that hold it")
    options = parser.parse_args()
    ratings = read_interactions(Path(options.folder) / "u.data").interactions
    data = liked(ratings)
    ids = list(data.items.values)
    genres, years = films(options.folder, ids)
    blocks = {"genres": genres.astype(np.float32), "year": years.astype(np.float32)}
    described = read_users(Path(options.folder) / "u.user").features()
    splits = [next(share_of_each_user(data, 0.2, seed)) for seed in range(options.seeds)]
    starred = [with_stars(split, ratings) for split in splits]
    if options.all_ratings:
        splits = [with_lower_ratings(s, ratings, seed) for seed, s in enumerate(splits)]
    print("| model | NDCG@20 | fit s | predict s | peer | NDCG@20 | fit s | predict s |")
    print("|---|---|---|---|---|---|---|---|")
    exact = [line for line in LINES if line[0] == options.only]
    for name, kind, params, peer in exact or LINES:
        if (options.only and options.only not in name) or (options.all_ratings and STARS in name):
            continue
        features = ItemFeatures(Ids(ids), blocks) if FACTS in name else None
        people = described if PEOPLE in name else None
        told = starred if STARS in name else splits
        some = told[0].train.select(np.arange(500)).compact().described_by(people)
        make_rating_model(kind, **params).fit(some, features)
        line = measure(
            lambda *asked, k=kind, p=params, f=features, u=people: ours(k, p, *asked, f, u), told
        )
        asked = peer and options.peers and not options.all_ratings
        other = measure(ask_peer(options.peers, peer), splits) if asked else "| |"
        print(f"| {name} | {line} | {peer or ''} | {other} |", flush=True)


if __name__ == "__main__":
    main()
