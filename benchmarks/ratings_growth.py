"""How fit seconds and memory grow with the number of ratings, and how fast one user is served.

``python benchmarks/ratings_growth.py [--sizes 100000 1000000 10000000] [--models NAME …]``

Synthetic choices with real skew: users' activity is log-normal, items' popularity falls as a power
of their rank, and 20 groups of taste prefer items of their own. For 10^5, 10^6 and 10^7 ratings
there are 2,000, 20,000 and 200,000 users and 2,000, 20,000 and 100,000 items. Every fit runs in a
process of its own, on one thread; memory is what that process had at most, less what it had before
(Linux). A model that would not fit into memory says so. Served is one user out of all items, ten of
them, as `RatingModel.recommend` does it, and all users by the thousand (of at most 10,000) in
blocks.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy as np

from vitrine.errors import InputError
from vitrine.ratings import Interactions, make_rating_model, rating_model_class

SIZES = {100_000: (2_000, 2_000), 1_000_000: (20_000, 20_000), 10_000_000: (200_000, 100_000)}
MODELS = ("popularity", "biases", "svd", "svdpp", "implicit-als", "bpr", "ease")
N_GROUPS = 20


def synthetic(n_ratings, feedback, seed=0):
    """Return about `n_ratings` interactions; a pair that is drawn twice is one."""
    n_users, n_items = SIZES[n_ratings]
    rng = np.random.default_rng(seed)
    activity = rng.lognormal(0, 1, n_users)
    popularity = (np.arange(n_items) + 20.0) ** -0.9
    groups = rng.integers(0, N_GROUPS, n_items)
    drawn = int(1.15 * n_ratings)
    users = np.sort(rng.choice(n_users, drawn, p=activity / activity.sum()))
    items = rng.choice(n_items, drawn, p=popularity / popularity.sum())
    own = rng.random(drawn) < 0.7  # seven of ten are of the user's own group
    for group in range(N_GROUPS):
        mine = own & (users % N_GROUPS == group)
        shares = popularity * (groups == group)
        items[mine] = rng.choice(n_items, mine.sum(), p=shares / shares.sum())
    if feedback == "implicit":
        return Interactions.from_arrays(users, items, feedback="implicit", duplicates="last")
    liked = groups[items] == users % N_GROUPS
    ratings = np.clip(np.round(3 + liked + rng.normal(0, 0.8, drawn)), 1, 5)
    return Interactions.from_arrays(users, items, ratings)


def forget_peak():
    """Let the highest memory so far be forgotten (Linux)."""
    Path("/proc/self/clear_refs").write_text("5")


def peak():
    """Return the highest memory since then, in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 2**10


def one(kind, n_ratings):
    """Fit once and serve; print what it took as JSON."""
    feedback = "explicit" if rating_model_class(kind).predicts_ratings else "implicit"
    warm_up = synthetic(100_000, feedback).select(np.arange(2_000)).compact()
    make_rating_model(kind).fit(warm_up).recommend([0], 10)
    data = synthetic(n_ratings, feedback)
    forget_peak()
    before, started = peak(), time.process_time()
    try:
        model = make_rating_model(kind).fit(data)
    except InputError as error:
        print(json.dumps({"refused": str(error)}))
        return
    fitted, memory = time.process_time() - started, peak() - before
    users = list(data.users.values[:: max(1, data.n_users // 50)])
    seconds = []
    for user in users:
        started = time.perf_counter()
        model.recommend([user], 10)
        seconds.append(time.perf_counter() - started)
    some = np.arange(min(10_000, data.n_users), dtype=np.int32)
    started = time.process_time()
    model.rank(some, 20)
    thousand = (time.process_time() - started) / len(some) * 1000
    figures = {"ratings": len(data), "fit": fitted, "memory": memory, "thousand": thousand}
    print(json.dumps(figures | {"one": 1000 * float(np.median(seconds))}))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES), choices=list(SIZES))
    parser.add_argument("--models", nargs="+", default=list(MODELS))
    parser.add_argument("--one", nargs=2, metavar=("MODEL", "SIZE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        one(options.one[0], int(options.one[1]))
        return
    print(
        "| model | ratings | users | items | fit CPU s | memory MB | one user ms | 1,000 users s |"
    )
    print("|---|---|---|---|---|---|---|---|", flush=True)
    for kind in options.models:
        for size in options.sizes:
            command = [sys.executable, __file__, "--one", kind, str(size)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            found = json.loads(done.stdout.strip().splitlines()[-1])
            users, items = SIZES[size]
            begin = f"| {kind} | {found.get('ratings', size):,} | {users:,} | {items:,} |"
            if "refused" in found:
                print(f"{begin} refused: {found['refused']} | | | |", flush=True)
                continue
            print(f"{begin} {found['fit']:.1f} | {found['memory']:.0f} | {found['one']:.1f} "
                  f"| {found['thousand']:.2f} |", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
