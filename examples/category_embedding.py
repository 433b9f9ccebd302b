# %% [markdown]
"""# A classifier's middle layer as an embedding of products.

The published way: a pretrained network's features → standardise → dense 1024 ReLU → dropout 0.7 →
dense 512 ReLU → dropout 0.7 → softmax over the shop's categories. The 512 numbers before the
softmax, standardised, describe a product; the six nearest by Euclidean distance are shown beside
it. Published with ResNet-50's features; any network will do.

    python examples/category_embedding.py PHOTOS --backbone pretrained:resnet50
    python examples/category_embedding.py PHOTOS --backbone onnx:mobilenet_v2.onnx:mean=0.5:std=0.5
    python examples/category_embedding.py PHOTOS --backbone looks --epochs 4   # no network at all

PHOTOS is a folder of class folders, with or without parts (`train`, `validation`).
"""

# %%
from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from showing import keep, picture_rows, print_beside
from vitrine.catalogue import Catalogue
from vitrine.charts import learning_curves
from vitrine.encoders.category import Category
from vitrine.encoders.features import features_of
from vitrine.encoders.preprocessing import Preprocessing
from vitrine.encoders.specifications import read_encoder, split_options
from vitrine.evaluation import evaluate, train_test_split_catalogue
from vitrine.index import NearestNeighbours

parser = argparse.ArgumentParser()
parser.add_argument("photos", metavar="PHOTOS")
parser.add_argument("--backbone", default="pretrained:resnet50", metavar="NAME[:OPTION=VALUE...]")
parser.add_argument("--label", default="category")
parser.add_argument("--epochs", type=int, default=32)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--out", type=Path, default=Path("figures/category_embedding"))
settings, _ = parser.parse_known_args()  # a notebook has arguments of its own

# %% [markdown]
# ## The photos
# In two parts: what is learned from, and what is asked about.

# %%
split = train_test_split_catalogue(
    Catalogue.read(settings.photos), settings.label, random_state=settings.seed
)
train, test = split.train.readable(), split.test.readable()
train_labels, test_labels = train.values(settings.label), test.values(settings.label)
print(f"{len(train):,} photos to learn from, {len(test):,} to ask about ({split.how})")

# %% [markdown]
# ## The frozen network's features
# Each photo becomes one vector; nothing is learned. They are kept in the user's cache, so that
# the head can be trained again in seconds.

# %%
backbone = read_encoder(settings.backbone, settings.seed).fit(train.pictures())
features = features_of(backbone, train.pictures())
print(f"{settings.backbone}: {features.shape[1]:,} features a photo")

# %% [markdown]
# ## The head
# Every number of the recipe: Adam at 0.0004, batches of 64, a fifth of each category watched
# instead of learned, every category weighing the same. The weights of the best epoch are kept.

# %%
name, options = split_options(settings.backbone)
encoder = Category(
    backbone=name,
    backbone_options=tuple(options),
    preset="classic",
    standardize="each",
    hidden=(1024, 512),
    dropout=0.7,
    learning_rate=4e-4,
    head_batch_size=64,
    epochs=settings.epochs,
    validation_share=0.2,
    class_weight="balanced",
    distance="standardized",
    random_state=settings.seed,
)
encoder.fit(train.pictures(), train_labels)
keep(learning_curves(encoder.history_), settings.out / "learning.html")

# %% [markdown]
# ## As a classifier

# %%
right = np.mean([str(one) for one in encoder.predict(test.pictures())] == np.array(test_labels))
print(f"the right category for {right:.1%} of the photos asked about")

# %% [markdown]
# ## As an embedding
# The six nearest photos of the training part for each photo asked about, with their categories;
# beside the features as they came.

# %%
gallery, queries = (features_of(encoder, part.pictures()) for part in (train, test))
index = NearestNeighbours(encoder.distance_).build(gallery)
nearest = index.search(queries, 6).positions
shown = np.linspace(0, len(test) - 1, min(8, len(test))).astype(int)
for row in shown:
    found = ", ".join(train_labels[place] for place in nearest[row])
    print(f"{test_labels[row]:<14}→ {found}")

# %%
small = Preprocessing(96, 96, 3, "pad")
asked, held = test.pictures(), train.pictures()
rows = [
    [small.apply(asked[int(row)]), *(small.apply(held[int(place)]) for place in nearest[row])]
    for row in shown
]
keep(picture_rows(rows), settings.out / "nearest.html")

# %% [markdown]
# ## How good it is

# %%
before = evaluate(
    features_of(backbone, test.pictures()), test_labels, features, train_labels,
    distance=backbone.distance_,
)  # fmt: skip
after = evaluate(queries, test_labels, gallery, train_labels, distance=encoder.distance_)
print_beside(
    [
        ("features: nearest of the same category", "", str(before.same_category_rate)),
        ("embedding: nearest of the same category", "", str(after.same_category_rate)),
    ]
)
