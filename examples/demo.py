# %% [markdown]
# # The main job on Fashion-MNIST, from pictures to a report
#
# `make demo` runs this. It makes a shop of the 60,000 training pictures, judges it by the 10,000
# test pictures that it has never seen, shows ten of them beside what the shop finds, and writes
# the report.

# %%
from __future__ import annotations

import argparse
import shutil
import sys
import time
from pathlib import Path

import numpy as np

from vitrine.catalogue import Catalogue
from vitrine.cli.main import run
from vitrine.shop import Shop

parser = argparse.ArgumentParser(description="The main job on Fashion-MNIST.")
parser.add_argument("--sample", type=int, help="use so many pictures only, for a quick look")
parser.add_argument("--out", type=Path, default=Path("demo"))
arguments = parser.parse_args()
