"""The commands that give a shop another encoder while it stays open."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from vitrine.cli import console
from vitrine.cli.app import app
from vitrine.cli.options import EncoderOptions, Json, Label, LogDir, Seed, ShopPath, read_encoder
from vitrine.encoders.histories import check_tensorboard, write_history
from vitrine.errors import OptionError
from vitrine.shop import Shop
from vitrine.shop.retraining import Switched


@app.command()
def retrain(
    shop: ShopPath,
    encoder: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="As for create; by default the shop's own, fitted anew."),
    ] = None,
    encoder_option: EncoderOptions = None,
    label: Label = None,
    log_dir: LogDir = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Fit another encoder on the shop's own pictures, then switch to it; the shop stays usable."""
    if log_dir is not None:
        check_tensorboard()
    with Shop.open(shop) as opened:
        if encoder is None and encoder_option:
            raise OptionError("--encoder-option needs --encoder: name the encoder that it is for")
        chosen = read_encoder(encoder, encoder_option, seed) if encoder else None
        switched = opened.retrain(chosen, label, seed)
        if log_dir is not None:
            write_history(opened.encoder, log_dir)
    _print(switched, as_json)
    if not as_json:
        console.say(f"next: vitrine evaluate {shop} · back again: vitrine rollback {shop}")


@app.command()
def rollback(shop: ShopPath, as_json: Json = False) -> None:
    """Switch back to the encoder that the shop had before; twice is where it was."""
    with Shop.open(shop) as opened:
        switched = opened.roll_back()
    _print(switched, as_json)


def _print(switched: Switched, as_json: bool) -> None:
    if as_json:
        console.print_json(asdict(switched))
        return
    taken_up = " (fitted by a run that was interrupted)" if switched.resumed else ""
    console.say(
        f"{switched.before} → {switched.after}{taken_up}: {switched.items:,} items, "
        f"{switched.dimensions} dimensions; {switched.encoded:,} encoded in this run"
    )
    if switched.from_thumbnails:
        console.say(
            f"{switched.from_thumbnails:,} items whose files have gone were encoded from the small "
            "pictures that the shop keeps"
        )
