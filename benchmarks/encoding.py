"""Pictures a second through a network: Vitrine, fastembed's way and plain PyTorch.

    python benchmarks/encoding.py [PHOTOS] [--network FILE.onnx] [--pictures 300] [--rounds 3]

PHOTOS is a folder of class folders, by default clothing photos (``$VITRINE_SHARED_DATA/clothing``);
they are enlarged to JPEGs with a shorter side of 1,000 to 1,400 pixels, as shops have them. All
three run the same MobileNetV2 on the same squares of 224 pixels. fastembed's way is its code path:
one process opens each picture with Pillow, resizes it, and runs batches of 16 with ONNX Runtime.
Plain PyTorch is the same with the network carried over node by node. They take turns, part by part,
so that whatever else the machine does strikes all of them.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import numpy_helper
from PIL import Image

from reading import default_folder
from vitrine.catalogue import Catalogue
from vitrine.encoders import Encoder, make_encoder

SIDE = 224
BATCH = 16
PARTS = 4

Encode = Callable[[list[Path]], np.ndarray]


def enlarge(photos: Path, folder: Path, n: int) -> list[Path]:
    """Write n photos as larger JPEGs and return where they lie."""
    rng = np.random.default_rng(0)
    files = sorted(photos.rglob("*.jpg"))
    paths = []
    for i in rng.choice(len(files), n, replace=n > len(files)):
        with Image.open(files[i]) as image:
            scale = int(rng.integers(1_000, 1_401)) / min(image.size)
            size = (round(image.width * scale), round(image.height * scale))
            larger = image.convert("RGB").resize(size, Image.Resampling.BICUBIC)
        paths.append(folder / f"{len(paths):05}.jpg")
        larger.save(paths[-1], quality=90)
    return paths


def square(path: Path) -> np.ndarray:
    """Return the middle square of a picture as the network takes it, the usual way."""
    with Image.open(path) as image:
        picture = image.convert("RGB")
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    middle = picture.crop((left, top, left + side, top + side))
    values = np.asarray(middle.resize((SIDE, SIDE), Image.Resampling.BILINEAR), np.float32)
    return (values.transpose(2, 0, 1) - 127.5) / 127.5


def in_batches(run: Callable[[np.ndarray], np.ndarray]) -> Encode:
    """Return what reads pictures one after the other and runs a batch when it is full."""

    def encode(paths: list[Path]) -> np.ndarray:
        starts = range(0, len(paths), BATCH)
        return np.concatenate([run(np.stack([square(p) for p in paths[s : s + BATCH]]))
                               for s in starts])  # fmt: skip

    return encode


def fastembeds_way(network: Path) -> Encode:
    session = onnxruntime.InferenceSession(str(network), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return in_batches(lambda batch: session.run(["features"], {name: batch})[0])


class TorchNetwork:
    """A small ONNX graph in PyTorch: convolutions, additions, clips, a mean and a softmax."""

    def __init__(self, network: Path) -> None:
        graph = onnx.load(network).graph
        self._nodes = list(graph.node)
        self._input = graph.input[0].name
        self._values = {
            one.name: torch.from_numpy(numpy_helper.to_array(one).copy())
            for one in graph.initializer
        }

    def run(self, batch: np.ndarray) -> np.ndarray:
        """Return the features of a batch."""
        values = self._values | {self._input: torch.from_numpy(batch)}
        with torch.inference_mode():
            for node in self._nodes:
                arguments = [values[name] for name in node.input]
                values[node.output[0]] = self._one(node, arguments)
                if node.output[0] == "features":
                    break
        return values["features"].numpy()

    def _one(self, node: onnx.NodeProto, arguments: list) -> torch.Tensor:
        first, *rest = arguments
        if node.op_type == "Conv":
            return self._convolve(node, first, *rest)
        if node.op_type == "Clip":
            return torch.clamp(first, *rest)
        if node.op_type == "Add":
            return first + rest[0]
        if node.op_type == "GlobalAveragePool":
            return first.mean((2, 3), keepdim=True)
        if node.op_type == "Flatten":
            return first.flatten(1)
        if node.op_type == "Identity":
            return first
        if node.op_type == "Softmax":
            return first.softmax(1)
        raise NotImplementedError(f"a node of the kind {node.op_type}")

    @staticmethod
    def _convolve(node: onnx.NodeProto, x: torch.Tensor, w: torch.Tensor, b=None) -> torch.Tensor:
        facts = {one.name: onnx.helper.get_attribute_value(one) for one in node.attribute}
        strides, kernel = facts["strides"], facts["kernel_shape"]
        missing = [
            max(0, (-(-size // s) - 1) * s + k - size)
            for size, s, k in zip(x.shape[2:], strides, kernel, strict=True)
        ]  # SAME_UPPER: what is odd goes to the end
        (top, left), (h, w_) = [m // 2 for m in missing], missing
        x = torch.nn.functional.pad(x, (left, w_ - left, top, h - top))
        return torch.nn.functional.conv2d(x, w, b, stride=strides, groups=facts["group"])


def ours(encoder: Encoder) -> Encode:
    def encode(paths: list[Path]) -> np.ndarray:
        catalogue = Catalogue.read(paths[0].parent)
        first = int(paths[0].stem)
        return encoder.transform(catalogue[first : first + len(paths)].pictures())

    return encode


def fitted(network: Path, paths: list[Path]) -> Encoder:
    """Return Vitrine's encoder around the network, its vectors as they come out of it."""
    encoder = make_encoder(f"onnx:{network}", mean=(0.5,), std=(0.5,), output="features")
    return encoder.fit(Catalogue.read(paths[0].parent)[:8].pictures())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    photos = default_folder()
    parser.add_argument("photos", nargs="?", type=Path, default=photos)
    parser.add_argument(
        "--network", type=Path, default=photos.parent / "weights" / "mobilenet_v2_imagenet.onnx"
    )
    parser.add_argument("--pictures", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        paths = enlarge(options.photos, Path(folder), options.pictures)
        ways = {
            "Vitrine": ours(fitted(options.network, paths)),
            "fastembed's way": fastembeds_way(options.network),
            "plain PyTorch": in_batches(TorchNetwork(options.network).run),
        }
        seconds, vectors = compare(ways, paths, options.rounds)
    report(seconds, vectors, len(paths))


def compare(
    ways: dict[str, Encode], paths: list[Path], rounds: int
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return the seconds of each round, and the vectors, of each way."""
    step = -(-len(paths) // PARTS)
    parts = [paths[start : start + step] for start in range(0, len(paths), step)]
    seconds = {name: np.zeros(rounds) for name in ways}
    vectors: dict[str, np.ndarray] = {}
    for encode in ways.values():
        encode(paths[:BATCH])
    for number in range(rounds):
        made: dict[str, list[np.ndarray]] = {name: [] for name in ways}
        for part in parts:
            for name, encode in ways.items():
                started = time.perf_counter()
                made[name].append(encode(part))
                seconds[name][number] += time.perf_counter() - started
        vectors = {name: np.concatenate(some) for name, some in made.items()}
    return seconds, vectors


def report(seconds: dict[str, np.ndarray], vectors: dict[str, np.ndarray], n: int) -> None:
    """Print the table: pictures a second, how much faster, and whether vectors are the same."""
    first, *_ = seconds
    print("| | pictures a second | Vitrine is × as fast | cosine to Vitrine's, mean · least |")
    print("|---|---:|---:|---:|")
    for name, taken in seconds.items():
        ratios = taken / seconds[first]
        a, b = vectors[first], vectors[name]
        cosines = (a * b).sum(1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1))
        times = "" if name == first else (
            f"{np.median(ratios):.2f} ({ratios.min():.2f} to {ratios.max():.2f})"
        )  # fmt: skip
        same = f"{cosines.mean():.4f} · {cosines.min():.4f}"
        print(f"| {name} | {n / taken.min():.0f} | {times} | {same} |")


if __name__ == "__main__":
    main()
