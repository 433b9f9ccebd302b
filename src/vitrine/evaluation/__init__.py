"""How good vectors are: measures on plain arrays, baselines, splits and comparisons."""

from vitrine.evaluation.baselines import BASELINES, evaluate_baselines
from vitrine.evaluation.bootstrap import Figure, bootstrap, paired_difference
from vitrine.evaluation.by_category import CategoryFigures
from vitrine.evaluation.candidates import Candidates, read_candidates
from vitrine.evaluation.colours import dominant_colours, same_colour
from vitrine.evaluation.experiments import Difference, Row, compare, differences
from vitrine.evaluation.result import MEASURES, RetrievalResult
from vitrine.evaluation.retrieval import evaluate
from vitrine.evaluation.splits import Split, train_test_split_catalogue

__all__ = [
    "BASELINES",
    "MEASURES",
    "Candidates",
    "CategoryFigures",
    "Difference",
    "Figure",
    "RetrievalResult",
    "Row",
    "Split",
    "bootstrap",
    "compare",
    "differences",
    "dominant_colours",
    "evaluate",
    "evaluate_baselines",
    "paired_difference",
    "read_candidates",
    "same_colour",
    "train_test_split_catalogue",
]
