"""The commands that put a shop on the network."""

from __future__ import annotations

from typing import Annotated

import typer

from vitrine.cli.app import app
from vitrine.cli.options import ShopPath
from vitrine.errors import MissingExtraError


@app.command()
def serve(
    shop: ShopPath,
    host: Annotated[str, typer.Option(help="The address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen at.")] = 8000,
) -> None:
    """Serve a shop over HTTP: an API and a web page."""
    try:
        import uvicorn

        from vitrine.service import Settings, create_app
    except ImportError as error:
        raise MissingExtraError("serving a shop", "serve") from error
    uvicorn.run(create_app(shop, Settings(host, port)), host=host, port=port)
