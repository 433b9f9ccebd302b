"""Logs as lines of JSON: what was asked and how it went, nothing about who asked.

Neither addresses nor ids of users, words searched for or query strings are written: a request is
named by its route (``/api/users/{user_id}/recommendations``) and its own id.
"""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from typing import Any

import orjson

logger = logging.getLogger("vitrine.service")


class JsonLines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as JSON; what was given as ``extra={"facts": …}`` comes along."""
        content: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        content |= getattr(record, "facts", {})
        if record.exc_info:
            content["trace"] = self.formatException(record.exc_info)
        return orjson.dumps(content, default=str).decode()


def log_as_json(level: str) -> None:
    """Write all logs of this process as JSON lines to the error stream."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for name in ("vitrine", "uvicorn"):
        logging.getLogger(name).setLevel(level.upper())
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers[:] = []
        logging.getLogger(name).propagate = name != "uvicorn.access"


def log_request(facts: dict[str, Any]) -> None:
    """Write one request's line."""
    if logger.isEnabledFor(logging.INFO):
        logger.info("request", extra={"facts": facts})
