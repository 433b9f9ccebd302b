"""Every command: importing a module registers its commands; the order is that of the help."""

# isort: off
from vitrine.cli import shops
from vitrine.cli import retraining
from vitrine.cli import measuring
from vitrine.cli import clusters
from vitrine.cli import exporting
from vitrine.cli import importing
from vitrine.cli import ratings
from vitrine.cli import ratings_compare
from vitrine.cli import tables
from vitrine.cli import serving
from vitrine.cli import keeping
from vitrine.cli import spark
from vitrine.cli import copying

# isort: on
from vitrine.cli.app import app

__all__ = [
    "app",
    "clusters",
    "copying",
    "exporting",
    "importing",
    "keeping",
    "measuring",
    "ratings",
    "ratings_compare",
    "retraining",
    "serving",
    "shops",
    "spark",
    "tables",
]
