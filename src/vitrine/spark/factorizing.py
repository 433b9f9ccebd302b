"""MLlib's alternating least squares on a shop's ratings; the factors are then the shop's model."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from vitrine.ratings import Interactions, ItemFeatures
from vitrine.ratings.mllib import SparkALS, SparkImplicitALS
from vitrine.spark.pictures import scheme_of
from vitrine.spark.sources import is_parquet, open_parquet
from vitrine.spark.watching import watched
from vitrine.spark.writing import clear_errors

FloatArray = NDArray[np.float32]


class OnSpark(SparkALS):
    """`SparkALS` that can be fitted; `session` says where."""

    session: Any = None

    def _fit(self, interactions: Interactions, features: ItemFeatures | None) -> None:
        self.take_factors(interactions, *factorize(self.session, interactions, self))


class ImplicitOnSpark(SparkImplicitALS):
    """`SparkImplicitALS` that can be fitted; `session` says where."""

    session: Any = None

    def _fit(self, interactions: Interactions, features: ItemFeatures | None) -> None:
        self.take_factors(interactions, *factorize(self.session, interactions, self))


def make_als(
    spark: Any,
    *,
    implicit: bool,
    n_factors: int = 32,
    n_epochs: int = 10,
    regularization: float = 0.1,
    alpha: float = 1.0,
    random_state: int = 0,
) -> OnSpark | ImplicitOnSpark:
    """Return an unfitted model whose `fit` runs on a cluster, as ``shop.ratings.fit`` takes it."""
    if implicit:
        chosen = ImplicitOnSpark(n_factors, n_epochs, regularization, alpha, random_state)
        chosen.session = spark
        return chosen
    made = OnSpark(n_factors, n_epochs, regularization, random_state)
    made.session = spark
    return made


def factorize(
    spark: Any, interactions: Interactions, model: SparkALS
) -> tuple[FloatArray, FloatArray]:
    """Return MLlib's factors of users and of items, float32 (n, n_factors), zeros for the unrated.

    Raises
    ------
    JobError
        If the job failed.
    """
    from pyspark.ml.recommendation import ALS

    table = pa.table(
        {
            "user": interactions.user_codes,
            "item": interactions.item_codes,
            "rating": interactions.ratings,
        }
    )
    als = ALS(
        rank=model.n_factors,
        maxIter=model.n_epochs,
        regParam=model.regularization,
        implicitPrefs=isinstance(model, SparkImplicitALS),
        alpha=getattr(model, "alpha", 1.0),
        seed=model.random_state,
        userCol="user",
        itemCol="item",
        ratingCol="rating",
    )
    with watched(spark, f"fitting {model.kind}"), clear_errors("the factors"):
        fitted = als.fit(spark.createDataFrame(table))
        users = _matrix(fitted.userFactors, interactions.n_users, model.n_factors)
        items = _matrix(fitted.itemFactors, interactions.n_items, model.n_factors)
    return users, items


def ratings_file(spark: Any, source: str, folder: Path) -> Path:
    """Return a file of ratings on this machine: the source, or a copy of what Spark alone reads.

    Parameters
    ----------
    spark : pyspark.sql.SparkSession
    source : str
        A file of ratings, or Parquet as Spark writes it, by path or address.
    folder : Path
        Where a copy may lie.
    """
    path = Path(source)
    if not scheme_of(source) and (path.is_file() or not is_parquet(source)):
        return path
    with watched(spark, "fetching ratings"), clear_errors(source):
        table = open_parquet(spark, source).toArrow()
    copy = folder / "ratings.parquet"
    pq.write_table(table, copy)
    return copy


def temporary_folder() -> tempfile.TemporaryDirectory[str]:
    """Return a folder for a copy of ratings, gone with the context."""
    return tempfile.TemporaryDirectory(prefix="vitrine-ratings-")


def _matrix(factors: Any, n: int, n_factors: int) -> FloatArray:
    """Return factors that Spark holds row by row as one array; codes without a row get zeros."""
    rows = factors.toArrow()
    matrix = np.zeros((n, n_factors), np.float32)
    flat = rows["features"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
    matrix[rows["id"].to_numpy()] = flat.reshape(-1, n_factors)
    return matrix
