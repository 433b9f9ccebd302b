"""Every rating model by name: made from parameters, or rebuilt from what was saved."""

from __future__ import annotations

import difflib
import importlib
from pathlib import Path
from typing import Any

from vitrine.artifact import Artifact
from vitrine.errors import ArtifactError, OptionError
from vitrine.ratings.base import RatingModel

RATING_MODELS: dict[str, str] = {
    "mean": "vitrine.ratings.baselines:GlobalMean",
    "biases": "vitrine.ratings.baselines:Biases",
    "popularity": "vitrine.ratings.baselines:Popularity",
    "trending": "vitrine.ratings.trending:Trending",
    "random": "vitrine.ratings.baselines:RandomPick",
    "item-knn": "vitrine.ratings.neighbours:ItemKNN",
    "user-knn": "vitrine.ratings.neighbours:UserKNN",
    "pca": "vitrine.ratings.spectral:PCA",
    "truncated-svd": "vitrine.ratings.spectral:TruncatedSVD",
    "svd": "vitrine.ratings.factors:SVD",
    "svdpp": "vitrine.ratings.factors:SVDpp",
    "bayesian-svdpp": "vitrine.ratings.bayesian:BayesianSVDpp",
    "blend": "vitrine.ratings.blend:Blend",
    "ease": "vitrine.ratings.ease:EASE",
    "implicit-als": "vitrine.ratings.als:ImplicitALS",
    "bpr": "vitrine.ratings.bpr:BPR",
    "mult-vae": "vitrine.ratings.mult_vae:MultVAE",
    "rank-blend": "vitrine.ratings.rank_blend:RankBlend",
    "rank-stack": "vitrine.ratings.rank_stack:RankStack",
    "trend-blend": "vitrine.ratings.trend_blend:TrendBlend",
    "content-profile": "vitrine.ratings.content_profile:ContentProfile",
    "user-profile": "vitrine.ratings.user_profile:UserProfile",
    "visual-knn": "vitrine.ratings.visual:VisualKNN",
    "hybrid": "vitrine.ratings.hybrid:Hybrid",
    "bayesian-hybrid": "vitrine.ratings.bayesian_hybrid:BayesianHybrid",
}
"""Where each model's class lies, ``module:class``; imported only when it is asked for."""

FITTED_ELSEWHERE: dict[str, str] = {
    "spark-als": "vitrine.ratings.mllib:SparkALS",
    "spark-implicit-als": "vitrine.ratings.mllib:SparkImplicitALS",
}
"""Models that are served here and fitted by a command of their own: ``vitrine spark als``."""


WITH_TIMES, WITHOUT_TIMES = "trend-blend", "hybrid"


def usual_model(has_times: bool) -> str:
    """Return the name of the model to begin with, by whether it is known when things were chosen.

    What is chosen at the moment tells more of what a shop's next visitors choose than anything else
    does; where that is not known, `hybrid` ranks items that nobody rated, too.
    """
    return WITH_TIMES if has_times else WITHOUT_TIMES


def rating_model_names() -> list[str]:
    """Return the names that `make_rating_model` knows."""
    return list(RATING_MODELS)


def rating_model_class(name: str) -> type[RatingModel]:
    """Return the class of the model called `name`.

    Raises
    ------
    OptionError
        If no rating model is called that.
    """
    known = RATING_MODELS | FITTED_ELSEWHERE
    if name not in known:
        close = difflib.get_close_matches(name, RATING_MODELS, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(RATING_MODELS)}"
        raise OptionError(f"no rating model is called {name!r}; {hint}")
    module, _, attribute = known[name].partition(":")
    found: type[RatingModel] = getattr(importlib.import_module(module), attribute)
    return found


def make_rating_model(name: str, **params: Any) -> RatingModel:
    """Make an unfitted model.

    Raises
    ------
    OptionError
        If no rating model is called that, or it has no such parameter.
    """
    model = rating_model_class(name)()
    known = model.get_params(deep=False)
    for param in params:
        if param not in known:
            listed = ", ".join(known) or "none"
            raise OptionError(f"{name} has no parameter {param!r}; it has: {listed}")
    model.set_params(**params)
    return model


def load_rating_model(source: str | Path | Artifact) -> RatingModel:
    """Rebuild whichever model was saved, from its folder or artifact.

    Raises
    ------
    ArtifactError
        If it is damaged, no rating model, or written by a newer version.
    """
    artifact = source if isinstance(source, Artifact) else Artifact.load(source)
    try:
        found = rating_model_class(artifact.kind)
    except OptionError as error:
        raise ArtifactError(f"{artifact.kind!r} is no rating model of this Vitrine") from error
    return found.from_artifact(artifact)
