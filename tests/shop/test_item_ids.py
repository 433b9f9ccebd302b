import numpy as np
import pytest

from vitrine.shop import item_ids
from vitrine.shop.item_ids import FiledIds, ItemIds, Texts

NAMES = ["hat-1", "", "café ☕", "hat-10", "a" * 400]


@pytest.fixture(params=["new", "filed"])
def ids(request):
    if request.param == "filed":
        return ItemIds(FiledIds.of(NAMES), np.ones(len(NAMES), bool))
    ids = ItemIds()
    assert [ids.place(name) for name in NAMES] == [0, 1, 2, 3, 4]
    return ids


def test_texts_come_back_as_they_were():
    texts = Texts.of(NAMES)
    assert list(texts) == [texts[i] for i in range(len(texts))] == NAMES
    assert list(Texts.of([])) == []


def test_each_id_has_its_position(ids):
    assert dict(ids) == {name: i for i, name in enumerate(NAMES)}
    assert [ids.at(i) for i in range(5)] == ids.every() == NAMES
    assert "hat-2" not in ids
    assert 7 not in ids
    assert ids.get("hat-2") is None
    with pytest.raises(KeyError):
        ids["hat-2"]


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
    assert list(reversed(ids.values())) == [5, 4, 3, 2, 1]
    assert 0 not in ids.values()
    again = ItemIds(FiledIds.of(ids.every()), np.array([False, *[True] * 5]))
    assert dict(again) == dict(ids)


def test_ids_of_the_same_hash_are_told_apart(monkeypatch):
    monkeypatch.setattr(item_ids, "_hash", len)
    names = ["ab", "cd", "ef", "x"]
    ids = ItemIds(FiledIds.of(names), np.ones(4, bool))
    assert [ids[name] for name in names] == [0, 1, 2, 3]
    assert "gh" not in ids
