"""The clusters of a shop's items: one model, of one encoder's vectors, whatever items there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, update

from vitrine.errors import EncoderReplacedError
from vitrine.store.database import writing
from vitrine.store.state import insert_artifact, next_change, read_state
from vitrine.store.store import Store
from vitrine.store.tables import artifacts, shop

CLUSTERS = "clusters"
"""Kind of the artifact, and where the shop's settings name it."""


@dataclass(frozen=True)
class StoredClusters:
    """Where a shop's clusters are.

    Attributes
    ----------
    artifact_id : int
    encoder_id : int
        Whose vectors they are of; another encoder's have none.
    name : str
        The attribute that holds an item's cluster.
    """

    artifact_id: int
    encoder_id: int
    name: str


def find_clusters(settings: Mapping[str, Any]) -> StoredClusters | None:
    """Return where the clusters of a shop with these settings are, if it has any."""
    found = settings.get(CLUSTERS)
    return None if found is None else StoredClusters(**found)


def save_clusters(store: Store, name: str, encoder_id: int, files: Mapping[str, bytes]) -> None:
    """Store clusters in the place of those before.

    Raises
    ------
    EncoderReplacedError
        If the shop has another encoder by now.
    """
    with writing(store.engine) as connection:
        state = read_state(connection)
        if state.encoder_id != encoder_id:
            raise EncoderReplacedError("the shop has another encoder by now; do it again")
        before = find_clusters(state.settings)
        # The new ones first: SQLite would give them the number of the old ones, unseen by others.
        artifact_id = insert_artifact(connection, CLUSTERS, files)
        if before is not None:
            connection.execute(delete(artifacts).where(artifacts.c.id == before.artifact_id))
        stored = {"artifact_id": artifact_id, "encoder_id": encoder_id, "name": name}
        settings = dict(state.settings) | {CLUSTERS: stored}
        next_change(connection)
        connection.execute(update(shop).values(settings=settings))
