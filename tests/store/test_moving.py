"""A shop copied between folders and databases is the same shop."""

import numpy as np
import pytest
from sqlalchemy import delete, select, update

from tests.store.conftest import DATABASES
from tests.store.items import everything, item
from vitrine.catalogue.items import PictureRef
from vitrine.errors import ShopError, ShopExistsError
from vitrine.store import RatingStore, Store, StoredItem, StoredRating
from vitrine.store import moving as moving_module
from vitrine.store.database import reading, writing
from vitrine.store.moving import copy_shop
from vitrine.store.search import prepare_search, search_items
from vitrine.store.tables import artifacts, items

NAME = "pictures/3f/3f.jpg"


@pytest.fixture
def filled(store, encoder_id, monkeypatch):
    """A store with something in every table, and gaps in the numbers."""
    monkeypatch.setattr(moving_module, "ROWS_A_CHUNK", 100)
    store.put([item(f"i{n}", float(n), colour="rouge", price=n) for n in range(250)], encoder_id)
    store.remove(["i249", "i7"])
    store.kept.put(NAME, b"a picture")
    kept = StoredItem("été\u2028", (PictureRef(str(store.folder / NAME)),), "p", {}, np.ones(4))
    store.put([kept], encoder_id)
    ratings = RatingStore(store.engine)
    ratings.put([StoredRating(f"u{n}", f"i{n % 9}", 4.5, n or None) for n in range(50)], "explicit")
    ratings.forget("u49")
    ratings.save_model("ease", {"manifest.json": b"{}"}, 3)
    return store


@pytest.mark.parametrize("target_kind", DATABASES)
def test_a_copy_is_the_same_shop_and_goes_on_by_itself(filled, encoder_id, new_place, target_kind):
    target = new_place(target_kind)
    moved = copy_shop(filled.place, target)
    assert moved.rows["items"] == moved.rows["vectors"] == 249
    assert moved.files == 1
    copied = Store.open(target)
    assert copied.state() == filled.state()
    for ours, theirs in zip(everything(copied, 1), everything(filled, 1), strict=True):
        assert ours == theirs if not isinstance(ours, list) else sorted(ours) == sorted(theirs)
    [ref] = copied.pictures(["été\u2028"])["été\u2028"]
    assert ref.path.startswith(str(copied.folder))
    assert copied.kept.read(NAME) == b"a picture"
    ratings = RatingStore(copied.engine)
    assert ratings.columns().values.tolist() == [4.5] * 49
    # Numbers go on: no code of an item, a rater or an artifact is given a second time.
    ratings.put([StoredRating("new", "i1", 1.0, None)], "explicit")
    assert ratings.seen_by("new")[1] == 51
    copied.put([item("new", 1.0, colour="bleu")], encoder_id)
    with reading(copied.engine) as connection:
        assert connection.scalar(select(items.c.code).where(items.c.item_id == "new")) > 250
    assert copied.save_encoder("test", {"a": b""}) == 3
    assert prepare_search(copied)
    assert search_items(copied, "bleu") == ["new"]
    assert len(search_items(copied, "ROUGE")) == 248
    copied.close()


def test_nothing_is_overwritten(filled, place, new_place, tmp_path):
    with pytest.raises(ShopExistsError, match="remove"):
        copy_shop(place, place)
    other = new_place("sqlite")
    other.path.mkdir()
    (other.path / "letter.txt").write_text("dear")
    with pytest.raises(ShopExistsError, match="not a shop"):
        copy_shop(place, other)


@pytest.mark.parametrize("target_kind", DATABASES)
@pytest.mark.parametrize("fault", ["changed", "lost", "more"])
def test_a_row_that_is_not_the_same_leaves_no_copy(
    filled, new_place, target_kind, fault, monkeypatch
):
    copy_rows = moving_module._copy_rows
    there = items.c.item_id == "i3"

    def spoil(old, new):
        moved = copy_rows(old, new)
        if fault == "changed":
            new.execute(update(items).where(there).values(pictures_fingerprint="other"))
        elif fault == "lost":
            new.execute(delete(items).where(there))
        else:
            new.execute(artifacts.insert().values(id=99, kind="x", created=""))
        return moved

    monkeypatch.setattr(moving_module, "_copy_rows", spoil)
    target = new_place(target_kind)
    with pytest.raises(ShopError, match=r"the table (items|artifacts) is another"):
        copy_shop(filled.place, target)
    assert not target.exists()
    target.check_free()


def test_it_is_of_one_moment(filled, new_place, encoder_id, monkeypatch):
    """What is written meanwhile is not in it, and stays no fault."""
    copy_rows = moving_module._copy_rows

    def write_meanwhile(old, new):
        moved = copy_rows(old, new)
        with writing(filled.engine) as connection:
            connection.execute(delete(items).where(items.c.item_id == "i5"))
        return moved

    monkeypatch.setattr(moving_module, "_copy_rows", write_meanwhile)
    assert copy_shop(filled.place, new_place("sqlite")).rows["items"] == 249
    assert filled.count() == 248
