"""The heavy jobs over a cluster, on Spark (extra ``spark``): same encoder, same cuts, same columns.

Nothing here is needed on one machine; what a job writes goes on as a Parquet table, or into a shop.
"""

from vitrine.spark.session import session

__all__ = ["session"]
