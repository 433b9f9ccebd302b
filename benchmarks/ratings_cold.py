"""NDCG@20 of items nobody rated, recommended by their features, beside shuffled features.

``python benchmarks/ratings_cold.py ml-100k [--posters VECTORS.npz]``

The folder holds MovieLens 100k's ``u.data`` and ``u.item``. Ratings of 4 and more count as liked;
users with at least 5 of them stay; a fifth of the items loses all its ratings, five times over; the
cold items are ranked among themselves. VECTORS holds ``ids`` and ``vectors`` of the posters.
"""

import argparse
import re
import time
from pathlib import Path

import numpy as np

from vitrine.evaluation.bootstrap import paired_difference
from vitrine.evaluation.ratings import Protocol, cold_items, evaluate_rating_model, join
from vitrine.ratings import Ids, ItemFeatures, make_rating_model, read_interactions


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
    return np.array([genres[i] for i in ids]), np.array([years[i] for i in ids])


def posters(path, ids, rng=None):
    with np.load(path) as arrays:
        rows = {str(i): row for row, i in enumerate(arrays["ids"])}
        vectors = arrays["vectors"]
    if rng is not None:
        vectors = rng.permutation(vectors)
    return np.array([vectors[rows[i]] if i in rows else 0 * vectors[0] for i in ids])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("--posters", help="npz of ids and vectors")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    data = liked(options.folder)
    ids = list(data.items.values)
    genres, years = films(options.folder, ids)
    facts = {"genres": genres, "year": years}
    sources = {"genres and year": facts, "genres and decade": facts | {"year": years // 10}}
    among = None
    if options.posters:
        looks = posters(options.posters, ids)
        shuffled = posters(options.posters, ids, np.random.default_rng(0))
        among = looks.any(axis=1)
        sources |= {
            "posters": {"posters": looks},
            "shuffled posters": {"posters": shuffled},
            "genres, year and posters": facts | {"posters": looks},
            "genres, year and shuffled posters": facts | {"posters": shuffled},
        }
    splits = list(cold_items(data, 0.2, options.repeats, among=among))
    protocol = Protocol(top_n=20, only_cold=True)
    kept = {}
    print("| features | NDCG@20 | 95 % interval | seconds |\n|---|---|---|---|")
    for name, blocks in sources.items():
        started = time.process_time()
        features = ItemFeatures(Ids(ids), {n: b.astype(np.float32) for n, b in blocks.items()})
        model = make_rating_model("hybrid")
        result = join([evaluate_rating_model(model, s, protocol, features, name) for s in splits])
        figure = result.figures()["ndcg"]
        seconds = time.process_time() - started
        print(f"| {name} | {figure.value:.4f} | {figure.low:.4f} to {figure.high:.4f} "
              f"| {seconds:.0f} |", flush=True)  # fmt: skip
        kept[name] = result.user_values()[1][:, 0]
    for one, two in (("posters", "shuffled posters"),
                     ("genres, year and posters", "genres and year")):  # fmt: skip
        if one in kept:
            difference = paired_difference(kept[one], kept[two])
            low, high = difference.low, difference.high
            print(f"{one} less {two}: {difference.value:+.4f} ({low:+.4f} to {high:+.4f})")


if __name__ == "__main__":
    main()
