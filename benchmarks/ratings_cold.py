"""NDCG@20 of items nobody rated, recommended by their features, beside shuffled features.

``python benchmarks/ratings_cold.py ml-100k [--posters VECTORS.npz] [--seed 100] [--repeats 5]``

The folder holds MovieLens 100k's ``u.data`` and ``u.item``; VECTORS is what `ratings_posters.py`
writes. Ratings of 4 and more count as liked; users with at least 5 of them stay; a fifth of the
items (of those with a poster, where posters are given) loses all its ratings, once a repeat. The
cold items are ranked among themselves, and among all items that the user has not liked, by `hybrid`
where no other model is named; a plain ridge regression stands beside it. Everything is learned from
warm items, the weight of each block of features too. Differences are paired by user, with 95 %
intervals.
"""

import argparse
import re
import time
from pathlib import Path

import numpy as np

from vitrine.evaluation.bootstrap import bootstrap, paired_difference
from vitrine.evaluation.ratings import cold_items
from vitrine.evaluation.ratings.measures import ndcg_at_k, relevance
from vitrine.ratings import Ids, ItemFeatures, RatingModel, make_rating_model, read_interactions
from vitrine.ratings.interactions import Rows

TOP_N = 20
RIDGE = 200.0
"""Of the plain ridge regression; chosen with seeds 0 to 4."""
PICTURES = ("backbone", "looks", "colour")
PAIRS = (
    ("posters", "shuffled posters"),
    ("genres, year and posters", "genres and year"),
    ("genres, year and posters", "genres, year and shuffled posters"),
    ("genres and year, by rank-blend", "genres and year"),
    ("genres, year and posters, by rank-blend", "genres, year and posters"),
    ("genres, year and posters, by rank-blend", "genres and year, by rank-blend"),
)
OTHERS = ("mult-vae", "rank-blend", "content-profile")
TOLD_TO_OTHERS = ("posters", "genres and year", "genres, year and posters")


def liked(folder):
    data = read_interactions(Path(folder) / "u.data").interactions.liked(4)
    return data.select(data.by_user.counts[data.user_codes] >= 5).compact()


def films(folder, ids):
    """Return genres (n, 19) and years (n, 1) of the films."""
    genres, years = {}, {}
    for line in (Path(folder) / "u.item").read_text(encoding="latin-1").splitlines():
        fields = line.split("|")
        year = re.search(r"\((\d{4})\)", fields[1])
        genres[fields[0]] = [float(flag) for flag in fields[5:24]]
        years[fields[0]] = [float(year.group(1)) if year else 1995.0]
    return np.array([genres[str(i)] for i in ids]), np.array([years[str(i)] for i in ids])


def posters(path, ids):
    """Return blocks of picture vectors by encoder; zeros where there is no poster."""
    with np.load(path) as arrays:
        rows = {name: row for row, name in enumerate(arrays["ids"])}
        places = np.array([rows.get(str(i), -1) for i in ids])
        found = {name: arrays[name][places] for name in PICTURES if name in arrays}
    return {name: np.where(places[:, None] >= 0, block, 0) for name, block in found.items()}


def shuffled(blocks, among, rng):
    """Return the blocks with the rows of `among` dealt anew, the same way in each."""
    order = np.arange(len(among))
    order[among] = rng.permutation(order[among])
    return {name: block[order] for name, block in blocks.items()}


class PlainRidge(RatingModel):
    """Ridge regression from features to who likes an item; numbers as a column for each value."""

    kind = "plain-ridge"
    predicts_ratings = False

    def _fit(self, interactions, features):
        blocks, _ = features.aligned(self.items_)
        columns = np.hstack(
            [b if b.shape[1] > 1 else (b == np.unique(b)).astype(float) for b in blocks.values()]
        )
        likes = self.seen_.matrix(len(self.items_)).toarray()
        warm = likes.any(axis=0)
        middle, usual = columns[warm].mean(axis=0), likes[:, warm].mean(axis=1, keepdims=True)
        told = columns - middle
        gram = told[warm].T @ told[warm] + RIDGE * np.eye(len(middle))
        self.table = (
            usual + (told @ np.linalg.solve(gram, told[warm].T @ (likes[:, warm] - usual).T)).T
        )

    def _scores(self, users):
        return np.where(users[:, None] < 0, 0.0, self.table[users])

    def _predict(self, users, items):
        return self._predict_by_rows(users, items)


def measure(kind, features, splits):
    """Return each user's mean NDCG, (n_users, 2): among cold items, among all; and CPU seconds."""
    started, users, values = time.process_time(), [], []
    for split in splits:
        model = PlainRidge() if kind == PlainRidge.kind else make_rating_model(kind)
        model.fit(split.train, features)
        wanted = split.test.by_user
        codes = model.items_.codes(split.test.items.values)
        wanted = Rows(wanted.indptr, codes[wanted.indices], wanted.ratings)
        asked = model.users_.codes(split.test.users.values)
        warm = np.bincount(model.seen_.indices, minlength=len(model.items_)) > 0
        lists = [model.rank(asked, TOP_N, allowed=allowed)[0] for allowed in (~warm, None)]
        ndcg = [ndcg_at_k(relevance(each, wanted), wanted.counts) for each in lists]
        users += split.test.users.values
        values.append(np.stack(ndcg, axis=1))
    _, rows = np.unique(np.array(users), return_inverse=True)
    stacked = np.concatenate(values)
    sums = np.stack([np.bincount(rows, column) for column in stacked.T], axis=1)
    return sums / np.bincount(rows)[:, None], time.process_time() - started


def sources(options, ids):
    """Return blocks of features by name, and which items may be drawn."""
    genres, years = films(options.folder, ids)
    facts = {"genres": genres, "year": years}
    decades = {"genres": genres, "decade": years // 10}
    found = {"genres and year": facts, "genres and decade": decades}
    if not options.posters:
        return found, None
    looks = posters(options.posters, ids)
    among = np.any([block.any(axis=1) for block in looks.values()], axis=0)
    dealt = shuffled(looks, among, np.random.default_rng(0))
    for name in looks:
        found[f"posters, {name} alone"] = {name: looks[name]}
    return found | {
        "posters": looks,
        "shuffled posters": dealt,
        "genres, year and posters": facts | looks,
        "genres, year and shuffled posters": facts | dealt,
    }, among


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("--posters", help="npz of ids and vectors")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seed", type=int, default=100)
    parser.add_argument("--only", help="run only the lines whose name holds this")
    options = parser.parse_args()
    data = liked(options.folder)
    ids = list(data.items.values)
    found, among = sources(options, ids)
    seeds = range(options.seed, options.seed + options.repeats)
    splits = [next(cold_items(data, 0.2, 1, seed, among=among)) for seed in seeds]
    kept = {}
    print("| features | NDCG@20 among cold items | 95 % interval | among all | CPU s |")
    print("|---|---|---|---|---|", flush=True)
    lines = [("random", "random", found["genres and year"])]
    lines += [(name, "hybrid", blocks) for name, blocks in found.items()]
    plain = ("genres and decade", "genres and year")
    lines += [(f"{name}, by a plain ridge", PlainRidge.kind, found[name]) for name in plain]
    for name in filter(found.__contains__, TOLD_TO_OTHERS):
        lines += [(f"{name}, by {kind}", kind, found[name]) for kind in OTHERS]
    for name, kind, blocks in lines:
        if options.only and options.only not in name:
            continue
        features = ItemFeatures(Ids(ids), {n: b.astype(np.float32) for n, b in blocks.items()})
        values, seconds = measure(kind, features, splits)
        kept[name] = values[:, 0]
        alone, everywhere = bootstrap(values)
        interval = f"{alone.low:.4f} to {alone.high:.4f}"
        print(f"| {name} | {alone.value:.4f} | {interval} | {everywhere.value:.4f} "
              f"| {seconds:.0f} |", flush=True)  # fmt: skip
    for one, two in PAIRS:
        if one in kept and two in kept:
            gap = paired_difference(kept[one], kept[two])
            print(f"{one} less {two}: {gap.value:+.4f} ({gap.low:+.4f} to {gap.high:+.4f})")


if __name__ == "__main__":
    main()
