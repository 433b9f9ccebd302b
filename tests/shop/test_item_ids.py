import numpy as np
import pytest

from vitrine.catalogue import texts
from vitrine.catalogue.texts import FiledTexts
from vitrine.shop.item_ids import ItemIds

NAMES = ["hat-1", "", "café ☕", "hat-10", "a" * 400]


@pytest.fixture(params=["new", "filed"])
def ids(request):
    if request.param == "filed":
        return ItemIds(FiledTexts.of(NAMES), np.ones(len(NAMES), bool))
    ids = ItemIds()
    assert [ids.place(name) for name in NAMES] == [0, 1, 2, 3, 4]
    return ids


def test_each_id_has_its_position(ids):
    assert dict(ids) == {name: i for i, name in enumerate(NAMES)}
    assert [ids.at(i) for i in range(5)] == ids.every() == NAMES
    assert "hat-2" not in ids
    assert 7 not in ids
    assert ids.get("hat-2") is None
    with pytest.raises(KeyError):
        ids["hat-2"]


def test_several_are_read_at_once(ids):
    some = np.array([4, 0, 2, 2, 1])
    expected = [NAMES[i] for i in some]
    assert ids.at_each(some) == expected
    assert ids.at_each(some[:0]) == []
    ids.place("new")
    assert ids.at_each(np.append(some, 5)) == [*expected, "new"]


def test_a_new_id_gets_the_next_position_and_a_known_one_its_own(ids):
    assert ids.place("new") == 5
    assert ids.place("new") == 5
    assert ids.place("hat-10") == 3
    assert ids.size == len(ids) == 6


def test_an_item_that_comes_back_gets_a_new_position(ids):
    assert ids.remove("hat-1") == 0
    assert ids.remove("hat-1") is None
    assert "hat-1" not in ids
    assert len(ids) == 4
    assert ids.place("hat-1") == 5
    assert ids["hat-1"] == 5
    assert list(ids) == [*NAMES[1:], "hat-1"]
    assert ids.places().tolist() == list(ids.values()) == [1, 2, 3, 4, 5]
    assert 0 not in ids.values()
    again = ItemIds(FiledTexts.of(ids.every()), np.array([False, *[True] * 5]))
    assert dict(again) == dict(ids)


def test_ids_of_the_same_hash_are_told_apart(monkeypatch):
    monkeypatch.setattr(texts, "_hash", len)
    names = ["ab", "cd", "ef", "x"]
    ids = ItemIds(FiledTexts.of(names), np.ones(4, bool))
    assert [ids[name] for name in names] == [0, 1, 2, 3]
    assert "gh" not in ids
