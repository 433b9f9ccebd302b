# %% [markdown]
"""# Encoder and decoder apart: the 784-64-784 autoencoder.

The published way: a code of 64 numbers, and the two halves used on their own, the encoder to
describe a digit, the decoder to draw one from any code. Its authors show pictures and the number
of weights, no rate; the digits are theirs where a folder with MNIST's IDX files is given, else
clothes take their place.

    python examples/digits_autoencoder.py --digits FOLDER
    python examples/digits_autoencoder.py --sample 500 --epochs 2   # a quick look
"""

# %%
from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from showing import keep, picture_rows, print_beside
from vitrine.catalogue import Catalogue
from vitrine.charts import learning_curves
from vitrine.encoders.autoencoder import DenseAutoencoder
from vitrine.evaluation import evaluate

parser = argparse.ArgumentParser()
parser.add_argument("--digits", default="fashion-mnist", help="a folder of IDX files")
parser.add_argument("--sample", type=int, help="use so many pictures of each part only")
parser.add_argument("--epochs", type=int, default=50)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--out", type=Path, default=Path("figures/digits_autoencoder"))
settings, _ = parser.parse_known_args()  # a notebook has arguments of its own

# %%
catalogue = Catalogue.read(settings.digits)
train = catalogue.part("train")[: settings.sample]
test = catalogue.part("test")[: settings.sample]
pictures = test.pictures()[:]

# %% [markdown]
# ## Training
# Dense → ReLU code of 64 numbers → Dense → sigmoid. A twentieth of the pictures is watched, not
# learned.

# %%
autoencoder = DenseAutoencoder(
    64, epochs=settings.epochs, validation_share=0.05, random_state=settings.seed
)
autoencoder.fit(train.pictures())
autoencoder.summary()

# %%
keep(learning_curves(autoencoder.history_), settings.out / "learning.html")

# %% [markdown]
# ## The encoder alone
# A picture becomes 64 numbers, none below zero. Sixteen pictures and their codes as 8×8 squares:

# %%
codes = autoencoder.encode(pictures)
brightest = codes[:16].max(axis=1, keepdims=True)
squares = (255 * codes[:16] / np.maximum(brightest, 1e-9)).astype(np.uint8).reshape(-1, 8, 8)
large = squares.repeat(4, axis=1).repeat(4, axis=2)[:, 2:-2, 2:-2]  # 28×28, as the pictures
keep(picture_rows([pictures[:16], large]), settings.out / "codes.html")

# %% [markdown]
# ## The decoder alone
# Originals over what the decoder draws from their codes; then the way from one item to another,
# drawn from codes that belong to no picture.

# %%
drawn = autoencoder.decode(codes[:16])
keep(picture_rows([pictures[:16], drawn]), settings.out / "reconstructions.html")

# %%
steps = np.linspace(0, 1, 10, dtype=np.float32)[:, None]
ways = [autoencoder.decode((1 - steps) * codes[i] + steps * codes[i + 1]) for i in range(0, 10, 2)]
keep(picture_rows(ways), settings.out / "between.html")

# %% [markdown]
# ## How good it is

# %%
result = evaluate(codes, test.values("category"), distance=autoencoder.distance_)
print_beside(
    [
        ("weights and biases", "101,200", f"{autoencoder.n_parameters_:,}"),
        ("nearest item of the same category", "", str(result.same_category_rate)),
        ("loss on the test pictures", "", f"{autoencoder.reconstruction_loss(pictures):.4f}"),
    ]
)
