"""Pictures a second through a network: Vitrine, fastembed and plain PyTorch.

    python benchmarks/encoding.py [PHOTOS] [--network FILE.onnx] [--pictures 300] [--rounds 3]
                                  [--fastembed PYTHON]

PHOTOS is a folder of class folders, by default clothing photos (``$VITRINE_SHARED_DATA/clothing``);
they are enlarged to JPEGs with a shorter side of 1,000 to 1,400 pixels, as shops have them. All
three run the same MobileNetV2 with the same ``preprocessor_config.json``: the shorter side becomes
224 pixels, of which the middle is cut out. fastembed runs in an environment of its own, by the
Python that is named; without one, its code path is written out here: one process opens each picture
with Pillow, resizes it, and runs batches of 16 with ONNX Runtime. Plain PyTorch is the same with
the network carried over node by node. They take turns, part by part, so that whatever else the
machine does strikes all of them.
"""

from __future__ import annotations

import argparse
import json
import subprocess
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

from photos import default_folder, enlarge
from vitrine.catalogue import Catalogue
from vitrine.encoders import Encoder, make_encoder

SIDE = 224
BATCH = 16
PARTS = 4

Encode = Callable[[list[Path]], np.ndarray]


def shown(path: Path) -> Image.Image:
    """Return a picture as the network takes it: made smaller, then its middle square."""
    with Image.open(path) as image:
        picture = image.convert("RGB")
    shorter = min(picture.size)
    size = (int(SIDE * picture.width / shorter), int(SIDE * picture.height / shorter))
    smaller = picture.resize(size, Image.Resampling.BILINEAR)
    left, top = (size[0] - SIDE) // 2, (size[1] - SIDE) // 2
    return smaller.crop((left, top, left + SIDE, top + SIDE))


def cut_first(path: Path) -> Image.Image:
    """Return the same by the other usual order: the middle square, then made smaller."""
    with Image.open(path) as image:
        picture = image.convert("RGB")
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    middle = picture.crop((left, top, left + side, top + side))
    return middle.resize((SIDE, SIDE), Image.Resampling.BILINEAR)


def values_of(picture: Image.Image) -> np.ndarray:
    return (np.asarray(picture, np.float32).transpose(2, 0, 1) - 127.5) / 127.5


def in_batches(
    run: Callable[[np.ndarray], np.ndarray], show: Callable[[Path], Image.Image] = shown
) -> Encode:
    """Return what reads pictures one after the other and runs a batch when it is full."""

    def encode(paths: list[Path]) -> np.ndarray:
        starts = range(0, len(paths), BATCH)
        return np.concatenate([
            run(np.stack([values_of(show(p)) for p in paths[s : s + BATCH]])) for s in starts
        ])  # fmt: skip

    return encode


def with_onnx_runtime(network: Path) -> Callable[[np.ndarray], np.ndarray]:
    session = onnxruntime.InferenceSession(str(network), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda batch: session.run(["features"], {name: batch})[0]


class Fastembed:
    """fastembed in a process of its own, asked for one list of pictures after the other."""

    def __init__(self, python: str, network: Path) -> None:
        script = Path(__file__).with_name("encoding_fastembed.py")
        self._process = subprocess.Popen(
            [python, str(script), str(network.parent)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._answers = network.parent / "fastembed.npy"

    def __call__(self, paths: list[Path]) -> np.ndarray:
        """Encode pictures, (n, d)."""
        request = {"paths": [str(path) for path in paths], "answer": str(self._answers)}
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        if self._process.stdout.readline() != "done\n":
            raise SystemExit("fastembed has failed; what it said stands above")
        return np.load(self._answers)


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
    encoder = make_encoder(f"onnx:{network}")
    return encoder.fit(Catalogue.read(paths[0].parent)[:8].pictures())


def prepared(network: Path, folder: Path) -> Path:
    """Write the network with its features as only output, and how it wants its pictures."""
    path = folder / "model.onnx"
    name = onnx.load(network, load_external_data=False).graph.input[0].name
    onnx.utils.extract_model(network, path, [name], ["features"])
    config = {
        "do_resize": True, "size": {"shortest_edge": SIDE}, "resample": 2,
        "do_center_crop": True, "crop_size": {"height": SIDE, "width": SIDE},
        "do_rescale": True, "rescale_factor": 1 / 255,
        "do_normalize": True, "image_mean": [0.5] * 3, "image_std": [0.5] * 3,
        "image_processor_type": "CLIPImageProcessor",
    }  # fmt: skip
    (folder / "preprocessor_config.json").write_text(json.dumps(config))
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    photos = default_folder()
    parser.add_argument("photos", nargs="?", type=Path, default=photos)
    parser.add_argument(
        "--network", type=Path, default=photos.parent / "weights" / "mobilenet_v2_imagenet.onnx"
    )
    parser.add_argument("--pictures", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--fastembed", metavar="PYTHON", help="Of an environment that has it.")
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    files = sorted(options.photos.rglob("*.jpg"))
    chosen = rng.choice(len(files), options.pictures, replace=options.pictures > len(files))
    with tempfile.TemporaryDirectory() as photos, tempfile.TemporaryDirectory() as folder:
        paths = enlarge([files[i] for i in chosen], Path(photos), (1_000, 1_400))
        network = prepared(options.network, Path(folder))
        by_hand = with_onnx_runtime(network)
        ways = {
            "Vitrine": ours(fitted(network, paths)),
            "fastembed" if options.fastembed else "fastembed's way": (
                Fastembed(options.fastembed, network) if options.fastembed else in_batches(by_hand)
            ),
            "plain PyTorch": in_batches(TorchNetwork(network).run),
        }
        seconds, vectors = compare(ways, paths, options.rounds)
        other = in_batches(by_hand, cut_first)(paths)
        halved = np.array([in_halves(path) for path in paths])
    report(seconds, vectors, len(paths))
    notes(vectors, other, halved)


def in_halves(path: Path) -> bool:
    """Whether both sides of a picture can be halved, as decoding at a reduced size does."""
    with Image.open(path) as image:
        return image.width % 2 == image.height % 2 == 0


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


def cosines(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a * b).sum(1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1))


def report(seconds: dict[str, np.ndarray], vectors: dict[str, np.ndarray], n: int) -> None:
    """Print the table: pictures a second, how much faster, and whether vectors are the same."""
    first, *_ = seconds
    print("| | pictures a second | Vitrine is × as fast | cosine to Vitrine's, mean · least |")
    print("|---|---:|---:|---:|")
    for name, taken in seconds.items():
        ratios = taken / seconds[first]
        alike = cosines(vectors[first], vectors[name])
        times = "" if name == first else (
            f"{np.median(ratios):.2f} ({ratios.min():.2f} to {ratios.max():.2f})"
        )  # fmt: skip
        same = f"{alike.mean():.4f} · {alike.min():.4f}"
        print(f"| {name} | {n / taken.min():.0f} | {times} | {same} |")


def notes(vectors: dict[str, np.ndarray], other: np.ndarray, halved: np.ndarray) -> None:
    """Print what the cosines mean: where they are lowest, and what else moves them as far."""
    first, second, *_ = vectors
    alike = cosines(vectors[first], vectors[second])
    usual = cosines(vectors[second], other)
    print(f"\n{halved.sum()} of {len(halved)} have two even sides: cosine to {second} "
          f"{alike[halved].mean():.4f} · {alike[halved].min():.4f}; the others "
          f"{alike[~halved].mean():.4f} · {alike[~halved].min():.4f}. {second} against the "
          f"other usual order, cut out first, then made smaller: {usual.mean():.4f} · "
          f"{usual.min():.4f}")  # fmt: skip


if __name__ == "__main__":
    main()
