"""Parquet tables of items and their vectors: what their columns are, and which encoder made them.

``item_id``, ``vector`` (a list of d floats), perhaps ``picture`` (a path, or a list of them),
perhaps ``reason`` (why a row has no vector); every other column is an attribute. Who made the
vectors stands in the schema under the key ``vitrine``, as JSON: beside the footer's other metadata
where Arrow wrote the file, with the column ``vector`` where Spark did.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.dataset as ds

from vitrine.artifact import MANIFEST
from vitrine.errors import ArtifactError, SourceError
from vitrine.index.distance import Distance

ITEM_ID, VECTOR, PICTURE, REASON = "item_id", "vector", "picture", "reason"
OWN_COLUMNS = (ITEM_ID, VECTOR, PICTURE, REASON)
METADATA_KEY = "vitrine"
_SPARK_KEY = b"org.apache.spark.sql.parquet.row.metadata"


@dataclass(frozen=True)
class Origin:
    """Which encoder made some vectors, and how they are compared.

    Attributes
    ----------
    encoder : str
        Its kind.
    sha256 : str
        Of its artifact's manifest, which names the SHA-256 of everything else that it consists of.
    dimensions : int
        Length of a vector.
    distance : Distance
    """

    encoder: str
    sha256: str
    dimensions: int
    distance: Distance

    @classmethod
    def of(cls, files: Mapping[str, bytes]) -> Self:
        """Return the origin of what the encoder with these files makes.

        Raises
        ------
        ArtifactError
            If they are no encoder's.
        """
        try:
            manifest = json.loads(files[MANIFEST])
            settings = manifest["settings"]
            return cls(
                str(manifest["kind"]),
                hashlib.sha256(files[MANIFEST]).hexdigest(),
                int(settings["n_components"]),
                Distance.from_settings(settings["distance"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ArtifactError(f"these files are no encoder's ({error!r})") from error

    @classmethod
    def from_text(cls, text: str, where: str) -> Self:
        """Rebuild from `to_text`.

        Raises
        ------
        SourceError
            If something else is written there.
        """
        try:
            about = json.loads(text)
            distance = Distance.from_settings(about["distance"])
            return cls(
                str(about["encoder"]), str(about["encoder_sha256"]), int(about["dimensions"]),
                distance,
            )  # fmt: skip
        except (KeyError, TypeError, ValueError) as error:
            raise SourceError(
                f"{where}: does not say completely which encoder made its vectors ({error!r}); "
                "write it again with: vitrine spark embed, or vitrine export"
            ) from error

    def to_text(self) -> str:
        """Return the origin as JSON, to be kept in a table's schema."""
        return json.dumps(self.to_json())

    def to_json(self) -> dict[str, Any]:
        """Return the origin as JSON can hold it."""
        return {
            "encoder": self.encoder,
            "encoder_sha256": self.sha256,
            "dimensions": self.dimensions,
            "distance": self.distance.to_settings(),
        }


def open_table(path: Path) -> ds.Dataset:
    """Open a Parquet file, or a folder of them as Spark writes it.

    Raises
    ------
    SourceError
        If there is none, or it has no columns ``item_id`` and ``vector``.
    """
    if not path.exists():
        raise SourceError(f"{path}: there is no such file or folder")
    if path.is_dir() and not any(path.glob("*.parquet")):
        raise SourceError(f"{path}: there is no .parquet file in it")
    if path.is_dir() and (path / "_temporary").exists():
        raise SourceError(f"{path}: the job that writes it has not come to its end")
    try:
        table = ds.dataset(path, format="parquet", ignore_prefixes=["_", "."])
        schema = table.schema
    except (pa.ArrowException, OSError) as error:
        raise SourceError(f"{path}: cannot be read as Parquet ({error})") from error
    for name in (ITEM_ID, VECTOR):
        if name not in schema.names:
            there = ", ".join(schema.names[:20])
            raise SourceError(f"{path}: there is no column {name} (there are: {there})")
    return table


def origin_text(schema: pa.Schema) -> str | None:
    """Return what an Arrow schema says of who made the vectors; None where it says nothing."""
    metadata = schema.metadata or {}
    if METADATA_KEY.encode() in metadata:
        text: str = metadata[METADATA_KEY.encode()].decode()
        return text
    if _SPARK_KEY in metadata:
        for field in json.loads(metadata[_SPARK_KEY])["fields"]:
            if field["name"] == VECTOR:
                found: str | None = field["metadata"].get(METADATA_KEY)
                return found
    return None
