"""Words to items: the same ones, whichever database finds them."""

import pytest

from tests.store.items import item
from vitrine.store.search import prepare_search, search_items


@pytest.fixture(params=["before", "after"])
def searched(request, store, encoder_id):
    """A shop that items are written to before, or after, its search was prepared."""
    if request.param == "before":
        assert prepare_search(store)
    store.put(
        [
            item("red-1", colour="rouge éclatant", price=1),
            item("red-2", colour="Rouge"),
            item("blue-1", colour="bleu nuit_claire, très foncé; 'quoted' & \"so\""),
            item("rouge", colour="vert"),
        ],
        encoder_id,
    )
    assert prepare_search(store)
    return store


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("rouge", {"rouge", "red-1", "red-2"}),
        ("ROUGE eclat", {"red-1"}),
        ("écl", {"red-1"}),
        ("rou", {"rouge", "red-1", "red-2"}),
        ("ouge", set()),
        ("red", {"red-1", "red-2"}),
        ("red-2", {"red-2"}),
        ("nuit_claire", {"blue-1"}),
        ("foncé quoted", {"blue-1"}),
        ("bleu vert", set()),
        ("&", set()),
        ("rouge' OR 1=1 --", set()),
        ("!!!", set()),
    ],
)
def test_items_are_found_by_all_words(searched, words, expected):
    assert set(search_items(searched, words)) == expected


def test_the_item_of_that_id_comes_first_and_plain_ones_before_wordy_ones(searched):
    assert search_items(searched, "rouge") == ["rouge", "red-2", "red-1"]


def test_what_changes_is_found_anew(searched, encoder_id):
    searched.put([item("red-1", colour="jaune")], encoder_id)
    searched.remove(["red-2"])
    assert search_items(searched, "rouge") == ["rouge"]
    assert search_items(searched, "jaune") == ["red-1"]
