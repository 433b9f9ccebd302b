"""One fit of one peer library, run by its own Python; prints its figures as JSON.

``python ratings_peers.py PEER SPLIT.npz``: the split holds train and test as codes and ratings. Not
imported by anything: the other benchmarks start it with the interpreter given by ``--peers``.
"""

import json
import sys
import time

import numpy as np


def surprise_model(make):
    def run(train, test):
        import pandas as pd
        import surprise

        columns = {"u": train[0], "i": train[1], "r": train[2]}
        reader = surprise.Reader(rating_scale=(train[2].min(), train[2].max()))
        data = surprise.Dataset.load_from_df(pd.DataFrame(columns), reader)
        trainset = data.build_full_trainset()
        started = time.process_time()
        model = make(surprise).fit(trainset)
        fitted = time.process_time()
        predicted = [model.predict(u, i).est for u, i in zip(test[0], test[1], strict=True)]
        return np.array(predicted), fitted - started, time.process_time() - fitted

    return run


def surprise_knn(surprise):
    options = {"name": "pearson_baseline", "user_based": False}
    return surprise.KNNBaseline(k=40, sim_options=options, verbose=False)


def cornac_mf(train, test):
    import cornac

    rows = list(zip(*train, strict=True))
    dataset = cornac.data.Dataset.from_uir(rows, seed=0)
    started = time.process_time()
    model = cornac.models.MF(
        k=50, max_iter=100, learning_rate=0.01, lambda_reg=0.1, use_bias=True, seed=0, num_threads=1
    ).fit(dataset)
    fitted = time.process_time()
    users, items = dataset.uid_map, dataset.iid_map
    predicted = [
        model.rate(users.get(u, len(users)), items.get(i, len(items)))
        for u, i in zip(test[0], test[1], strict=True)
    ]
    return np.array(predicted), fitted - started, time.process_time() - fitted


def myfm_flipped(train, test):
    """MyFM's SVD++ with flipped features, told of the training pairs only."""
    import myfm
    import scipy.sparse as sp

    n_users, n_items = (1 + max(train[c].max(), test[c].max()) for c in (0, 1))
    links = sp.csr_matrix((np.ones(len(train[0])), (train[0], train[1])), (n_users, n_items))

    def block(links):
        counts = np.asarray(links.sum(axis=1)).ravel()
        shares = sp.diags(1 / np.sqrt(np.maximum(counts, 1)))
        return sp.csr_matrix(sp.hstack([sp.eye(links.shape[0]), shares @ links]))

    blocks = [block(links), block(links.T.tocsr())]
    shapes = [n_users, n_items, n_items, n_users]
    relations = [
        [myfm.RelationBlock(part[0], blocks[0]), myfm.RelationBlock(part[1], blocks[1])]
        for part in (train, test)
    ]
    started = time.process_time()
    model = myfm.MyFMRegressor(rank=10, random_seed=0)
    model.fit(
        None, train[2], X_rel=relations[0], n_iter=200, n_kept_samples=180, group_shapes=shapes
    )
    fitted = time.process_time()
    predicted = model.predict(None, X_rel=relations[1])
    return predicted, fitted - started, time.process_time() - fitted


def implicit_model(make):
    def run(train, test):
        import implicit.cpu.als
        import implicit.cpu.bpr
        import scipy.sparse as sp

        n_items = 1 + max(train[1].max(), test[1].max())
        weights = np.ones(len(train[0]), np.float32)
        chosen = sp.csr_matrix((weights, (train[0], train[1])), (1 + train[0].max(), n_items))
        started = time.process_time()
        model = make(implicit)
        model.fit(chosen, show_progress=False)
        fitted = time.process_time()
        users = np.unique(test[0])
        lists, _ = model.recommend(users, chosen[users], N=20)
        return lists, fitted - started, time.process_time() - fitted

    return run


def implicit_als(implicit):
    return implicit.cpu.als.AlternatingLeastSquares(
        factors=32, regularization=10.0, alpha=10.0, iterations=15, random_state=0, num_threads=1
    )


def implicit_bpr(implicit):
    """Return the default settings: the best of five tried on a validation part."""
    return implicit.cpu.bpr.BayesianPersonalizedRanking(random_state=0, num_threads=1)


PEERS = {
    "surprise-biases": surprise_model(lambda s: s.BaselineOnly(verbose=False)),
    "surprise-item-knn": surprise_model(surprise_knn),
    "surprise-svd": surprise_model(lambda s: s.SVD(random_state=0)),
    "surprise-svdpp": surprise_model(lambda s: s.SVDpp(random_state=0, cache_ratings=True)),
    "cornac-mf": cornac_mf,
    "myfm-flipped": myfm_flipped,
    "implicit-als": implicit_model(implicit_als),
    "implicit-bpr": implicit_model(implicit_bpr),
}


def main():
    name, path = sys.argv[1:]
    with np.load(path) as arrays:
        train, test = ([arrays[f"{part}_{c}"] for c in "uir"] for part in ("train", "test"))
    output, fit_seconds, predict_seconds = PEERS[name](train, test)
    print(json.dumps({
        "output": np.asarray(output, dtype=float).tolist(),
        "fit_seconds": fit_seconds,
        "predict_seconds": predict_seconds,
    }))  # fmt: skip


if __name__ == "__main__":
    main()
