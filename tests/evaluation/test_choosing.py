import numpy as np
import pytest

from tests.pictures import write_class_folders
from vitrine.catalogue import Catalogue
from vitrine.encoders import make_encoder
from vitrine.errors import InputError
from vitrine.evaluation import choose_encoder, choosing, evaluate_views
from vitrine.evaluation.candidates import Candidates


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory):
    return Catalogue.read(write_class_folders(tmp_path_factory.mktemp("made"), 20))


def test_with_labels_the_best_on_held_out_items_is_taken(catalogue, monkeypatch):
    encoders = {
        "poor": make_encoder("pixels", size=8, n_components=1, whitening=0.5),
        "colour": make_encoder("colour"),
        "broken": make_encoder("pixels", n_components=-3),
    }
    monkeypatch.setattr(choosing, "read_candidates", lambda *_, **__: Candidates(encoders))
    seen = []
    choice = choose_encoder(catalogue, "category", on_row=seen.append)
    assert choice.name == "colour"
    assert not hasattr(choice.encoder, "n_components_")  # not fitted: that is done on all items
    assert [tried.encoder for tried in choice.tries] == ["colour", "poor", "broken"]
    assert "n_components" in choice.tries[2].error
    assert "category" in choice.how
    assert "12 held-out" in choice.how
    assert len(seen) == 3


def test_without_labels_views_decide(catalogue, monkeypatch):
    monkeypatch.setattr(choosing, "UNTRAINED", ("colour", "hog"))
    choice = choose_encoder(catalogue)
    assert {tried.encoder for tried in choice.tries} == {"colour", "hog"}
    values = [tried.figure.value for tried in choice.tries]
    assert values == sorted(values, reverse=True)
    assert "no labels were used" in choice.how


def test_what_chose_its_weights_by_views_is_not_judged_by_them(catalogue):
    tried = [one.encoder for one in choose_encoder(catalogue).tries]
    assert "looks" in tried
    assert not [name for name in tried if name.startswith("hybrid-looks")]


def test_if_nothing_works_the_first_reason_is_given(catalogue, monkeypatch):
    encoders = {"broken": make_encoder("pixels", n_components=-3)}
    monkeypatch.setattr(choosing, "read_candidates", lambda *_, **__: Candidates(encoders))
    with pytest.raises(InputError, match="n_components=-3"):
        choose_encoder(catalogue, "category")


def test_views_find_each_other_where_pictures_differ_and_not_where_they_are_one():
    rng = np.random.default_rng(0)
    blocks = rng.integers(0, 255, (60, 4, 4, 3), np.uint8)
    pictures = blocks.repeat(8, axis=1).repeat(8, axis=2)
    encoder = make_encoder("looks").fit(pictures)
    assert evaluate_views(encoder, pictures).figure.value > 0.8
    same = np.broadcast_to(pictures[:1], pictures.shape)
    result = evaluate_views(encoder, same)
    assert result.figure.value < 0.2
    assert len(result.per_query) == 60
    assert len(evaluate_views(encoder, pictures, max_pictures=10).per_query) == 10
