from datetime import date, datetime

import numpy as np
import pytest

from vitrine.catalogue.attributes import AttributeTable, fit_type, to_json, widen_schema
from vitrine.catalogue.where import parse_where

SCHEMA = {
    "category": "text",
    "price": "number",
    "stock": "integer",
    "new": "boolean",
    "made": "date",
}
ROWS = [
    {"category": "hat", "price": 10.0, "stock": 3, "new": True, "made": datetime(2026, 1, 1)},
    {"category": "shoe", "price": 99.5, "stock": 0, "new": False, "made": datetime(2025, 1, 1)},
    {"category": "hat"},
]


@pytest.fixture
def table():
    table = AttributeTable(SCHEMA)
    table.set([0, 1, 2], ROWS)
    return table


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("category=hat", [True, False, True]),
        ("category!=hat", [False, True, False]),
        ("category=sock", [False, False, False]),
        ("category!=sock", [True, True, True]),
        ("price<50", [True, False, False]),
        ("price!=10", [False, True, False]),
        ("stock>=0 and price<50", [True, False, False]),
        ("stock<0.5", [False, True, False]),
        ("new=false", [False, True, False]),
        ("made>=2025-06-01", [True, False, False]),
    ],
)
def test_a_mask_allows_what_meets_every_condition(table, where, expected):
    assert table.mask(parse_where(where, SCHEMA)).tolist() == expected


def test_rows_come_back_as_they_went_in(table):
    assert [table.row(i) for i in range(3)] == ROWS
    assert table.values("price", [1, 2]) == [99.5, None]


def test_a_row_that_is_set_again_forgets_what_it_had(table):
    table.set([0], [{"category": "sock", "stock": 7}])
    assert table.row(0) == {"category": "sock", "stock": 7}
    assert table.row(1) == ROWS[1]


def test_attributes_can_be_added_and_integers_become_numbers(table):
    table.widen({**SCHEMA, "stock": "number", "brand": "text"})
    table.set([3], [{"stock": 1.5, "brand": "Acme"}])
    schema = table.schema
    assert table.mask(parse_where("stock<2", schema)).tolist() == [False, True, False, True]
    assert table.mask(parse_where("brand=Acme", schema)).tolist() == [False, False, False, True]
    assert table.row(0)["stock"] == 3.0


def test_masks_agree_with_a_loop_on_many_rows():
    rng = np.random.default_rng(0)
    rows = [{"price": float(price)} for price in rng.uniform(0, 100, 1_000)]
    table = AttributeTable({"price": "number"})
    for start in range(0, 1_000, 300):  # grows in steps
        table.set(range(start, min(start + 300, 1_000)), rows[start : start + 300])
    mask = table.mask(parse_where("price>=20 and price<30", table.schema))
    assert mask.tolist() == [20 <= row["price"] < 30 for row in rows]


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        (3, "number", 3.0),
        (3, "text", "3"),
        (True, "boolean", True),
        ("2026-01-31", "date", datetime(2026, 1, 31)),
        (date(2026, 1, 31), "date", datetime(2026, 1, 31)),
        (None, "number", None),
    ],
)
def test_values_are_fitted_to_the_type(value, kind, expected):
    assert fit_type(value, kind) == expected


@pytest.mark.parametrize(
    ("value", "kind"),
    [("cheap", "number"), (1.5, "integer"), (True, "integer"), (1, "boolean"), (3, "date"),
     (2**70, "integer")],
)  # fmt: skip
def test_a_value_that_does_not_fit_is_refused(value, kind):
    with pytest.raises(ValueError, match=r"is not|does not fit"):
        fit_type(value, kind)


def test_schemas_join_and_integers_widen():
    widened = widen_schema(
        {"a": "integer", "b": "text"}, {"a": "number", "b": "number", "c": "date"}
    )
    assert widened == {"a": "number", "b": "text", "c": "date"}


def test_dates_survive_json():
    assert fit_type(to_json(datetime(2026, 1, 31, 12, 30)), "date") == datetime(2026, 1, 31, 12, 30)
