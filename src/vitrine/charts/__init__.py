"""What the report and the page both draw: colours, charts, a shop's figures, its plane."""

from vitrine.charts.drawing import (
    category_chart,
    confusion_chart,
    figures_chart,
    learning_curves,
    map_chart,
)

__all__ = ["category_chart", "confusion_chart", "figures_chart", "learning_curves", "map_chart"]
