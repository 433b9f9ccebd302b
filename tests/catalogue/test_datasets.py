import dataclasses
import gzip
import hashlib
import http.server
import subprocess
import threading
from pathlib import Path

import numpy as np
import pytest
from tests.catalogue.test_idx import idx

from vitrine.catalogue import Catalogue, datasets
from vitrine.errors import DatasetError

FILES = {
    "train-images-idx3-ubyte": idx(np.arange(4 * 4, dtype=np.uint8).reshape(4, 2, 2)),
    "train-labels-idx1-ubyte": idx(np.array([0, 1, 9, 0], np.uint8)),
    "t10k-images-idx3-ubyte": idx(np.zeros((2, 2, 2), np.uint8)),
    "t10k-labels-idx1-ubyte": idx(np.array([9, 1], np.uint8)),
}


def write(folder: Path, files: dict[str, bytes] = FILES) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / f"{name}.gz").write_bytes(gzip.compress(content))
    return folder


@pytest.fixture(autouse=True)
def machine(tmp_path, monkeypatch):
    """A machine with an empty home, no apt, and a small data set under Fashion-MNIST's name."""
    facts = {name: (len(c), hashlib.sha256(c).hexdigest()) for name, c in FILES.items()}
    small = dataclasses.replace(
        datasets.FASHION_MNIST,
        files=facts,
        installed=tmp_path / "usr" / "fashion-mnist",
        address="http://127.0.0.1:9",  # where nobody listens
    )
    monkeypatch.setitem(datasets.DATA_SETS, "fashion-mnist", small)
    monkeypatch.delenv("VITRINE_DATA", raising=False)
    monkeypatch.setattr(datasets, "user_cache_path", lambda name: tmp_path / "cache" / name)
    monkeypatch.setattr(datasets.shutil, "which", lambda program: None)
    return small


def where(catalogue: Catalogue) -> Path:
    return Path(catalogue[0].pictures[0].path).parent


def test_places_are_tried_in_order(tmp_path, monkeypatch, machine):
    cache = tmp_path / "cache" / "vitrine" / "datasets" / "fashion-mnist"
    for folder in (machine.installed, cache, tmp_path / "mine", tmp_path / "mine/fashion-mnist"):
        write(folder)
        if "mine" in str(folder):
            monkeypatch.setenv("VITRINE_DATA", str(tmp_path / "mine"))
        assert where(Catalogue.read("fashion-mnist")) == folder


def test_names_of_categories_and_parts(machine):
    write(machine.installed)
    catalogue = Catalogue.read("fashion-mnist")
    assert catalogue.parts == ("train", "test")
    assert catalogue.values("category")[:3] == ["T-shirt/top", "Trouser", "Ankle boot"]
    assert Catalogue.read("fashion-mnist:test").item_ids == ["test-0", "test-1"]
    assert Catalogue.read("fashion-mnist:train").name == "fashion-mnist:train"
    with pytest.raises(DatasetError, match="no part 'valid'"):
        Catalogue.read("fashion-mnist:valid")


def test_uncompressed_files_do_as_well(machine):
    machine.installed.mkdir(parents=True)
    for name, content in FILES.items():
        (machine.installed / name).write_bytes(content)
    assert len(Catalogue.read("fashion-mnist")) == 6


def test_one_error_names_all_the_ways(tmp_path, monkeypatch, machine):
    forged = dict(FILES)
    forged["t10k-labels-idx1-ubyte"] = idx(np.array([9, 2], np.uint8))
    monkeypatch.setenv("VITRINE_DATA", str(write(tmp_path / "mine", forged)))
    with pytest.raises(DatasetError) as refused:
        Catalogue.read("fashion-mnist")
    message = str(refused.value)
    assert "t10k-labels-idx1-ubyte.gz is not the published file (its SHA-256 differs)" in message
    assert f"{machine.installed}: there is no train-images-idx3-ubyte.gz" in message
    assert "there is no apt-get here" in message
    assert "127.0.0.1:9: " in message
    assert "apt-get install dataset-fashion-mnist" in message
    assert "$VITRINE_DATA" in message
    assert not list((tmp_path / "cache").rglob(".fetching*"))


def test_the_debian_package_is_unpacked_without_root(tmp_path, monkeypatch, machine, caplog):
    monkeypatch.setattr(datasets.shutil, "which", lambda program: f"/usr/bin/{program}")
    commands = []

    def run(command, cwd, **options):
        commands.append(command[:2])
        if command[0] == "apt-get":
            (Path(cwd) / "package.deb").write_bytes(b"deb")
        else:
            inside = machine.installed.relative_to("/")
            write(Path(cwd) / "unpacked" / inside)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(datasets.subprocess, "run", run)
    with caplog.at_level("INFO"):
        catalogue = Catalogue.read("fashion-mnist")
    assert commands == [["apt-get", "download"], ["dpkg", "-x"]]
    cache = tmp_path / "cache" / "vitrine" / "datasets" / "fashion-mnist"
    assert where(catalogue) == cache
    assert sorted(p.name for p in cache.iterdir()) == sorted(f"{name}.gz" for name in FILES)
    assert "the Debian package dataset-fashion-mnist" in caplog.text


def test_empty_package_lists_are_fetched_into_the_cache(tmp_path, monkeypatch, machine):
    monkeypatch.setattr(datasets.shutil, "which", lambda program: f"/usr/bin/{program}")
    lists = []

    def run(command, cwd, **options):
        if command[0] == "dpkg":
            write(Path(cwd) / "unpacked" / machine.installed.relative_to("/"))
        elif command[1] == "update":
            lists.extend(place for place in Path(cwd).rglob("lists/partial") if place.is_dir())
        elif not lists:
            return subprocess.CompletedProcess(command, 100, "", "E: Unable to locate package\n")
        else:
            assert f"Dir::State::lists={lists[0].parent}" in command
            (Path(cwd) / "package.deb").write_bytes(b"deb")
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(datasets.subprocess, "run", run)
    assert len(Catalogue.read("fashion-mnist")) > 0
    cache = tmp_path / "cache" / "vitrine" / "datasets" / "fashion-mnist"
    assert sorted(p.name for p in cache.iterdir()) == sorted(f"{name}.gz" for name in FILES)


def test_what_apt_says_is_passed_on(monkeypatch):
    monkeypatch.setattr(datasets.shutil, "which", lambda program: f"/usr/bin/{program}")
    failed = subprocess.CompletedProcess([], 100, "", "E: Unable to locate package\n")
    monkeypatch.setattr(datasets.subprocess, "run", lambda *args, **options: failed)
    with pytest.raises(DatasetError, match=r"apt-get update failed \(E: Unable to locate package"):
        Catalogue.read("fashion-mnist")


def test_the_public_address_is_asked_last(tmp_path, monkeypatch, machine):
    write(tmp_path / "served")

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=str(tmp_path / "served"))

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        served = dataclasses.replace(machine, address=address)
        monkeypatch.setitem(datasets.DATA_SETS, "fashion-mnist", served)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        assert len(Catalogue.read("fashion-mnist")) == 6
        server.shutdown()
    assert len(Catalogue.read("fashion-mnist")) == 6  # from the cache now


def test_a_fetched_file_that_is_not_the_published_one_never_reaches_the_cache(
    tmp_path, monkeypatch, machine
):
    forged = {**FILES, "t10k-labels-idx1-ubyte": b"<html>"}
    monkeypatch.setattr(
        datasets, "_unpack_package", lambda data_set, staging: write(staging, forged)
    )
    with pytest.raises(DatasetError, match=r"package dataset-fashion-mnist: .*not an IDX file"):
        Catalogue.read("fashion-mnist")
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
