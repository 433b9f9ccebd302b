"""Hostile models: refused with the reason; nothing in them is run, unpacked or read elsewhere."""

from __future__ import annotations

import os
import time
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest

from tests.encoders.tiny_models import write_network
from tests.hostile import decode_all
from tests.hostile import models as made
from tests.pictures import make_picture, write_table
from tests.ratings.worlds import checkerboard
from vitrine import artifact
from vitrine.artifact import ARRAYS, MANIFEST, Artifact
from vitrine.catalogue import Catalogue
from vitrine.encoders import make_encoder
from vitrine.encoders.onnx_encoder import OnnxModel
from vitrine.encoders.registry import load_encoder
from vitrine.errors import ArtifactError, VitrineError
from vitrine.ratings.registry import load_rating_model, make_rating_model
from vitrine.shop import Shop
from vitrine.store import Store
from vitrine.store.place import Folder

PICTURES = [make_picture("apple", seed) for seed in range(12)]
FILES = {"plain": Artifact("pixels", {"a": 1}, {"x": np.arange(6.0)}, {"m.onnx": b"onnx"})}


def refused(files, says):
    started = time.process_time()
    with pytest.raises(ArtifactError, match=says):
        Artifact.from_files(files)
    assert time.process_time() - started < 2


def test_a_pickle_is_refused_wherever_it_lies_and_never_run(tmp_path):
    trap = tmp_path / "it-ran"
    plain = FILES["plain"]
    for arrays in (
        made.pickled(trap), made.pickled_array(trap), made.archive(x=made.pickled_array(trap)),
        made.archive(x=made.pickled(trap)), made.pickled(trap) + made.archive(x=b""),
    ):  # fmt: skip
        refused(made.vouched(plain, arrays_npz=arrays), "cannot be read")
    refused({**plain.to_files(), MANIFEST: made.pickled(trap)}, "not a manifest")
    with pytest.raises(ArtifactError):
        open_network(made.pickled(trap))
    assert not trap.exists()


def test_an_archive_that_unpacks_to_more_than_a_model_may_have_is_not_unpacked(monkeypatch):
    content = made.bomb(300 * 2**20)
    assert len(content) < 2e6
    monkeypatch.setattr(artifact, "MAX_FILE_BYTES", 256 * 2**20)
    decode_all.forget()
    before = decode_all.memory("VmRSS")
    refused(made.vouched(FILES["plain"], arrays_npz=content), "too many")
    assert decode_all.memory("VmHWM") - before < 50


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (-1,), }",
        "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }",
        "{'descr': [('a', '|O')], 'fortran_order': False, 'shape': (1,), }",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (__import__('os').getcwd(),), }",
        "{'descr': '<f8'}",
        "[" * 100,
    ],
)
def test_an_array_that_lies_about_itself_is_refused(header):
    arrays = made.archive(x=made.npy(header, bytes(64)))
    refused(made.vouched(FILES["plain"], arrays_npz=arrays), "cannot be read")


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"format": 2}, "format 2, this Vitrine reads 1"),
        ({"format": "1"}, "format 1, this"),
        ({"format": None}, "written in format None"),
        ({"kind": ["pixels"]}, "not a manifest"),
        ({"settings": "x"}, "not a manifest"),
        ({"files": {"../../etc/passwd": {"bytes": 1, "sha256": "0"}}}, "cannot be the name"),
        ({"files": {"/etc/passwd": {"bytes": 1, "sha256": "0"}}}, "cannot be the name"),
        ({"files": {"manifest.json": {"bytes": 1, "sha256": "0"}}}, "cannot be the name"),
        ({"files": {"m.onnx": {"bytes": 4, "sha256": "0" * 64}}}, "damaged"),
    ],
)  # fmt: skip
def test_a_manifest_of_the_future_or_of_somebody_else(changed, says):
    refused(made.with_manifest(FILES["plain"].to_files(), changed), says)


def test_every_truncation_is_refused():
    files = make_encoder("pixels", n_components=2).fit(PICTURES).to_artifact().to_files()
    for name, content in files.items():
        for length in range(0, len(content), max(1, len(content) // 300)):
            with pytest.raises(ArtifactError):
                Artifact.from_files({**files, name: content[:length]})


def open_network(content: bytes) -> object:
    """Return the session that runs a network."""
    return OnnxModel(content).session


def with_external_data(path: Path, location: str) -> bytes:
    """Write a network whose weights lie in another file."""
    import onnx

    model = onnx.load(write_network(path / "model.onnx", side=2, classes=3))
    for tensor in model.graph.initializer:
        tensor.ClearField("float_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        entry = tensor.external_data.add()
        entry.key, entry.value = "location", location
    return model.SerializeToString()


@pytest.mark.parametrize(
    "location", ["weights.bin", "/etc/passwd", "../../weights.bin", "/dev/zero"]
)
def test_a_network_that_would_read_other_files_is_refused(tmp_path, monkeypatch, location):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "weights.bin").write_bytes(bytes(4 * 3 * 4 * 3))
    with pytest.raises(ArtifactError, match="keeps weights in other files"):
        open_network(with_external_data(tmp_path, location))


def test_a_network_with_foreign_operators_is_refused(tmp_path):
    content = write_network(tmp_path / "m.onnx", domain="evil.example").read_bytes()
    with pytest.raises(ArtifactError, match=r"operators of evil\.example, which need foreign code"):
        open_network(content)


def test_a_network_of_other_shapes_is_refused(tmp_path):
    good = OnnxModel(write_network(tmp_path / "a.onnx", side=4).read_bytes())
    assert good(np.zeros((1, 3, 4, 4), np.float32)).shape == (1, 48)
    for content in (b"", b"\x08", os.urandom(500), good.content[:-9], b"\xff" * 400):
        with pytest.raises(ArtifactError):
            open_network(content)


@pytest.fixture(scope="module")
def fitted():
    data = checkerboard("explicit")
    encoders = [make_encoder(name) for name in ("pixels", "colour", "hog", "looks")]
    found = {one.kind: one.fit(PICTURES).to_artifact() for one in encoders}
    models = [make_rating_model(name) for name in ("biases", "svd", "item-knn", "ease")]
    return found | {one.kind: one.fit(data).to_artifact() for one in models}


KINDS = ("pixels", "colour", "hog", "looks", "biases", "svd", "item-knn", "ease")


def use(saved):
    """Load what an artifact says it is and ask it; what comes has to be numbers."""
    if saved.kind in ("pixels", "colour", "hog", "looks"):
        return load_encoder(saved).transform(PICTURES[:2])
    model = load_rating_model(saved)
    return model.predict(["user 0"], [0])


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_whose_settings_are_something_else_is_refused(fitted, kind):
    whole = fitted[kind]
    for name in whole.settings:
        for other in (None, "text", -1, [], {}, 1e300, [[1]]):
            changed = deepcopy(whole)
            changed.settings[name] = other
            refused_or_finite(changed)
        missing = deepcopy(whole)
        del missing.settings[name]
        refused_or_finite(missing)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "item-knn"])  # compiled
def test_a_model_whose_arrays_are_of_other_shapes_is_refused(fitted, kind):
    whole = fitted[kind]
    for name, array in whole.arrays.items():
        for other in (
            np.zeros((0,), array.dtype), array[None], array.ravel()[:1], np.array(7),
            np.zeros((3, 5), np.float32), array.ravel()[: array.size // 2], np.array(["x"]),
        ):  # fmt: skip
            changed = deepcopy(whole)
            changed.arrays[name] = other
            refused_or_finite(changed)
        missing = deepcopy(whole)
        del missing.arrays[name]
        refused_or_finite(missing)


def refused_or_finite(changed):
    try:
        vectors = use(changed)
    except VitrineError:
        return
    assert np.asarray(vectors, np.float64).ndim


def test_a_shop_with_a_hostile_encoder_does_not_run_it(tmp_path):
    """A shop that somebody sends: its encoder is exchanged for one that would read other files."""
    table = write_table(tmp_path / "catalogue", 2)
    Shop.create(tmp_path / "shop", Catalogue.read(table), make_encoder("pixels")).close()
    trap = tmp_path / "it-ran"
    store = Store.open(Folder(tmp_path / "shop"))
    files = made.vouched(FILES["plain"], arrays_npz=made.archive(x=made.pickled_array(trap)))
    store.save_encoder("pixels", files)
    store.close()
    with pytest.raises(VitrineError):
        Shop.open(tmp_path / "shop")
    assert not trap.exists()


def test_two_thousand_flipped_bits_are_refused():
    files = make_encoder("pixels", n_components=2).fit(PICTURES).to_artifact().to_files()
    rng = np.random.default_rng(7)
    for _ in range(2_000):
        name = [MANIFEST, ARRAYS][int(rng.integers(2))]
        content = bytearray(files[name])
        place = int(rng.integers(8 * len(content)))
        content[place // 8] ^= 1 << place % 8
        try:
            use(Artifact.from_files({**files, name: bytes(content)}))
        except VitrineError:
            continue
        assert name == MANIFEST  # a number of the settings, or a letter that says nothing
