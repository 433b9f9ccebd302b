# %% [markdown]
"""# Fashion by two numbers: the classic 784-2-784 autoencoder.

The published way: squeeze each 28×28 picture through two numbers, draw it again from them, and
call two items similar where their two numbers are near. Its authors report that 45.07 % of the
test items have an item of their own category for nearest neighbour.

    python examples/fashion_autoencoder.py                          # about a minute
    python examples/fashion_autoencoder.py --sample 500 --epochs 2  # a quick look
"""

# %%
from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from showing import keep, picture_rows, print_beside
from vitrine.catalogue import Catalogue
from vitrine.charts import category_chart, learning_curves, map_chart
from vitrine.encoders.autoencoder import DenseAutoencoder
from vitrine.evaluation import evaluate
from vitrine.index.neighbours import NearestNeighbours

parser = argparse.ArgumentParser()
parser.add_argument("--sample", type=int, help="use so many pictures of each part only")
parser.add_argument("--epochs", type=int, default=50)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--out", type=Path, default=Path("figures/fashion_autoencoder"))
settings, _ = parser.parse_known_args()  # a notebook has arguments of its own

# %% [markdown]
# ## The pictures
# 60,000 to learn from, 10,000 to judge by, ten categories.

# %%
catalogue = Catalogue.read("fashion-mnist")
train = catalogue.part("train")[: settings.sample]
test = catalogue.part("test")[: settings.sample]
pictures = test.pictures()[:]
labels = test.values("category")

# %% [markdown]
# ## Training
# Dense → ReLU code of two numbers → Dense → sigmoid; Adam at 1e-3, binary cross-entropy, 50 epochs
# of shuffled batches of 256.

# %%
autoencoder = DenseAutoencoder(2, epochs=settings.epochs, random_state=settings.seed)
autoencoder.fit(train.pictures())
autoencoder.summary()

# %%
keep(learning_curves(autoencoder.history_), settings.out / "learning.html")

# %% [markdown]
# ## What two numbers keep
# Originals over reconstructions.

# %%
shown = np.random.default_rng(settings.seed).choice(len(test), 10, replace=False)
reconstructed = autoencoder.reconstruct(pictures[shown])
keep(picture_rows([pictures[shown], reconstructed]), settings.out / "reconstructions.html")

# %% [markdown]
# ## The catalogue as a map
# The two numbers are coordinates: first all categories, then one among the others.

# %%
codes = autoencoder.encode(pictures)
categories, category_codes = np.unique(labels, return_inverse=True)
keep(map_chart(codes, category_codes, categories.tolist()), settings.out / "map.html")

# %%
keep(category_chart(codes, category_codes, 0), settings.out / "one_category.html")

# %% [markdown]
# ## Nearest items
# Each row: a test item, then its five nearest.

# %%
index = NearestNeighbours(autoencoder.distance_).build(codes)
nearest = index.search(codes[shown], 5, exclude=shown).positions
rows = [pictures[[query, *found]] for query, found in zip(shown, nearest, strict=True)]
keep(picture_rows(rows), settings.out / "nearest.html")

# %% [markdown]
# ## How good it is
# Among the test items, each leaving itself out.

# %%
result = evaluate(codes, labels, distance=autoencoder.distance_)
print_beside(
    [
        ("weights and biases", "3,922", f"{autoencoder.n_parameters_:,}"),
        ("nearest item of the same category", "45.07 %", str(result.same_category_rate)),
        ("loss on the test pictures", "", f"{autoencoder.reconstruction_loss(pictures):.4f}"),
    ]
)
