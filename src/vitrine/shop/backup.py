"""Copies of a shop, taken while it is in use, and put in its place."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from vitrine.errors import ShopError, ShopExistsError
from vitrine.files import flush_to_disk, is_disk_full, no_room
from vitrine.store import DATABASE_NAME, PlaceLike, Store, place_of
from vitrine.store.copying import copy_database
from vitrine.store.place import Folder
from vitrine.store.rows import PICTURES_NAME


def backup(where: PlaceLike, to: PlaceLike) -> Path:
    """Copy a shop as it is at this moment; others may go on reading and writing it.

    The copy is a shop itself: every command works on it. It is complete when its directory
    appears. Picture files outside the shop's directory stay where they are.

    Parameters
    ----------
    where : path
        The shop.
    to : path
        A directory that does not exist, or is empty.

    Raises
    ------
    ShopNotFoundError
        If there is no shop.
    ShopExistsError
        If there is something at `to` already.
    DiskFullError
        If the disk has no room for it; what was begun is taken away again.
    ShopError
        If it cannot be written for another reason, or one of both is no directory.
    """
    source, target = _folder(where), _folder(to)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ShopExistsError(f"{target}: there is something already; name a new directory")
    Store.open(Folder(source)).close()
    half = target.with_name(f"{target.name}.partial")
    shutil.rmtree(half, ignore_errors=True)
    try:
        half.mkdir(parents=True)
        copy_database(source / DATABASE_NAME, half / DATABASE_NAME)
        if (source / PICTURES_NAME).is_dir():
            _copy_pictures(source / PICTURES_NAME, half / PICTURES_NAME)
        os.replace(half, target)
        flush_to_disk(target.absolute().parent)
    except OSError as error:
        if is_disk_full(error):
            raise no_room(target) from error
        raise ShopError(f"{target}: the copy could not be written ({error})") from error
    finally:
        shutil.rmtree(half, ignore_errors=True)
    return target


def restore(copy: PlaceLike, to: PlaceLike) -> Path:
    """Put a backup where a shop is wanted; the backup stays.

    A shop that is there is never overwritten: processes that have it open would mix the two.

    Raises
    ------
    ShopNotFoundError
        If there is no backup.
    ShopExistsError
        If there is something at `to` already.
    """
    if Folder(_folder(to)).exists():
        raise ShopExistsError(
            f"{to}: there is a shop; move it away first (and restart what has it open), then "
            "restore again"
        )
    return backup(copy, to)


def _folder(where: PlaceLike) -> Path:
    place = place_of(where)
    if isinstance(place, Folder):
        return place.path
    raise ShopError(
        f"{place}: a backup is of one directory and in another; a database is copied with vitrine "
        "copy, and backed up with its own tools (pg_dump)"
    )


def _copy_pictures(source: Path, target: Path) -> None:
    """Copy the pictures that are whole; those that are being written belong to no item yet."""
    shutil.copytree(source, target, ignore=shutil.ignore_patterns(".new-*"))
    for path in [target, *target.rglob("*")]:
        flush_to_disk(path)
