"""Whether a shop is whole, and what to do where it is not."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vitrine.artifact import Artifact
from vitrine.catalogue import decode
from vitrine.encoders import load_encoder
from vitrine.encoders.base import Encoder
from vitrine.errors import ArtifactError, PictureError, UnknownItemError
from vitrine.index.distance import unit
from vitrine.progress import task
from vitrine.shop.canonical import reproduces
from vitrine.shop.importing import encode_items
from vitrine.shop.mending import memory_faults
from vitrine.store import PlaceLike, RatingStore, Store, place_of
from vitrine.store.clusters import find_clusters
from vitrine.store.encoders import EARLIER, STAGED, OtherEncoders
from vitrine.store.integrity import damaged_pages, miscounted, raw_vectors, without_words

SAMPLE, TRIES = 50, 3
SAME = 0.999
"""Cosine under which a vector made again is another one."""

ADD_AGAIN = "vitrine remove it, then vitrine add the source that it came from"
MAKE_AGAIN = "put a backup in its place (vitrine restore), or make the shop again"
MEND = "vitrine check SHOP --mend makes it again from the rest"
FIT_AGAIN = "vitrine ratings fit SHOP"


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a shop: what it is, and what mends it."""

    what: str
    mend: str


@dataclass
class Checked:
    """What `check` looked at, and found.

    Attributes
    ----------
    items : int
    encoded_again : int
        Items of a sample whose pictures were encoded again and compared with what is stored.
    pictures_gone : int
        Items of the sample whose picture files are not there any more. That is no fault: what is
        stored serves; only another encoder would have to learn from their thumbnails.
    problems : list of Problem
    """

    items: int = 0
    encoded_again: int = 0
    pictures_gone: int = 0
    problems: list[Problem] = field(default_factory=list)


def check(where: PlaceLike, random_state: int = 0) -> Checked:
    """Look a shop through, from the pages of its database to vectors made again.

    It asks for the database's own check; compares the files of every fitted model with their
    digests; lets the encoder give its canonical vector again; sees that every item has a finite
    vector of the right size; encodes the pictures of a sample again, which must give the vectors
    that are stored; and holds what is kept twice (words to search for, numbers of ratings, what an
    opened shop has in memory) against the rows that it comes from. The shop may be in use.

    Parameters
    ----------
    where : path, or the URL of a database
    random_state : int
        Seeds the sample.

    Raises
    ------
    ShopNotFoundError
        If there is no shop.
    ShopFormatError
        If the file is no shop's database, or of another version.
    """
    store = Store.open(place_of(where))
    result = Checked()
    try:
        result.problems += [Problem(found, MAKE_AGAIN) for found in damaged_pages(store)]
        if result.problems:  # what is read from damaged pages says nothing
            return result
        state = store.state()
        if state.encoder_id is None or not state.ready:
            again = "run the same vitrine create again"
            result.problems.append(Problem("its making broke off before the end", again))
        encoder = _encoder(store, state.encoder_id, result)
        if encoder is not None and state.encoder_id is not None:
            usable = _check_vectors(store, state.encoder_id, encoder.n_components_, result)
            _check_sample(store, state.encoder_id, encoder, usable, result, random_state)
            if not result.problems:  # what is opened cannot be better than what is stored
                result.problems += [Problem(found, MEND) for found in memory_faults(store)]
        result.problems += _other_models(store)
        result.problems += _kept_twice(store)
    finally:
        store.close()
    return result


def _kept_twice(store: Store) -> list[Problem]:
    """Return where what is kept beside the rows, to save time, does not agree with them."""
    problems = []
    if n := without_words(store):
        problems.append(Problem(f"{n:,} items are missing among the words to search for", MEND))
    if ids := miscounted(store):
        what = f"the ratings of {len(ids):,} items are counted wrongly (the first: {ids[0]!r})"
        problems.append(Problem(what, MEND))
    return problems


def _other_models(store: Store) -> list[Problem]:
    """Return what is wrong with models beside the encoder: ratings', clusters', other encoders."""
    settings = store.state().settings
    fitted: list[tuple[str, int | None, str]] = [
        ("the rating model", RatingStore(store.engine).state().model_id, FIT_AGAIN)
    ]
    if clusters := find_clusters(settings):
        fitted.append(("the clusters", clusters.artifact_id, "vitrine clusters SHOP"))
    others = {which: OtherEncoders(store).find(which) for which in (STAGED, EARLIER)}
    fitted += [
        (f"the {which} encoder", other.encoder_id, "vitrine retrain SHOP")
        for which, other in others.items()
        if other is not None
    ]
    problems = []
    for name, artifact_id, mend in fitted:
        if artifact_id is None:
            continue
        try:
            Artifact.from_files(store.artifact(artifact_id), name)
        except ArtifactError as error:
            problems.append(Problem(str(error), mend))
    return problems


def _encoder(store: Store, encoder_id: int | None, result: Checked) -> Encoder | None:
    if encoder_id is None:
        return None
    try:
        files = store.artifact(encoder_id)
        encoder = load_encoder(Artifact.from_files(files, "the shop's encoder"))
    except ArtifactError as error:
        result.problems.append(Problem(str(error), MAKE_AGAIN))
        return None
    if not reproduces(encoder, files):
        what = "the encoder gives another vector than when it was fitted"
        mend = (
            "use the versions of Vitrine's dependencies that made the shop, or vitrine retrain it"
        )
        result.problems.append(Problem(what, mend))
    return encoder


def _check_vectors(store: Store, encoder_id: int, dimensions: int, result: Checked) -> list[str]:
    """Note the items that cannot be searched, and return the ids of the others."""
    usable = []
    for item_id, content in raw_vectors(store, encoder_id):
        result.items += 1
        fault = _fault(content, dimensions)
        if fault is None:
            usable.append(item_id)
        else:
            result.problems.append(Problem(f"item {item_id!r} {fault}", ADD_AGAIN))
    return usable


def _fault(content: bytes | None, dimensions: int) -> str | None:
    if content is None:
        return "has no vector"
    if len(content) != 4 * dimensions:
        return f"has a vector of {len(content)} bytes, not {4 * dimensions}"
    if not np.isfinite(np.frombuffer(content, "<f4")).all():
        return "has a vector that is not finite"
    return None


def _check_sample(
    store: Store,
    encoder_id: int,
    encoder: Encoder,
    item_ids: list[str],
    result: Checked,
    random_state: int,
) -> None:
    chosen = np.random.default_rng(random_state).permutation(len(item_ids))[:SAMPLE]
    sample = [item_ids[i] for i in chosen]
    with task("encoding a sample again", len(sample)) as progress:
        for item_id in sample:
            outcome = _as_stored(store, encoder_id, encoder, item_id)
            progress.advance()
            if outcome is None:
                result.pictures_gone += 1
                continue
            result.encoded_again += 1
            if not outcome:
                what = f"item {item_id!r} has another vector than its picture gives now"
                mend = "if the picture was replaced, " + ADD_AGAIN
                result.problems.append(Problem(what, mend))


def _as_stored(store: Store, encoder_id: int, encoder: Encoder, item_id: str) -> bool | None:
    """Tell whether an item's pictures give its vector; None where they cannot be read.

    An item that somebody writes meanwhile is looked at again.
    """
    for _ in range(TRIES):
        try:
            [before] = store.vectors([item_id], encoder_id)
            new = _encoded_again(store, encoder, item_id)
            [after] = store.vectors([item_id], encoder_id)
        except UnknownItemError:  # removed, or of another encoder, which is no fault
            return True
        if np.array_equal(before, after):
            return None if new is None else _same(before, new)
    return True


def _encoded_again(store: Store, encoder: Encoder, item_id: str) -> NDArray[np.float32] | None:
    cover = encoder.preprocessing_.cover
    try:
        refs = store.pictures([item_id]).get(item_id, [])
        pictures = [decode(ref, cover=cover) for ref in refs]
    except PictureError:
        return None
    if not pictures:
        return None
    vector: NDArray[np.float32] = encode_items(encoder, [pictures])[0]
    return vector


def _same(old: NDArray[np.float32], new: NDArray[np.float32]) -> bool:
    if not (old.any() and new.any()):
        return bool(np.allclose(old, new, atol=1e-6))
    return bool(unit(old[None])[0] @ unit(new[None])[0] >= SAME)
