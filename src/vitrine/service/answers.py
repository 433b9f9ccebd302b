"""Answers as JSON."""

from __future__ import annotations

from typing import Any

import orjson
from fastapi import Response


class Json(Response):
    """A JSON answer; numbers of NumPy and dates are written as they are, NaN as null."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Write a value as JSON."""
        return orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY)
