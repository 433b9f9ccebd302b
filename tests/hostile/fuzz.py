"""Coverage-guided fuzzing with Atheris: ``python -m tests.hostile.fuzz TARGET [OPTIONS]``.

A target takes bytes. It may refuse them with the documented error; anything else, an input that
takes over five seconds or a gigabyte of memory ends the run with the input written to a file.
Options are libFuzzer's: ``-max_total_time=60 -seed=1``.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["vitrine.artifact", "vitrine.catalogue", "PIL"]):
    from PIL import Image

    from tests.catalogue.conftest import encoded, gradient
    from tests.hostile import pictures as made
    from vitrine.artifact import ARRAYS, MANIFEST, Artifact
    from vitrine.catalogue import decode_bytes
    from vitrine.encoders.pretrained_graph import read_graph
    from vitrine.errors import ArtifactError, PictureError

LIMITS = ("-timeout=5", "-rss_limit_mb=1024", "-max_len=4096", "-print_final_stats=1")


def pictures(data: bytes) -> None:
    """Decode a picture."""
    try:
        decode_bytes(data, cover=8)
    except PictureError:
        return


def artifacts(data: bytes) -> None:
    """Read a model's files: the bytes as its manifest, as its arrays, and as a network."""
    for files in ({MANIFEST: data}, _vouched(data)):
        try:
            Artifact.from_files(files)
        except ArtifactError:
            continue
    try:
        read_graph(data, "the network")
    except ArtifactError:
        return


def _vouched(arrays: bytes) -> dict[str, bytes]:
    files = Artifact("pixels", blobs={"x.npz": arrays}).to_files()
    files[ARRAYS] = files.pop("x.npz")
    files[MANIFEST] = files[MANIFEST].replace(b"x.npz", ARRAYS.encode())
    return files


def seeds(target: str) -> list[bytes]:
    """Return what mutation begins with."""
    if target == "artifacts":
        import numpy as np

        model = Artifact("pixels", {"params": {"a": [1, None]}}, {"mean": np.arange(6.0)})
        return [*model.to_files().values(), b"\x08\x08\x3a\x10\x0a\x04test"]
    kinds = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
    small = [encoded(gradient(12, 9), kind) for kind in kinds]
    odd = [encoded(gradient(12, 9).convert("P"), "GIF"), made.jpeg_with_exif(made.exif(6)),
           encoded(Image.new("RGBA", (5, 5)), "PNG"), made.gif_with_frames(2),
           encoded(gradient(12, 9), "JPEG", progressive=True), made.bmp_runs(4)]  # fmt: skip
    return small + odd


TARGETS: dict[str, Callable[[bytes], None]] = {"pictures": pictures, "artifacts": artifacts}


def main(target: str, options: list[str]) -> None:
    """Fuzz one target; ends the process, with 0 where nothing was found."""
    with tempfile.TemporaryDirectory() as folder:
        for number, seed in enumerate(seeds(target)):
            (Path(folder) / str(number)).write_bytes(seed)
        atheris.Setup([sys.argv[0], *LIMITS, *options, folder], TARGETS[target])
        atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
