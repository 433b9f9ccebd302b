"""How good rating models are: splits, metrics with intervals, comparisons."""
