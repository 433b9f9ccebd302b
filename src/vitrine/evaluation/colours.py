"""Whether what is found also has the colour of what was asked about."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vitrine.encoders.descriptors.colours import to_lab
from vitrine.encoders.preprocessing import Pictures, Preprocessing, has_colour
from vitrine.topk import Positions

COLOURS = {
    "black": (20, 20, 20),
    "grey": (130, 130, 130),
    "white": (240, 240, 240),
    "red": (190, 30, 45),
    "pink": (235, 150, 180),
    "orange": (235, 130, 40),
    "brown": (110, 70, 45),
    "beige": (215, 190, 155),
    "yellow": (235, 210, 70),
    "green": (60, 130, 70),
    "turquoise": (60, 170, 175),
    "blue": (50, 90, 180),
    "navy": (30, 40, 80),
    "purple": (110, 60, 140),
}
"""Names of colours and an sRGB value of each, 0 to 255."""

_SIDE = 32
_CENTRE = slice(_SIDE // 4, 3 * _SIDE // 4)


def dominant_colours(pictures: Pictures) -> NDArray[np.str_] | None:
    """Return the name of the colour that most of each picture's centre has.

    The centre is the middle half of either side, where shops put the article. A pixel has the
    colour of `COLOURS` that is nearest in CIE L*a*b*.

    Parameters
    ----------
    pictures : array or sequence of pictures

    Returns
    -------
    ndarray of shape (n,), str, or None
        None where the pictures are grey.
    """
    if not has_colour(pictures):
        return None
    names = np.array(list(COLOURS))
    palette = to_lab(np.array(list(COLOURS.values()), np.uint8))  # (c, 3)
    most: list[NDArray[np.int64]] = []
    for batch in Preprocessing(_SIDE, _SIDE, 3).batches(pictures):
        lab = to_lab(batch[:, _CENTRE, _CENTRE]).reshape(len(batch), -1, 1, 3)
        nearest = np.square(lab - palette).sum(axis=3).argmin(axis=2)  # (b, pixels)
        counts = (nearest[..., None] == np.arange(len(names))).sum(axis=1)
        most.append(counts.argmax(axis=1))
    return names[np.concatenate(most)]


def same_colour(
    colours: NDArray[np.str_], queries: Positions, nearest: Positions, k: int = 5
) -> NDArray[np.float64]:
    """Return which share of each query's k nearest items has its colour, (q,).

    Parameters
    ----------
    colours : ndarray of shape (n,), str
        Of all items, see `dominant_colours`.
    queries : ndarray of shape (q,), int64
        Rows of the items asked about.
    nearest : ndarray of shape (q, k'), int64
        Rows of what was found, nearest first.
    k : int
    """
    agrees = colours[nearest[:, :k]] == colours[queries][:, None]
    share: NDArray[np.float64] = agrees.mean(axis=1, dtype=np.float64)
    return share
