"""How good vectors are: measures on plain arrays, baselines, splits and comparisons."""

from vitrine.evaluation.baselines import BASELINES, evaluate_baselines
from vitrine.evaluation.bootstrap import Figure, bootstrap, paired_difference
from vitrine.evaluation.by_category import CategoryFigures
from vitrine.evaluation.candidates import Candidates, read_candidates
from vitrine.evaluation.choosing import Choice, Try, choose_encoder
from vitrine.evaluation.colours import dominant_colours, same_colour
from vitrine.evaluation.experiments import Difference, Row, compare, differences
from vitrine.evaluation.folds import FoldsRow, cross_validate
from vitrine.evaluation.result import MEASURES, RetrievalResult
from vitrine.evaluation.retrieval import evaluate
from vitrine.evaluation.splits import Split, train_test_split_catalogue
from vitrine.evaluation.views import ViewsFigure, evaluate_views

__all__ = [
    "BASELINES",
    "MEASURES",
    "Candidates",
    "CategoryFigures",
    "Choice",
    "Difference",
    "Figure",
    "FoldsRow",
    "RetrievalResult",
    "Row",
    "Split",
    "Try",
    "ViewsFigure",
    "bootstrap",
    "choose_encoder",
    "compare",
    "cross_validate",
    "differences",
    "dominant_colours",
    "evaluate",
    "evaluate_baselines",
    "evaluate_views",
    "paired_difference",
    "read_candidates",
    "same_colour",
    "train_test_split_catalogue",
]
