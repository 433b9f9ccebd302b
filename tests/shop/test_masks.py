import numpy as np
import pytest

from vitrine.catalogue.attributes import AttributeTable
from vitrine.catalogue.where import parse_where
from vitrine.shop import masks
from vitrine.shop.masks import Masks


@pytest.fixture
def table():
    table = AttributeTable({"price": "integer"})
    table.set(np.arange(6), [{"price": price} for price in range(6)])
    return table


def conditions(table, text):
    return parse_where(text, table.schema)


def test_a_filter_is_looked_up_once_until_the_table_changes(table):
    kept = Masks(table)
    first = kept.of(conditions(table, "price<3"))
    assert first.mask.tolist() == [True] * 3 + [False] * 3
    assert kept.of(conditions(table, "price < 3")) is first
    with pytest.raises(ValueError, match="read-only"):
        first.mask[0] = False
    table.set(np.array([5]), [{"price": 0}])
    kept.forget()
    assert kept.of(conditions(table, "price<3")).mask.tolist() == [True] * 3 + [False] * 2 + [True]


def test_only_the_filters_asked_last_are_kept(table, monkeypatch):
    monkeypatch.setattr(masks, "KEPT", 2)
    kept = Masks(table)
    one, two = (kept.of(conditions(table, f"price<{n}")) for n in (1, 2))
    assert kept.of(conditions(table, "price<1")) is one
    kept.of(conditions(table, "price<3"))  # takes the place of the one asked longest ago
    assert kept.of(conditions(table, "price<1")) is one
    assert kept.of(conditions(table, "price<2")) is not two
