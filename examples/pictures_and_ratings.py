# %% [markdown]
"""# Pictures and ratings: what a product looks like, and how it is rated.

The published way, on reviews in Amazon's form: a pretrained network turns each product's picture
into a vector; k-means groups the vectors, and the groups are held against the categories; a
k-nearest-neighbour classifier predicts a review's stars from its product's picture. Its accuracy
says little by itself: most reviews give five stars, so it stands beside always saying five. Then
what Vitrine makes of the same data, where ratings and pictures are learned together.

    python examples/pictures_and_ratings.py reviews.json.gz meta.json.gz pictures/
    python examples/pictures_and_ratings.py … --encoder pretrained:resnet18   # the published one

A picture's file name is its product's `asin`; nothing is downloaded from the URLs in the files.
"""

# %%
from __future__ import annotations

import argparse
import csv
import gzip
import json
import shutil
from pathlib import Path

import numpy as np

from vitrine import Catalogue, Shop, make_encoder
from vitrine.evaluation.ratings import compare_rating_models, random_folds, rating_from_picture
from vitrine.ratings import Ids, ItemFeatures, make_rating_model, read_interactions

parser = argparse.ArgumentParser()
parser.add_argument("reviews", nargs="?", default="reviews.json.gz", help="one review a line")
parser.add_argument("meta", nargs="?", default="meta.json.gz", help="one product a line")
parser.add_argument("pictures", nargs="?", default="pictures", help="a folder of asin.jpg")
parser.add_argument("--encoder", default="looks", help="pretrained:resnet18, onnx:FILE, …")
parser.add_argument("--folds", type=int, default=5)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--out", type=Path, default=Path("figures/pictures_and_ratings"))
settings, _ = parser.parse_known_args()  # a notebook has arguments of its own

# %% [markdown]
# ## Reviews, products, pictures
# A user's last review of a product counts. Rows that cannot be read are counted, with a reason.

# %%
reading = read_interactions(settings.reviews)
ratings = reading.interactions
stars, times = np.unique(ratings.ratings, return_counts=True)
print(f"{len(ratings):,} ratings of {ratings.n_items:,} products")
print(f"{len(reading.rejected)} rows refused")
for star, n in zip(stars, times, strict=True):
    print(f"  {star:.0f} stars {n / len(ratings):>4.0%}")

# %%
opened = gzip.open if settings.meta.endswith(".gz") else open
with opened(settings.meta, "rt", encoding="utf-8") as lines:
    products = [json.loads(line) for line in lines]
category = {product["asin"]: product["category"][-1] for product in products}
shutil.rmtree(settings.out, ignore_errors=True)
settings.out.mkdir(parents=True)
with (settings.out / "products.csv").open("w", newline="", encoding="utf-8") as file:
    csv.writer(file).writerows([("id", "category"), *category.items()])
catalogue = Catalogue.read(settings.out / "products.csv", pictures=settings.pictures)
print(f"{len(catalogue):,} products with a picture, {len(set(category.values()))} categories")

# %% [markdown]
# ## Vectors, and k-means against category
# One shop holds pictures, vectors and groups. The adjusted Rand index is 1 where groups and
# categories are the same, and 0 where they agree by chance.

# %%
encoder = make_encoder(settings.encoder)
n_categories = len(set(category.values()))
with Shop.create(settings.out / "shop", catalogue, encoder, label="category") as shop:
    groups = shop.cluster(n_categories, label="category")
print(f"{groups.k} groups against categories: adjusted Rand index {groups.agreement:.2f}")
for number, row in enumerate(groups.table):
    print(f"  group {number}: " + ", ".join(f"{name} {n}" for name, n in row.items()))

# %% [markdown]
# ## Stars from pictures
# Each review's stars by vote of the reviews of the most similar pictures. All reviews of a product
# are on one side of the split; with the same picture on both, the classifier would only look up
# what others said of the same product.

# %%
vectors = encoder.transform(catalogue.pictures())
place = {str(item): row for row, item in enumerate(catalogue.item_ids)}
pictured = np.array([str(item) in place for item in ratings.item_ids])
known = ratings.select(pictured)
seen = [place[str(item)] for item in known.item_ids]
vote = rating_from_picture(vectors[seen], known.ratings, seen, random_state=settings.seed)
print(f"{vote.n_train:,} reviews to learn from, {vote.n_test:,} to tell")
print(f"by pictures          {vote.accuracy} right")
print(f"always {vote.usual:.0f} stars       {vote.always_usual} right")
print(f"difference           {vote.difference}")

# %% [markdown]
# ## Ratings and pictures together
# On random folds. `visual-knn` predicts from what the user and others thought of what looks alike;
# its form `vote` is the classifier above, for items; `bayesian-hybrid` starts an item from its
# picture and moves away from it with every rating.

# %%
features = ItemFeatures(Ids(place), {"looks": vectors})
models = {
    "mean": make_rating_model("mean"),
    "biases": make_rating_model("biases"),
    "visual-knn, vote": make_rating_model("visual-knn", form="vote"),
    "visual-knn": make_rating_model("visual-knn"),
    "bayesian-svdpp": make_rating_model("bayesian-svdpp"),
    "bayesian-hybrid": make_rating_model("bayesian-hybrid"),
}
folds = list(random_folds(ratings, settings.folds, settings.seed))
for result in compare_rating_models(models, folds, item_features=features):
    error = result.figures()["rmse"]
    print(f"{result.model:<18} RMSE {error.value:.4f} ({error.low:.4f} to {error.high:.4f})")
