"""The vectors that `scale.py` measures with: clustered, without any clusters, and of real photos.

Everything is drawn block by block from its own seed, so that a million vectors never have to be in
memory at once, and a block is the same whoever draws it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

DIMENSIONS = 256
BLOCK = 5_000
ITEMS_A_CLUSTER = 500
MAPS_A_BATCH = 16

Vectors = np.ndarray


def blocks(n: int) -> range:
    """Return where the blocks of n items start."""
    return range(0, n, BLOCK)


def clustered(n: int, start: int) -> Vectors:
    """Return one block of n clustered vectors: 500 to a cluster, spread half as wide as those."""
    chosen, rng = _clusters(n, start)
    centres = np.random.default_rng(1).standard_normal((_n_clusters(n), DIMENSIONS), np.float32)
    spread = rng.standard_normal((len(chosen), DIMENSIONS), np.float32)
    return centres[chosen] + np.float32(0.5) * spread


def _clusters(n: int, start: int) -> tuple[np.ndarray, np.random.Generator]:
    """Return which cluster each of a block's vectors is in, and what draws the rest of them."""
    rng = np.random.default_rng([2, start])
    return rng.integers(0, _n_clusters(n), min(BLOCK, n - start)), rng


def _n_clusters(n: int) -> int:
    return max(20, n // ITEMS_A_CLUSTER)


def unclustered(n: int, start: int) -> Vectors:
    """Return one block of n vectors drawn at random: the worst case, nothing is near anything."""
    rng = np.random.default_rng([3, start])
    return rng.standard_normal((min(BLOCK, n - start), DIMENSIONS), np.float32)


def attributes(n: int, start: int) -> list[dict[str, object]]:
    """Return the attributes of one block of n items, which `FILTERS` ask for."""
    rng = np.random.default_rng([4, start])
    clusters, _ = _clusters(n, start)
    price, bins = rng.random(len(clusters)), rng.integers(0, 10_000, len(clusters))
    return [
        {
            "title": f"item number {start + i}",
            "brand": f"brand {b % 97}",
            "price": round(float(p) * 100, 2),
            "in_stock": bool(b % 2),
            "shelf": int(b // 100),
            "bin": int(b),
            "kind": f"kind {c % 5}",
        }
        for i, (p, b, c) in enumerate(zip(price, bins.tolist(), clusters.tolist(), strict=True))
    ]


FILTERS = {
    "half": "in_stock=true",
    "a fifth, whole clusters": 'kind="kind 3"',
    "1 %": "shelf=7",
    "0.01 %": "bin=707",
}
KEPT = {
    "half": lambda item: item["in_stock"],
    "a fifth, whole clusters": lambda item: item["kind"] == "kind 3",
}
"""What the filters that go through the index keep; the others are searched exactly."""

SCHEMA = {
    "title": "text", "brand": "text", "price": "number", "in_stock": "boolean",
    "shelf": "integer", "bin": "integer", "kind": "text",
}  # fmt: skip


def photo_vectors(photos: Path, network: Path, n: int) -> Vectors:
    """Return n real vectors (n, 256): MobileNetV2's features of photos and of regions of them.

    The network sees each photo and its mirror image once. Its last map (7 × 7 × 1,280) averaged
    over all is its vector; over a part of it, that of a region of the photo, as in Tolias, Sicre
    and Jégou, Particular object retrieval with integral max-pooling of CNN activations, 2016, with
    means for maxima. So each photo stands for dozens of augmentations. Half-whitened PCA
    brings the 1,280 to 256.
    """
    import onnxruntime

    from vitrine.catalogue import Catalogue

    options = onnxruntime.SessionOptions()
    session = onnxruntime.InferenceSession(
        _with_map(network), options, providers=["CPUExecutionProvider"]
    )
    catalogue = Catalogue.read(photos)
    regions = _regions(-(-n // (2 * len(catalogue))))
    found: Vectors = np.empty((0, 0), np.float32)
    filled, batch = 0, []
    for decoded in catalogue.decoded(MAPS_A_BATCH, 224):
        for [picture] in decoded.pictures:
            batch.append(_input(picture))
        some = _features(session, np.stack(batch), regions)[: n - filled]
        if not filled:
            found = np.empty((n, some.shape[1]), np.float32)  # a list of parts would be twice that
        found[filled : filled + len(some)] = some
        filled += len(some)
        batch = []
    return _half_whitened(found[:filled])


def _with_map(network: Path) -> bytes:
    """Return the network with the input of its last mean over places as an output: the map."""
    import onnx

    model = onnx.load(network)
    made = {name: node for node in model.graph.node for name in node.output}
    node = made[model.graph.output[0].name]
    while "Pool" not in node.op_type and "ReduceMean" not in node.op_type:
        node = made[node.input[0]]
    model.graph.output.insert(0, onnx.helper.make_empty_tensor_value_info(node.input[0]))
    return model.SerializeToString()


def _input(picture: np.ndarray) -> np.ndarray:
    """Return a picture's middle as the network takes it, (3, 224, 224) from −1 to 1."""
    from PIL import Image

    side = min(picture.shape[:2])
    top, left = (picture.shape[0] - side) // 2, (picture.shape[1] - side) // 2
    square = Image.fromarray(picture[top : top + side, left : left + side]).resize((224, 224))
    return (np.asarray(square, np.float32).transpose(2, 0, 1) - 127.5) / 127.5


def _regions(n: int) -> list[tuple[slice, slice]]:
    """Return n rectangles of the map, the largest first: all of it, then 6 × 7 and so on."""
    sides = [(h, w) for h in range(7, 2, -1) for w in range(7, 2, -1)]
    every = [
        (slice(y, y + h), slice(x, x + w))
        for h, w in sorted(sides, key=lambda side: -side[0] * side[1])
        for y in range(8 - h)
        for x in range(8 - w)
    ]
    return every[:n]


def _features(session, batch: np.ndarray, regions) -> Vectors:
    name, output = session.get_inputs()[0].name, session.get_outputs()[0].name
    both = np.concatenate([batch, batch[..., ::-1]])
    [maps] = session.run([output], {name: np.ascontiguousarray(both)})
    if maps.shape[1] != maps.shape[2]:
        maps = maps.transpose(0, 2, 3, 1)  # (n, 7, 7, 1280)
    return np.concatenate([maps[:, ys, xs].mean((1, 2)) for ys, xs in regions])


def _half_whitened(features: Vectors) -> Vectors:
    mean = features.mean(0)
    sample = features[:: max(1, len(features) // 20_000)] - mean
    values, axes = np.linalg.eigh(sample.T @ sample / len(sample))
    kept = axes[:, ::-1][:, :DIMENSIONS] / values[::-1][:DIMENSIONS] ** 0.25
    starts = range(0, len(features), BLOCK)
    return np.concatenate(
        [((features[i : i + BLOCK] - mean) @ kept).astype(np.float32) for i in starts]
    )
