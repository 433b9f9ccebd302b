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
        All of the same users, and of the same items but for those that came after the fit.
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
        artifact.settings["n_items"] = [len(model.items_) for model in self.models_]
        return artifact

    def _restore(self, artifact: Artifact) -> None:
        models = artifact.settings["models"]
        sizes = artifact.settings.get("n_items", [len(self.items_)] * len(models))
        users, values = self.users_.to_bytes(), self.items_.values
        blobs = {
            size: {"users.json": users, "items.json": Ids(values[:size]).to_bytes()}
            for size in set(sizes)
        }
        seen = {name: a for name, a in artifact.arrays.items() if name.startswith("seen.")}
        self.models_ = []
        for number, ((kind, settings, names), size) in enumerate(zip(models, sizes, strict=True)):
            own = {name: artifact.arrays[f"{number}/{name}"] for name in names}
            self.models_.append(
                load_rating_model(Artifact(kind, settings, own | seen, blobs[size]))
            )
