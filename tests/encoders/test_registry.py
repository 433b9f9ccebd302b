import subprocess
import sys

import numpy as np
import pytest

from vitrine.artifact import Artifact
from vitrine.encoders import encoder_class, encoder_names, load_encoder, make_encoder, parse_options
from vitrine.encoders.descriptors import Hog
from vitrine.errors import ArtifactError, OptionError


def test_every_name_is_its_classes_kind():
    assert {"pixels", "hog", "colour", "looks"} <= set(encoder_names())
    for name in encoder_names():
        assert encoder_class(name).kind == name.partition(":")[0]


def test_options_reach_the_constructor():
    encoder = make_encoder("hog", cells=(5,), blurs=(0.0,))
    assert isinstance(encoder, Hog)
    assert encoder.cells == (5,)


def test_a_misspelt_name_is_answered_with_the_close_one_and_the_list():
    with pytest.raises(OptionError, match=r"'look'.*did you mean 'looks'.*pixels, hog, colour"):
        make_encoder("look")


def test_a_name_like_no_other_is_answered_with_the_list():
    with pytest.raises(OptionError, match=r"'resnet50'\. It can be: pixels"):
        make_encoder("resnet50")


def test_an_unknown_option_names_those_there_are():
    with pytest.raises(OptionError, match=r"pixels has no option 'n_component'.*'n_components'"):
        make_encoder("pixels", n_component=2)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("pixels", "n_components=2", 2),
        ("pixels", "n_components=none", None),
        ("pixels", "n-components=2", 2),
        ("pixels", "exponent=0.5", 0.5),
        ("pixels", "exponent=1", 1.0),
        ("pixels", "mirror=yes", True),
        ("pixels", "mirror=False", False),
        ("pixels", "distance=cosine", "cosine"),
        ("hog", "cells=12,9", (12, 9)),
        ("hog", "blurs=0, 1.5", (0.0, 1.5)),
        ("dense-autoencoder", "hidden=128,64", (128, 64)),
        ("dense-autoencoder", "hidden=128", (128,)),
        ("dense-autoencoder", "hidden=", ()),
    ],
)
def test_values_are_read_as_the_constructor_declares_them(name, text, expected):
    (value,) = parse_options(name, [text]).values()
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("n_components=two", "n_components=two is not a whole number or none"),
        ("n_components=2.5", "a whole number or none"),
        ("mirror=perhaps", "yes or no"),
        ("exponent=none", "a number"),
        ("exponent=nan", "a number"),
        ("distance=manhattan", "one of euclidean, standardized, cosine"),
        ("n_components", "write it as name=value"),
        ("whitning=0.1", "did you mean 'whitening'"),
    ],
)
def test_what_cannot_be_read_is_said(text, message):
    with pytest.raises(OptionError, match=message):
        parse_options("pixels", [text])


def test_parsing_for_an_unknown_encoder():
    with pytest.raises(OptionError, match="did you mean 'hog'"):
        parse_options("hogg", [])


def test_a_saved_model_of_another_family_is_refused():
    with pytest.raises(ArtifactError, match=r"'popularity'.*no encoder"):
        load_encoder(Artifact("popularity"))


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(ArtifactError, match=r"manifest\.json"):
        load_encoder(tmp_path)


def test_descriptors_need_no_torch():
    code = (
        "import sys; import numpy as np; from vitrine.encoders import make_encoder;"
        "make_encoder('looks').fit(np.zeros((3, 9, 9), np.uint8));"
        "sys.exit('torch' in sys.modules or 'onnx' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_loaded_encoder_keeps_tuples(tmp_path):
    encoder = make_encoder("hog", cells=(3,), blurs=(0.0,))
    encoder.fit(np.random.default_rng(0).integers(0, 256, (9, 12, 12), dtype=np.uint8))
    encoder.save(tmp_path)
    assert load_encoder(tmp_path).cells == (3,)
