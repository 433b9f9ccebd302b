"""Models that are made of other models."""

from __future__ import annotations

from typing import Any

from vitrine.artifact import Artifact
from vitrine.ratings.base import RatingModel, Scores
from vitrine.ratings.ids import Codes, Ids
from vitrine.ratings.registry import load_rating_model

Choice = tuple[str, dict[str, Any]]
"""Name and parameters of a model."""


class Ensemble(RatingModel):
    """Keeps fitted models in its artifact, their ids and seen ratings once.

    Attributes
    ----------
    models_ : list of RatingModel
        All of the same users and items but for those that come last: items that came after the
        fit, and users who rated nothing, are not known to all.
    """

    models_: list[RatingModel]

    def _item_similarities(self, items: Codes) -> Scores:
        return self.models_[0]._item_similarities(items)

    def _state(self) -> Artifact:
        artifact = Artifact(self.kind, {"models": []})
        for number, model in enumerate(self.models_):
            inner = model.to_artifact()
            own = {name: a for name, a in inner.arrays.items() if not name.startswith("seen.")}
            artifact.settings["models"].append([inner.kind, inner.settings, sorted(own)])
            artifact.arrays |= {f"{number}/{name}": a for name, a in own.items()}
        artifact.settings["n_users"] = [len(model.users_) for model in self.models_]
        artifact.settings["n_items"] = [len(model.items_) for model in self.models_]
        return artifact

    def _restore(self, artifact: Artifact) -> None:
        settings, arrays = artifact.settings, artifact.arrays
        models = settings["models"]
        n_users = settings.get("n_users", [len(self.users_)] * len(models))
        n_items = settings.get("n_items", [len(self.items_)] * len(models))
        users = {n: Ids(self.users_.values[:n]).to_bytes() for n in set(n_users)}
        items = {n: Ids(self.items_.values[:n]).to_bytes() for n in set(n_items)}
        seen = {name: array for name, array in arrays.items() if name.startswith("seen.")}
        self.models_ = []
        for number, (kind, params, names) in enumerate(models):
            own = {name: arrays[f"{number}/{name}"] for name in names} | seen
            own["seen.indptr"] = seen["seen.indptr"][: n_users[number] + 1]
            blobs = {"users.json": users[n_users[number]], "items.json": items[n_items[number]]}
            self.models_.append(load_rating_model(Artifact(kind, params, own, blobs)))
