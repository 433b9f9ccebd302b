"""A shop over HTTP: the API, and the web page in `page`."""

from vitrine.service.app import create_app
from vitrine.service.settings import Settings

__all__ = ["Settings", "create_app"]
