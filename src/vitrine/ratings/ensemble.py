"""Models that are made of other models."""

from __future__ import annotations

from vitrine.artifact import Artifact
from vitrine.ratings.base import RatingModel, Scores
from vitrine.ratings.ids import Codes
from vitrine.ratings.registry import load_rating_model


class Ensemble(RatingModel):
    """Keeps fitted models in its artifact, their ids and seen ratings once.

    Attributes
    ----------
    models_ : list of RatingModel
        All of the same users and items.
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
        return artifact

    def _restore(self, artifact: Artifact) -> None:
        blobs = {"users.json": self.users_.to_bytes(), "items.json": self.items_.to_bytes()}
        seen = {name: a for name, a in artifact.arrays.items() if name.startswith("seen.")}
        self.models_ = []
        for number, (kind, settings, names) in enumerate(artifact.settings["models"]):
            own = {name: artifact.arrays[f"{number}/{name}"] for name in names}
            self.models_.append(load_rating_model(Artifact(kind, settings, own | seen, blobs)))
