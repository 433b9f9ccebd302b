from datetime import datetime

import pytest

from vitrine.catalogue.where import Condition, parse_where
from vitrine.errors import FilterError

SCHEMA = {
    "category": "text",
    "price": "number",
    "stock": "integer",
    "in stock": "boolean",
    "made": "date",
}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("category=shoes", [Condition("category", "=", "shoes")]),
        ("category = running shoes", [Condition("category", "=", "running shoes")]),
        ("price<50", [Condition("price", "<", 50.0)]),
        ("price <= 49.90", [Condition("price", "<=", 49.9)]),
        ("stock>=3", [Condition("stock", ">=", 3)]),
        ("stock<2.5", [Condition("stock", "<", 2.5)]),
        ("stock!=-3", [Condition("stock", "!=", -3)]),
        ("in stock=TRUE", [Condition("in stock", "=", True)]),
        ('"in stock"=no', [Condition("in stock", "=", False)]),
        ("made>2026-01-31", [Condition("made", ">", datetime(2026, 1, 31))]),
        ("made=2026-01-31T10:00:00+02:00", [Condition("made", "=", datetime(2026, 1, 31, 8))]),
        ('category="salt and pepper"', [Condition("category", "=", "salt and pepper")]),
        (r'category="6\" nails"', [Condition("category", "=", '6" nails')]),
        ("category=x'; DROP TABLE items", [Condition("category", "=", "x'; DROP TABLE items")]),
        (
            "category=hat AND price>1 and stock=0",
            [Condition("category", "=", "hat"), Condition("price", ">", 1.0),
             Condition("stock", "=", 0)],
        ),
    ],
)  # fmt: skip
def test_an_expression_becomes_typed_conditions(expression, expected):
    assert parse_where(expression, SCHEMA) == expected


def test_several_expressions_and_mappings_are_joined():
    both = [Condition("category", "=", "hat"), Condition("stock", "=", 2)]
    assert parse_where(["category=hat", "stock=2"], SCHEMA) == both
    assert parse_where({"category": "hat", "stock": 2}, SCHEMA) == both
    assert parse_where({"category": "red and blue"}, SCHEMA)[0].value == "red and blue"
    assert parse_where(None, SCHEMA) == []


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("", "cannot read"),
        ("category", "cannot read"),
        ("=shoes", "cannot read"),
        ("category=", "cannot read"),
        ("category=a and", "cannot read"),
        ("category=a=b", "cannot read"),
        ('category="a', "cannot read"),
        ("colour=red", "there is no attribute 'colour'"),
        ("categry=red", "did you mean 'category'"),
        ("category<red", "by = and != only"),
        ("in stock>true", "by = and != only"),
        ("price=cheap", "'cheap' is not a number"),
        ("price<nan", "'nan' is not a number"),
        ("in stock=maybe", "is not true or false"),
        ("made=yesterday", "is not a date"),
        ("category=" + "x" * 20_000, "10000 characters"),
    ],
)
def test_a_wrong_expression_says_what_is_wrong(expression, says):
    with pytest.raises(FilterError, match=says):
        parse_where(expression, SCHEMA)
