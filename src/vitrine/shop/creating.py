"""The beginning of a shop: what was asked for, and the encoder fitted for it."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import numpy as np
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from vitrine.catalogue import Catalogue
from vitrine.encoders.base import Encoder
from vitrine.errors import InputError, ShopExistsError
from vitrine.shop.canonical import encoder_files
from vitrine.store import Place, Store

MAX_FIT_PICTURES = 100_000


def begin(
    place: Place,
    catalogue: Catalogue,
    encoder: Encoder,
    label: str | None,
    random_state: int,
    thumbnails: bool,
) -> Store:
    """Return the store of a new shop, or of one whose making broke off, its encoder in it.

    Raises
    ------
    ShopExistsError
        If there is a complete shop, one begun with other settings, or something else.
    InputError
        If the label is no attribute, or no picture can be read.
    """
    if label is not None and label not in catalogue.schema:
        raise InputError(f"{catalogue.name}: there is no column {label!r} to take labels from")
    request = request_of(encoder, label) | {"thumbnails": thumbnails}
    begun = _resume(place, request)
    if begun is not None and begun.state().encoder_id is not None:
        return begun
    with begun.closed_on_failure() if begun is not None else nullcontext():
        if not is_fitted(encoder):
            encoder = _fit(encoder, catalogue, label, random_state)
    store = Store.create(place, request) if begun is None else begun
    with store.closed_on_failure():
        store.save_encoder(encoder.kind, encoder_files(encoder))
    return store


def request_of(encoder: Encoder, label: str | None) -> dict[str, Any]:
    """Return what encoder was asked for, as JSON holds it."""
    params = {name: _plain(value) for name, value in encoder.get_params(deep=False).items()}
    return {"encoder": encoder.kind, "params": params, "label": label}


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def is_fitted(encoder: Encoder) -> bool:
    """Tell whether an encoder has been fitted."""
    try:
        check_is_fitted(encoder, "preprocessing_")
    except NotFittedError:
        return False
    return True


def _resume(place: Place, request: dict[str, Any]) -> Store | None:
    """Return the store of a shop whose making broke off, or None where nothing is there yet."""
    if not place.exists():
        place.check_free()
        return None
    store = Store.open(place)
    with store.closed_on_failure():
        state = store.state()
        if state.ready:
            raise ShopExistsError(
                f"{place}: there is a shop already; add to it with vitrine add, or remove "
                f"{place.what} first"
            )
        if {name: state.settings.get(name) for name in request} != request:
            raise ShopExistsError(
                f"{place}: a shop was begun here with other settings ({state.settings}); run that "
                f"again to complete it, or remove {place.what} first"
            )
    return store


def _fit(encoder: Encoder, catalogue: Catalogue, label: str | None, random_state: int) -> Encoder:
    """Fit `encoder` on the catalogue's readable pictures, at most 100,000 of them.

    Raises
    ------
    InputError
        If no picture can be read.
    """
    codes = np.arange(len(catalogue))
    if len(codes) > MAX_FIT_PICTURES:
        rng = np.random.default_rng(random_state)
        codes = np.sort(rng.choice(codes, MAX_FIT_PICTURES, replace=False))
    sample = catalogue.take(codes)
    readable = sample.readable(cover=1)  # JPEGs at an eighth of their size show the same faults
    if len(readable) == 0:
        rejected = [*catalogue.rejected, *readable.rejected]
        reasons = "; ".join(str(rejection) for rejection in rejected[:3])
        raise InputError(
            f"{catalogue.name}: there is no picture to learn from ({len(rejected)} refused)"
            + (f"; the first: {reasons}" if reasons else "")
        )
    labels = None if label is None else readable.values(label)
    return encoder.fit(readable.pictures(), labels)
