import pytest

from vitrine.errors import OptionError
from vitrine.ratings import rating_model_names
from vitrine.ratings.options import parse_model_options


def test_values_get_the_parameters_types():
    found = parse_model_options("svd", ["n-factors=8", "learning_rate=0.1", "shuffle=no"])
    assert found == {"n_factors": 8, "learning_rate": 0.1, "shuffle": False}
    assert parse_model_options("bayesian-svdpp", ["noise_freedom=None"]) == {"noise_freedom": None}
    assert parse_model_options("item-knn", ["similarity=cosine"]) == {"similarity": "cosine"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("n_factors", "write it as name=value"),
        ("factors=3", "did you mean 'n_factors'"),
        ("n_factors=many", "not a whole number"),
        ("shuffle=perhaps", "not yes or no"),
        ("learning_rate=fast", "not a number"),
    ],
)
def test_what_does_not_fit_is_refused(text, message):
    with pytest.raises(OptionError, match=message):
        parse_model_options("svd", [text])


def test_what_takes_more_than_a_word_is_left_to_python():
    with pytest.raises(OptionError, match="use Python"):
        parse_model_options("blend", ["models=svd"])
    with pytest.raises(OptionError, match="one of pearson-baseline"):
        parse_model_options("item-knn", ["similarity=jaccard"])


def test_every_model_can_be_asked_about_its_options():
    for name in rating_model_names():
        assert parse_model_options(name, []) == {}
