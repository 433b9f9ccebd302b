"""When the places of items are looked at anew."""

from types import SimpleNamespace

from vitrine.shop.item_ids import ItemIds
from vitrine.shop.ratings_places import items_version


def test_the_version_differs_whenever_items_came_or_went():
    ids = ItemIds()
    memory = SimpleNamespace(positions=ids)
    found = {items_version(memory)}
    for change, item_id in [
        (ids.place, "a"), (ids.place, "b"), (ids.remove, "a"), (ids.place, "a"), (ids.remove, "b"),
        (ids.place, "c"), (ids.remove, "a"), (ids.remove, "c"),
    ]:  # fmt: skip
        change(item_id)
        found.add(items_version(memory))
    assert len(found) == 9
    ids.place("b")
    version = items_version(memory)
    ids.place("b")  # nothing new
    assert items_version(memory) == version


def test_the_version_is_told_without_looking_at_each_item(monkeypatch):
    ids = ItemIds()
    ids.place("a")

    def refuse(self):
        raise AssertionError("all positions were listed")

    monkeypatch.setattr(ItemIds, "values", refuse)
    monkeypatch.setattr(ItemIds, "places", refuse)
    monkeypatch.setattr(ItemIds, "__iter__", refuse)
    assert items_version(SimpleNamespace(positions=ids))
