from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def gradient(width: int, height: int) -> Image.Image:
    """A smooth RGB picture whose four corners differ."""
    x = np.linspace(0, 255, width)[None, :].repeat(height, 0)
    y = np.linspace(0, 255, height)[:, None].repeat(width, 1)
    return Image.fromarray(np.stack([x, y, 255 - x], 2).astype(np.uint8))


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Three class folders of two pictures each."""
    for category in ("hat", "shoe", "bag"):
        (tmp_path / category).mkdir()
        for number in range(2):
            gradient(20 + number, 30).save(tmp_path / category / f"{category}{number}.jpg")
    return tmp_path
