# %% [markdown]
"""# Photos in colour: the convolutional autoencoder.

The published way: photos of 150×150 pixels go through three convolutions with max-pooling into a
code of 19×19×8 numbers and back; the five nearest codes are the recommendations. Its authors show
pictures and layers, no rate.

    python examples/convolutional_photos.py FOLDER --epochs 10      # a folder of class folders
    python examples/convolutional_photos.py --sample 60 --epochs 1  # a quick look, on Fashion-MNIST
"""

# %%
from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from showing import keep, picture_rows, print_beside
from vitrine.catalogue import Catalogue
from vitrine.charts import learning_curves
from vitrine.encoders.autoencoder import ConvAutoencoder
from vitrine.evaluation import evaluate, train_test_split_catalogue
from vitrine.index.neighbours import NearestNeighbours

parser = argparse.ArgumentParser()
parser.add_argument("source", nargs="?", default="fashion-mnist", help="a folder of photos")
parser.add_argument("--sample", type=int, help="use so many photos of each part only")
parser.add_argument("--epochs", type=int, default=10)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--out", type=Path, default=Path("figures/convolutional_photos"))
settings, _ = parser.parse_known_args()  # a notebook has arguments of its own

# %% [markdown]
# ## The photos
# The source's own parts are used where it has any; else a fifth of each category is kept for
# judging.

# %%
split = train_test_split_catalogue(Catalogue.read(settings.source), "category")
train, test = split.train[: settings.sample], split.test[: settings.sample]
print(f"{len(train):,} photos to learn from, {len(test):,} to judge by; {split.how}")

# %% [markdown]
# ## Training

# %%
autoencoder = ConvAutoencoder(epochs=settings.epochs, random_state=settings.seed)
autoencoder.fit(train.pictures())
autoencoder.summary()

# %%
keep(learning_curves(autoencoder.history_), settings.out / "learning.html")

# %% [markdown]
# ## Decoded photos
# Originals, at the size the network sees, over what it draws from their codes.

# %%
shown = np.random.default_rng(settings.seed).choice(len(test), min(8, len(test)), replace=False)
photos = autoencoder.preprocessing_.stack(test.take(shown).pictures())
drawn = autoencoder.reconstruct(photos)
keep(picture_rows([photos, drawn]), settings.out / "reconstructions.html")

# %% [markdown]
# ## Five neighbours
# Each row: a photo that was not learned, then the five nearest of those that were.

# %%
known = autoencoder.encode(train.pictures())
index = NearestNeighbours(autoencoder.distance_).build(known)
nearest = index.search(autoencoder.encode(photos), 5).positions
rows = []
for photo, found in zip(photos, nearest, strict=True):
    neighbours = autoencoder.preprocessing_.stack(train.take(found).pictures())
    rows.append([photo, *neighbours])
keep(picture_rows(rows), settings.out / "nearest.html")

# %% [markdown]
# ## How good it is

# %%
asked = autoencoder.encode(test.pictures())
result = evaluate(
    asked,
    test.values("category"),
    known,
    train.values("category"),
    distance=autoencoder.distance_,
)
print_beside(
    [
        ("numbers in a code", "19×19×8 = 2,888", f"{autoencoder.n_components_:,}"),
        ("nearest photo of the same category", "", str(result.same_category_rate)),
        ("loss", "", f"{autoencoder.history_['loss'][-1]:.4f}"),
    ]
)
