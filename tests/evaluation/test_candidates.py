from tests.encoders.tiny_models import pooling_network
from vitrine.encoders import encoder_names
from vitrine.evaluation import read_candidates


def test_all_are_those_that_can_run_here():
    found = read_candidates("all", random_state=3)
    plain = [name for name in encoder_names() if not name.startswith("pretrained:")]
    assert list(found.encoders) == plain
    assert {encoder.get_params()["random_state"] for encoder in found.encoders.values()} == {3}
    [left_out] = found.left_out
    assert "pretrained:resnet50" in left_out
    assert "not on this machine" in left_out


def test_a_network_brings_what_can_be_built_on_it():
    found = read_candidates(f"all,{pooling_network()}:mean=0.5:std=0.5")
    built = list(found.encoders)[-2:]
    assert built[0].startswith("category:backbone=onnx:")
    assert found.encoders[built[0]].backbone_options == ("mean=0.5", "std=0.5")
    assert built[1].endswith(";mean=0.5;std=0.5+looks")


def test_without_labels_what_learns_from_them_is_left_out_and_said():
    found = read_candidates("category,looks", labels=False)
    assert list(found.encoders) == ["looks"]
    assert found.left_out == ["category: needs labels"]
