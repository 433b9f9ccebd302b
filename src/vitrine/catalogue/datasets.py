"""Known data sets: found on this machine, or fetched because their name was given.

Fashion-MNIST: Xiao, Rasul and Vollgraf, https://arxiv.org/abs/1708.07747.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import subprocess
import tempfile
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from platformdirs import user_cache_path

from vitrine import progress
from vitrine.catalogue.idx import read_idx_bytes
from vitrine.errors import DatasetError, SourceError

logger = logging.getLogger(__name__)

ENVIRONMENT = "VITRINE_DATA"
_PACKAGE_SECONDS = 600
_DOWNLOAD_SECONDS = 30  # without a byte
_GZIP_OVERHEAD = 2**16


@dataclass(frozen=True)
class DataSet:
    """Where a data set comes from and what its files must be.

    Parameters
    ----------
    name : str
    files : dict of str to (int, str)
        Size and SHA-256 of each IDX file when it is not compressed; it may lie there with ``.gz``.
    categories : tuple of str
        Names of the labels 0, 1, …
    package : str
        The Debian package that brings it.
    installed : Path
        The folder that the package installs.
    address : str
        Public folder; the files' names with ``.gz`` follow.
    """

    name: str
    files: dict[str, tuple[int, str]]
    categories: tuple[str, ...]
    package: str
    installed: Path
    address: str


FASHION_MNIST = DataSet(
    name="fashion-mnist",
    files={
        "train-images-idx3-ubyte": (
            47_040_016, "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        ),
        "train-labels-idx1-ubyte": (
            60_008, "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        ),
        "t10k-images-idx3-ubyte": (
            7_840_016, "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        ),
        "t10k-labels-idx1-ubyte": (
            10_008, "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ),
    },
    categories=(
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag",
        "Ankle boot",
    ),
    package="dataset-fashion-mnist",
    installed=Path("/usr/share/datasets/fashion-mnist"),
    address="http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
)  # fmt: skip

DATA_SETS = {FASHION_MNIST.name: FASHION_MNIST}


def locate(data_set: DataSet) -> Path:
    """Return the folder that holds a data set's files, checked; fetch them where they are not.

    Looked for in ``$VITRINE_DATA``, the user's cache, and where the Debian package installs it;
    then that package is unpacked into the cache, which needs no root; then the public address is
    asked.

    Raises
    ------
    DatasetError
        If none of these works; the message names each way and what went wrong with it.
    """
    failures: list[str] = []
    for folder in _places(data_set):
        if (problem := _problem(data_set, folder)) is None:
            return folder
        failures.append(f"{folder}: {problem}")
    cache = _cache(data_set)
    ways: tuple[tuple[str, Callable[[DataSet, Path], None]], ...] = (
        (f"the Debian package {data_set.package}", _unpack_package),
        (data_set.address, _download),
    )
    for where, fetch in ways:
        logger.info("fetching %s from %s into %s", data_set.name, where, cache)
        try:
            with _staging(data_set, cache) as staging:
                fetch(data_set, staging)
        except (OSError, HTTPException, subprocess.SubprocessError, DatasetError) as error:
            failures.append(f"{where}: {error}")
        else:
            return cache
    raise DatasetError(_all_ways(data_set, failures))


def _places(data_set: DataSet) -> Iterator[Path]:
    if named := os.environ.get(ENVIRONMENT):
        yield Path(named) / data_set.name
        yield Path(named)
    yield _cache(data_set)
    yield data_set.installed


def _cache(data_set: DataSet) -> Path:
    return user_cache_path("vitrine") / "datasets" / data_set.name


def _problem(data_set: DataSet, folder: Path) -> str | None:
    """Say what keeps a folder from being the data set; None where nothing does."""
    for name, (size, sha256) in data_set.files.items():
        path = folder / name
        path = path if path.is_file() else folder / f"{name}.gz"
        if not path.is_file():
            return f"there is no {name}.gz"
        try:
            content = read_idx_bytes(path)
        except SourceError as error:
            return str(error)
        if sum(map(len, content)) != size:
            return f"{path.name} has {sum(map(len, content))} bytes, not {size}"
        digest = hashlib.sha256()
        for piece in content:
            digest.update(piece)
        if digest.hexdigest() != sha256:
            return f"{path.name} is not the published file (its SHA-256 differs)"
    return None


@contextmanager
def _staging(data_set: DataSet, cache: Path) -> Iterator[Path]:
    """Give a folder to fetch into; its data set's files move to the cache if they are right."""
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix=".fetching-") as folder:
        staging = Path(folder)
        yield staging
        if (problem := _problem(data_set, staging)) is not None:
            raise DatasetError(problem)
        for name in data_set.files:
            os.replace(staging / f"{name}.gz", cache / f"{name}.gz")


def _unpack_package(data_set: DataSet, staging: Path) -> None:
    for program in ("apt-get", "dpkg"):
        if shutil.which(program) is None:
            raise DatasetError(f"there is no {program} here")
    with progress.task(f"fetching the Debian package {data_set.package}"):
        try:
            _run(["apt-get", "download", "-q", data_set.package], staging)
        except DatasetError:
            _download_with_own_lists(data_set.package, staging)
        packages = list(staging.glob("*.deb"))
        if len(packages) != 1:
            raise DatasetError(f"apt-get downloaded {len(packages)} files, not one package")
        _run(["dpkg", "-x", packages[0].name, "unpacked"], staging)
    unpacked = staging / "unpacked" / data_set.installed.relative_to("/")
    for name in data_set.files:
        os.replace(unpacked / f"{name}.gz", staging / f"{name}.gz")


def _download_with_own_lists(package: str, staging: Path) -> None:
    """Fetch a package where the machine's package lists are empty or old, without being root."""
    own = []
    for name, place in (("Dir::State::lists", "lists"), ("Dir::Cache", "cache")):
        (staging / place / "partial").mkdir(parents=True)
        own += ["-o", f"{name}={staging / place}"]
    (staging / "cache" / "archives" / "partial").mkdir(parents=True)
    _run(["apt-get", "update", "-q", *own], staging)
    _run(["apt-get", "download", "-q", *own, package], staging)


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(  # noqa: S603 - fixed programs, names from this file
        command,
        cwd=folder,
        env={**os.environ, "LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=_PACKAGE_SECONDS,
        check=False,
    )
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        said = lines[-1].strip() if lines else f"exit code {done.returncode}"
        raise DatasetError(f"{' '.join(command[:2])} failed ({said})")


def _download(data_set: DataSet, staging: Path) -> None:
    for name, (size, _) in data_set.files.items():
        address = f"{data_set.address}/{name}.gz"
        request = urllib.request.Request(address, headers={"User-Agent": "vitrine"})  # noqa: S310 - of this file
        with (
            progress.task(f"fetching {address}") as task,
            urllib.request.urlopen(request, timeout=_DOWNLOAD_SECONDS) as answer,  # noqa: S310 - likewise
            open(staging / f"{name}.gz", "wb") as file,
        ):
            while block := answer.read(2**16):
                file.write(block)
                task.advance(len(block))
                if file.tell() > size + _GZIP_OVERHEAD:
                    raise DatasetError(f"{address} sends more than the file can have")


def _all_ways(data_set: DataSet, failures: list[str]) -> str:
    tried = "\n".join(f"  - {failure}" for failure in failures)
    return (
        f"{data_set.name} is not at hand, and could not be fetched:\n{tried}\n"
        f"Any one of these helps: put its four .gz files into a folder and name it in "
        f"${ENVIRONMENT}; or install the package (apt-get install {data_set.package}; where apt "
        f"does not know it, apt-get update first); or download the files from "
        f"{data_set.address} into {_cache(data_set)}"
    )
