# %% [markdown]
"""# Film ratings by factors: PCA, SVD, SVD++ and what stands beside them.

The published way: a matrix of users and films with few of its fields known, squeezed through a few
factors, and filled again from them. How far from the held-out ratings that is (RMSE, in stars),
model by model on the same folds, and what the models would recommend to one user.

    python examples/ratings_svd.py ml-100k                   # MovieLens 100k's folder, minutes
    python examples/ratings_svd.py ml-100k --folds 2 --user 42
"""

# %%
from __future__ import annotations

import argparse
from pathlib import Path

from vitrine.evaluation.ratings import compare_rating_models, random_folds
from vitrine.ratings import make_rating_model, read_interactions

parser = argparse.ArgumentParser()
parser.add_argument("folder", nargs="?", default="ml-100k", help="with u.data, and u.item if there")
parser.add_argument("--folds", type=int, default=5)
parser.add_argument("--user", help="whom to recommend to; the most active one by default")
parser.add_argument("--seed", type=int, default=0)
settings, _ = parser.parse_known_args()  # a notebook has arguments of its own

# %% [markdown]
# ## The ratings

# %%
folder = Path(settings.folder)
ratings = read_interactions(folder / "u.data").interactions
print(f"{len(ratings):,} ratings of {ratings.n_items:,} films by {ratings.n_users:,} users")
print(f"{len(ratings) / ratings.n_items / ratings.n_users:.1%} of the matrix is known")

# %%
titles = {}
if (folder / "u.item").exists():
    lines = (folder / "u.item").read_text(encoding="latin-1").splitlines()
    titles = {number: title for number, title, *_ in (line.split("|") for line in lines)}

# %% [markdown]
# ## RMSE on held-out ratings
# `pca` and `truncated-svd` fill what is missing with what the biases of user and film say, then
# keep the strongest directions. `svd` and `svdpp` learn from the known fields alone, by gradient
# descent; SVD++ also from which films somebody rated at all. `bayesian-svdpp` averages many such
# models. Intervals are over resampled users.

# %%
names = ["mean", "biases", "pca", "truncated-svd", "item-knn", "svd", "svdpp", "bayesian-svdpp"]
folds = list(random_folds(ratings, settings.folds, settings.seed))
results = compare_rating_models({name: make_rating_model(name) for name in names}, folds)
print(f"{'model':<16}{'RMSE':>8}{'MAE':>8}   95 % interval of RMSE   seconds to fit")
for result in results:
    figures = result.figures()
    error = figures["rmse"]
    print(
        f"{result.model:<16}{error.value:>8.4f}{figures['mae'].value:>8.4f}"
        f"   {error.low:.4f} to {error.high:.4f}       {result.fit_seconds / len(folds):>8.1f}"
    )

# %% [markdown]
# ## One user
# What the user rated best, and what each model recommends of all the films not rated yet.

# %%
user = ratings.users.values[int(ratings.by_user.counts.argmax())]
if settings.user is not None:
    user = type(user)(settings.user)
rows = zip(ratings.user_ids, ratings.item_ids, ratings.ratings, strict=True)
mine = sorted((-stars, item) for who, item, stars in rows if who == user)
print(f"User {user} rated {len(mine)} films, best of all:")
for stars, item in mine[:5]:
    print(f"  {-stars:.0f}  {titles.get(str(item), item)}")

# %%
for name in ("svd", "svdpp", "bayesian-svdpp"):
    model = make_rating_model(name).fit(ratings)
    print(f"\n{name} recommends to user {user}:")
    for pick in model.recommend([user], k=5)[0]:
        print(f"  {pick.score:.2f}  {titles.get(str(pick.item_id), pick.item_id)}")

# %% [markdown]
# ## One film
# What is like it in the model's factors.

# %%
item = ratings.items.values[int(ratings.by_item.counts.argmax())]
print(f"\nLike {titles.get(str(item), item)}:")
for pick in model.similar_items([item], k=5)[0]:
    print(f"  {pick.score:.2f}  {titles.get(str(pick.item_id), pick.item_id)}")
