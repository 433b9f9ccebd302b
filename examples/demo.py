# %% [markdown]
"""# The main job on Fashion-MNIST, from pictures to a report.

`make demo` runs this. It makes a shop of the 60,000 training pictures, judges it by the 10,000
test pictures, which it has never seen, shows ten of those beside what the shop finds for them, and
writes the report. Then the same with the classic autoencoder, to see the difference.
"""

# %%
from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from pathlib import Path

import numpy as np

from vitrine import Catalogue, Shop, make_encoder
from vitrine.cli import console
from vitrine.cli.figures import print_evaluation
from vitrine.progress import listen
from vitrine.report import write_report

N_QUERIES = 10
K = 5


# %% [markdown]
# ## Ten queries and what the shop finds


# %%
def print_queries(shop: Shop, test: Catalogue) -> None:
    """Print ten test pictures, drawn at random, beside their nearest items in the shop."""
    chosen = test.take(np.random.default_rng(0).choice(len(test), N_QUERIES, replace=False))
    console.say(f"Ten test pictures and the categories of their {K} nearest items:")
    for item, picture in zip(chosen, chosen.pictures(), strict=True):
        hits = shop.similar(picture, k=K)
        found = ", ".join(f"{hit.attributes['category']} {hit.similarity:.2f}" for hit in hits)
        console.say(f"  {item.id:<10} {item.attributes['category']:<12} → {found}")


# %% [markdown]
# ## A shop, its figures, its report


# %%
def make_shop(where: Path, encoder: str, train: Catalogue, test: Catalogue) -> None:
    """Make a shop of `train`, judge it by `test` and write its report beside it."""
    console.say(f"\n── {encoder} ──")
    with Shop.create(where, train, make_encoder(encoder), label="category") as shop:
        console.say(f"{where}: {len(shop):,} items\n")
        print_evaluation(shop.evaluate(test), encoder)
        console.say("")
        print_queries(shop, test)
        write_report(shop, where.with_suffix(".html"), title=f"Fashion-MNIST by {encoder}")


# %%
def main() -> None:
    """Run the demo."""
    parser = argparse.ArgumentParser(description="The main job on Fashion-MNIST.")
    parser.add_argument("--sample", type=int, help="use so many pictures only, for a quick look")
    parser.add_argument("--out", type=Path, default=Path("demo"))
    arguments = parser.parse_args()

    started = time.monotonic()
    out: Path = arguments.out
    catalogue = Catalogue.read("fashion-mnist")
    train, test = catalogue.part("train"), catalogue.part("test")
    if arguments.sample:
        train, test = train[: arguments.sample], test[: arguments.sample]
    for name in ("report", "autoencoder"):
        shutil.rmtree(out / name, ignore_errors=True)
    make_shop(out / "report", "looks", train, test)
    make_shop(out / "autoencoder", "dense-autoencoder", train, test)

    shop, vitrine = out / "report", "vitrine"
    if shutil.which(vitrine) is None:  # the environment is not activated
        vitrine = os.path.relpath(Path(sys.executable).parent / "vitrine")
    console.say(f"\ndone in {time.monotonic() - started:.0f} s. Look further:")
    console.say(f"  open {out}/report.html in a browser, and {out}/autoencoder.html beside it")
    console.say(f"  {vitrine} serve {shop}   and open http://127.0.0.1:8000")
    console.say(f"  {vitrine} similar {shop} train-0 --where category=Bag")
    console.say(f"  {vitrine} evaluate {shop}")
    console.say(f"  {vitrine} create my-shop FOLDER-OF-PICTURES")


if __name__ == "__main__":
    with listen(console.listener()):
        main()
