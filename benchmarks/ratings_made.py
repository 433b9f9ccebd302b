"""Users who like looks: how near the hybrids come to what can be known of items nobody rated.

``python benchmarks/ratings_made.py [--items 3000] [--users 1000] [--repeats 3]``

A made catalogue: pictures from Fashion-MNIST, and users with a taste each. An item's looks are the
12 strongest directions of its pixels' square roots, a user's taste is a direction among them, and
how well an item fits a user is their product. Implicit: a user chooses 60 items, each the more
likely the better it fits (Gumbel's draw); the measure is NDCG@20 among items that nobody chose, and
the ceiling is to rank them by their true fit. Explicit: a user rates 60 items drawn at random, one
to five stars for each fifth of the fits, seen through noise; the measure is the share of the
ratings' variance that is explained, and the ceiling is to know every fit but not the noise. A fifth
of the items loses all its ratings.

The hybrids know the warm items' ratings and the pictures as two encoders see them: `looks`, which
is not how they were made, and `pixels` with exponent 0.5, whose 64 directions hold the 12 that
matter. What is missing with the second is what the model does not find out.
"""

import argparse
import time

import numpy as np
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingRegressor

from vitrine import Catalogue, make_encoder
from vitrine.evaluation.ratings import Protocol, cold_items, evaluate_rating_model, join
from vitrine.evaluation.ratings.measures import ndcg_at_k
from vitrine.ratings import Ids, Interactions, ItemFeatures, make_rating_model

TOP_N = 20
N_DIRECTIONS = 12
EACH = 60
SHARPNESS = 2.0
NOISE = 0.5
IMPLICIT = ("hybrid", "mult-vae")
MANY = {"n_factors": 16, "n_samples": 200, "burn_in": 60}
"""Tastes have 12 directions, and the sampler starts with 10."""


def make_tastes(pictures, n_users, rng):
    """Return how well each item fits each user, (n_users, n_items), mean 0 and deviation 1."""
    roots = np.sqrt(pictures.reshape(len(pictures), -1) / 255.0)
    looks = PCA(N_DIRECTIONS, whiten=True, random_state=0).fit_transform(roots)
    tastes = rng.normal(0, 1, (n_users, N_DIRECTIONS))
    tastes /= np.linalg.norm(tastes, axis=1, keepdims=True)
    return tastes @ looks.T


def choose(fit, rng):
    """Return who chose what."""
    drawn = SHARPNESS * fit + rng.gumbel(0, 1, fit.shape)
    items = np.argsort(-drawn, axis=1)[:, :EACH].ravel()
    users = np.repeat(np.arange(len(fit)), EACH)
    return Interactions.from_arrays(users, items, feedback="implicit")


def rate(fit, rng):
    """Return ratings of random items, 1 to 5."""
    items = np.argsort(rng.random(fit.shape), axis=1)[:, :EACH].ravel()
    users = np.repeat(np.arange(len(fit)), EACH)
    borders = np.quantile(fit, [0.2, 0.4, 0.6, 0.8])
    seen = fit[users, items] + rng.normal(0, NOISE, len(users))
    return Interactions.from_arrays(users, items, 1 + np.searchsorted(borders, seen))


def best_ndcg(split, fit):
    """Return the NDCG of each user's list of the cold items by true fit."""
    cold, users = np.array(split.test.items.values), np.array(split.test.users.values)
    order = np.argsort(-fit[np.ix_(users, cold)], axis=1)[:, :TOP_N]
    wanted = split.test.by_user.matrix(len(cold)).toarray() > 0
    return ndcg_at_k(np.take_along_axis(wanted, order, axis=1), wanted.sum(axis=1)).mean()


def best_error(split, fit):
    """Return the mean squared error of each rating's expectation, given its fit."""
    known = fit[split.test.user_ids, split.test.item_ids]
    expected = HistGradientBoostingRegressor(random_state=0).fit(
        fit[split.train.user_ids, split.train.item_ids][:, None], split.train.ratings
    )
    return np.mean((expected.predict(known[:, None]) - split.test.ratings) ** 2)


def explained(errors, ratings):
    return 1 - np.mean(errors) / np.var(ratings)


def measure_choices(data, fit, features, repeats):
    splits = list(cold_items(data, 0.2, repeats))
    top = np.mean([best_ndcg(split, fit) for split in splits])
    print(f"| every taste known | | NDCG@20 {top:.4f} | 1.00 | |")
    lines = [("random", "pixels"), *((kind, seen) for kind in IMPLICIT for seen in features)]
    for kind, seen in lines:
        started = time.process_time()
        model, protocol = make_rating_model(kind), Protocol(TOP_N, only_cold=True)
        found = join([evaluate_rating_model(model, s, protocol, features[seen]) for s in splits])
        value = found.figures(0)["ndcg"].value
        report(kind, seen, f"NDCG@20 {value:.4f}", value / top, started)


def measure_ratings(data, fit, features, repeats):
    splits = list(cold_items(data, 0.2, repeats))
    ratings = np.concatenate([split.test.ratings for split in splits])
    top = explained([best_error(split, fit) for split in splits], ratings)
    print(f"| every taste known | | explained {top:.4f} | 1.00 | |")
    lines = [("biases", {}, "pixels"), *(("bayesian-hybrid", MANY, seen) for seen in features)]
    for kind, params, seen in lines:
        started = time.process_time()
        model = make_rating_model(kind, **params)
        found = join([evaluate_rating_model(model, s, None, features[seen]) for s in splits])
        value = explained(found.errors**2, ratings)
        report(kind, seen, f"explained {value:.4f}", value / top, started)


def report(kind, seen, value, share, started):
    seconds = time.process_time() - started
    print(f"| {kind} | {seen} | {value} | {share:.3f} | {seconds:.0f} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=3000)
    parser.add_argument("--users", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    catalogue = Catalogue.read("fashion-mnist").part("train")
    chosen = catalogue.take(np.sort(rng.choice(len(catalogue), options.items, replace=False)))
    pictures = chosen.pictures()[:]
    fit = make_tastes(pictures, options.users, rng)
    ids = Ids(range(options.items))
    vectors = {
        "pixels": make_encoder("pixels", exponent=0.5, n_components=64).fit_transform(pictures),
        "looks": make_encoder("looks", n_components=64).fit_transform(pictures),
    }
    features = {name: ItemFeatures(ids, {name: block}) for name, block in vectors.items()}
    features["both"] = ItemFeatures(ids, vectors)
    order = rng.permutation(options.items)
    features["both, shuffled"] = ItemFeatures(ids, {n: b[order] for n, b in vectors.items()})
    print("| model | pictures | among items nobody rated | share of the ceiling | CPU s |")
    print("|---|---|---|---|---|")
    measure_choices(choose(fit, rng), fit, features, options.repeats)
    measure_ratings(rate(fit, rng), fit, features, options.repeats)


if __name__ == "__main__":
    main()
