import numpy as np
import pytest

from vitrine.charts import drawing, theme
from vitrine.errors import InputError

POINTS = np.random.default_rng(0).normal(size=(60, 2))
CODES = np.repeat([0, 1, -1], 20)


def test_figures_are_drawn_with_their_intervals():
    values = np.array([[0.9, 0.5], [0.2, 0.1]])
    figure = drawing.figures_chart(
        ["a", "b"], ["ours", "theirs"], values, values - 0.1, values + 0.2
    )
    ours = figure.data[0]
    assert ours.x.tolist() == [0.9, 0.5]
    np.testing.assert_allclose(ours.error_x.array, 0.2)
    np.testing.assert_allclose(ours.error_x.arrayminus, 0.1)
    assert ours.marker.color == theme.colour("accent") != figure.data[1].marker.color


def test_the_first_metric_is_on_top():
    values = np.zeros((1, 2))
    figure = drawing.figures_chart(["first", "second"], ["m"], values, values, values)
    low, high = figure.layout.yaxis.range
    assert low > high
    assert figure.layout.yaxis.ticktext[0] == "first"


def test_every_item_is_on_the_map_once_under_its_category():
    figure = drawing.map_chart(POINTS, CODES, ["x", "y"])
    members = {trace.name: trace.customdata.tolist() for trace in figure.data}
    assert members == {
        "no category": list(range(40, 60)),
        "x": list(range(20)),
        "y": list(range(20, 40)),
    }
    assert all(trace.type == "scattergl" for trace in figure.data)


def test_a_map_without_categories_has_one_colour_and_no_legend():
    figure = drawing.map_chart(POINTS)
    assert len(figure.data) == 1
    assert figure.layout.showlegend is False


def test_a_category_lies_on_the_axes_of_the_map():
    whole, part = (
        drawing.map_chart(POINTS, CODES, ["x", "y"]),
        drawing.category_chart(POINTS, CODES, 1),
    )
    assert part.layout.xaxis.range == whole.layout.xaxis.range
    assert part.layout.yaxis.range == whole.layout.yaxis.range
    assert part.data[1].customdata.tolist() == list(range(20, 40))


def test_the_others_behind_a_category_are_a_seeded_sample():
    first, again = (drawing.category_chart(POINTS, CODES, 0, n_others=10) for _ in range(2))
    assert len(first.data[0].x) == 10
    assert first == again


def test_equal_points_still_have_axes():
    figure = drawing.map_chart(np.ones((3, 2)))
    low, high = figure.layout.xaxis.range
    assert low < 1 < high


def test_more_categories_than_colours_differ_in_shape():
    seen = {(theme.category_tone(code), theme.category_symbol(code)) for code in range(60)}
    assert len(seen) == 60


def test_confusions_are_shares_of_a_row():
    figure = drawing.confusion_chart(np.array([[3, 1], [0, 0]]), ["a", "b"])
    np.testing.assert_allclose(figure.data[0].z, [[0.75, 0.25], [0, 0]])
    assert figure.data[0].text[0] == ["75%", "25%"]


def test_a_misshapen_confusion_matrix_is_refused():
    with pytest.raises(InputError, match="square"):
        drawing.confusion_chart(np.zeros((2, 3), int), ["a", "b"])


def test_misshapen_points_are_refused():
    with pytest.raises(InputError, match=r"points \(n, 2\)"):
        drawing.map_chart(np.zeros((4, 3)))


def test_learning_curves_start_at_the_first_epoch():
    figure = drawing.learning_curves({"loss": [3.0, 2.0]})
    assert [trace.name for trace in figure.data] == ["training"]
    assert figure.data[0].x.tolist() == [1, 2]


def test_no_loss_is_no_curve():
    with pytest.raises(InputError, match="loss"):
        drawing.learning_curves({"seconds": [1.0]})


@pytest.mark.parametrize("build", [
    lambda name: drawing.map_chart(POINTS, CODES, [name, "y"], [name] * 60),
    lambda name: drawing.confusion_chart(np.eye(2, dtype=int), [name, "y"]),
    lambda name: drawing.figures_chart([name], [name], *np.zeros((3, 1, 1))),
])  # fmt: skip
def test_text_from_outside_is_no_markup(build):
    assert "<b>" not in build("<b>bold</b>").to_json().replace("\\u003c", "<")
