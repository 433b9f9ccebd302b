import pytest

from vitrine.encoders.specifications import (
    join_options,
    read_encoder,
    split_list,
    split_options,
)
from vitrine.errors import OptionError


def test_names_and_options_may_hold_colons():
    assert split_options("looks") == ("looks", [])
    assert split_options("onnx:/a/b.onnx") == ("onnx:/a/b.onnx", [])
    assert split_options("category:backbone=onnx:/a/b.onnx:epochs=3") == (
        "category", ["backbone=onnx:/a/b.onnx", "epochs=3"],
    )  # fmt: skip


def test_what_is_joined_comes_apart_again():
    name, options = "onnx:/a/b.onnx", ["mean=0.5,0.4,0.3", "std=0.5"]
    assert split_options(join_options(name, options).replace(";", ":")) == (name, options)
    outer = f"hybrid-looks:encoders={join_options(name, options)}+looks"
    assert split_options(outer) == ("hybrid-looks", [outer.removeprefix("hybrid-looks:")])


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("pixels", ["pixels"]),
        (" hog , looks,", ["hog", "looks"]),
        ("hog:cells=9,6:blurs=0,1,looks", ["hog:cells=9,6:blurs=0,1", "looks"]),
        ("onnx:/a.onnx:mean=.5,.4,.3,all", ["onnx:/a.onnx:mean=.5,.4,.3", "all"]),
        (
            "category:backbone=onnx:a:backbone_options=mean=0.5,std=0.5,pixels",
            ["category:backbone=onnx:a:backbone_options=mean=0.5,std=0.5", "pixels"],
        ),
    ],
)
def test_a_comma_within_a_value_does_not_split(text, parts):
    assert split_list(text) == parts


def test_the_seed_is_the_commands_unless_an_option_says_another():
    assert read_encoder("pixels:n_components=2", 7).random_state == 7
    assert read_encoder("pixels:random_state=1", 7).random_state == 1
    with pytest.raises(OptionError, match="did you mean 'pixels'"):
        read_encoder("pixel")
