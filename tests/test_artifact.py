import io
import json
import zipfile

import numpy as np
import pytest

from vitrine import artifact as module
from vitrine.artifact import ARRAYS, MANIFEST, Artifact
from vitrine.errors import ArtifactError


@pytest.fixture
def artifact() -> Artifact:
    return Artifact(
        "looks",
        {"size": None, "weights": [1.0, 0.5], "name": "größe"},
        {"components": np.arange(6, dtype=np.float32).reshape(2, 3), "flags": np.array([True])},
        {"encoder.onnx": b"\x08\x07binary"},
    )


def _assert_equal(loaded: Artifact, artifact: Artifact) -> None:
    assert loaded.kind == artifact.kind
    assert loaded.settings == artifact.settings
    assert loaded.blobs == artifact.blobs
    assert loaded.arrays.keys() == artifact.arrays.keys()
    for name, array in artifact.arrays.items():
        assert loaded.arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(loaded.arrays[name], array)


def test_through_files(artifact):
    _assert_equal(Artifact.from_files(artifact.to_files()), artifact)


def test_through_a_folder(artifact, tmp_path):
    path = artifact.save(tmp_path / "deep" / "model")
    _assert_equal(Artifact.load(path), artifact)
    _assert_equal(Artifact.load(str(path)), artifact)


def test_saving_again_replaces(artifact, tmp_path):
    Artifact("looks", {"old": 1}).save(tmp_path)
    artifact.save(tmp_path)
    _assert_equal(Artifact.load(tmp_path), artifact)


def test_without_arrays_and_blobs():
    artifact = Artifact("popularity", {"k": 1})
    assert list(artifact.to_files()) == [MANIFEST]
    _assert_equal(Artifact.from_files(artifact.to_files()), artifact)


def test_the_same_model_has_the_same_bytes(artifact):
    assert artifact.to_files() == artifact.to_files()


def test_the_manifest_can_be_read(artifact):
    manifest = json.loads(artifact.to_files()[MANIFEST])
    assert manifest["kind"] == "looks"
    assert set(manifest["files"]) == {ARRAYS, "encoder.onnx"}


@pytest.mark.parametrize("name", [MANIFEST, "../evil", "a/b", "C:evil", "", ".hidden", "A.onnx"])
def test_names_that_are_no_plain_files(name):
    with pytest.raises(ArtifactError, match="cannot be the name"):
        Artifact("looks", blobs={name: b""}).to_files()


def test_objects_are_not_saved():
    with pytest.raises(ValueError, match=r"[Oo]bject"):
        Artifact("looks", arrays={"bad": np.array([object()])}).to_files()


def test_numbers_that_json_has_not():
    with pytest.raises(ValueError, match="JSON"):
        Artifact("looks", {"loss": float("nan")}).to_files()


@pytest.mark.parametrize("name", [ARRAYS, "encoder.onnx"])
class TestDamage:
    def test_a_changed_byte(self, artifact, name):
        files = artifact.to_files()
        files[name] = files[name][:-1] + bytes([files[name][-1] ^ 1])
        with pytest.raises(ArtifactError, match=f"{name} is damaged"):
            Artifact.from_files(files)

    def test_a_missing_file(self, artifact, name, tmp_path):
        files = artifact.to_files()
        del files[name]
        with pytest.raises(ArtifactError, match=f"{name} is missing"):
            Artifact.from_files(files)
        artifact.save(tmp_path)
        (tmp_path / name).unlink()
        with pytest.raises(ArtifactError, match=f"{name} is missing"):
            Artifact.load(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not json",
        "[]",
        "{}",
        '{"format": 1}',
        '{"format": 1, "kind": 3, "settings": {}, "files": {}}',
        '{"format": 1, "kind": "looks", "settings": [], "files": {}}',
        '{"format": 1, "kind": "looks", "settings": {}, "files": {"a.npz": {}}}',
        '{"format": 1, "kind": "looks", "settings": {}, "files": {"a.npz": {"sha256": 1}}}',
        '{"format": 1, "kind": "looks", "settings": {}, "files": []}',
        "[" * 100_000,
    ],
)
def test_what_is_no_manifest(text):
    with pytest.raises(ArtifactError):
        Artifact.from_files({MANIFEST: text.encode()})


def test_a_manifest_that_names_a_file_elsewhere(tmp_path):
    (tmp_path / "secret").write_bytes(b"")
    facts = {"../secret": {"sha256": "", "bytes": 0}}
    manifest = {"format": 1, "kind": "looks", "settings": {}, "files": facts}
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(ArtifactError, match="cannot be the name"):
        Artifact.load(folder)


def test_a_newer_format(artifact):
    files = artifact.to_files()
    manifest = json.loads(files[MANIFEST]) | {"format": 2}
    files[MANIFEST] = json.dumps(manifest).encode()
    with pytest.raises(ArtifactError, match="format 2, this Vitrine reads 1"):
        Artifact.from_files(files)


def _with_arrays(content: bytes) -> dict[str, bytes]:
    """Return files whose manifest vouches for `content` as the arrays."""
    files = Artifact("looks", blobs={"arrays.npy": content}).to_files()
    files[ARRAYS] = files.pop("arrays.npy")
    files[MANIFEST] = files[MANIFEST].replace(b"arrays.npy", ARRAYS.encode())
    return files


def test_pickled_arrays_are_refused():
    buffer = io.BytesIO()
    np.savez(buffer, bad=np.array([{"a": 1}], dtype=object))
    with pytest.raises(ArtifactError, match="cannot be read"):
        Artifact.from_files(_with_arrays(buffer.getvalue()))


def test_arrays_that_are_no_archive():
    with pytest.raises(ArtifactError, match="cannot be read"):
        Artifact.from_files(_with_arrays(b"\x80\x04N."))


def test_arrays_that_unpack_to_too_much(monkeypatch):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.npy", bytes(10**6))
    monkeypatch.setattr(module, "MAX_FILE_BYTES", 10**5)
    with pytest.raises(ArtifactError, match="too many"):
        Artifact.from_files(_with_arrays(buffer.getvalue()))


def test_a_file_that_is_too_large(artifact, tmp_path, monkeypatch):
    artifact.save(tmp_path)
    monkeypatch.setattr(module, "MAX_FILE_BYTES", 100)
    with pytest.raises(ArtifactError, match="too large"):
        Artifact.load(tmp_path)


@pytest.mark.parametrize("make", [True, False])
def test_a_place_without_a_model(tmp_path, make):
    folder = tmp_path / "empty"
    if make:
        folder.mkdir()
    with pytest.raises(ArtifactError, match="not a saved model"):
        Artifact.load(folder)
