import numpy as np
import pytest

from vitrine.evaluation import dominant_colours, same_colour
from vitrine.evaluation.colours import COLOURS


@pytest.mark.parametrize("name", COLOURS)
def test_a_plain_picture_has_its_colour_whatever_is_around_it(name):
    plain = np.full((40, 30, 3), (250, 40, 40), np.uint8)
    plain[8:32, 6:24] = COLOURS[name]
    # A picture that has colour beside it: all grey ones together would be none.
    assert dominant_colours([plain, plain])[0] == name


def test_grey_pictures_have_no_colours():
    assert dominant_colours(np.zeros((4, 28, 28), np.uint8)) is None


def test_agreement_is_the_share_of_what_was_found():
    colours = np.array(["red", "blue", "red", "red"])
    nearest = np.array([[2, 1, 3], [0, 2, 3]])
    agrees = same_colour(colours, np.array([0, 1]), nearest, k=2)
    assert agrees.tolist() == [0.5, 0.0]
