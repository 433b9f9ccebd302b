"""Vectors of posters, for `ratings_cold.py` and whoever else wants to know items by their pictures.

``python benchmarks/ratings_posters.py ml-100k/posters VECTORS.npz --backbone mobilenet_v2.onnx``

A poster's file name is its item's id. One array an encoder is written, beside ``ids``: colours and
looks, which are computed, and the features of a pretrained network where one is given (its input
from −1 to 1, as MobileNetV2's).
"""

import argparse
import time

import numpy as np

from vitrine import Catalogue, make_encoder


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("posters")
    parser.add_argument("out")
    parser.add_argument("--backbone", help="an ONNX file")
    options = parser.parse_args()
    catalogue = Catalogue.read(options.posters)
    encoders = {
        "looks": make_encoder("looks", size=64, n_components=128),
        "colour": make_encoder("colour"),
    }
    if options.backbone:
        encoders["backbone"] = make_encoder(
            f"onnx:{options.backbone}", resize="stretch", mean=(0.5,) * 3, std=(0.5,) * 3
        )
    arrays = {"ids": np.array([str(item.id) for item in catalogue])}
    for name, encoder in encoders.items():
        started = time.process_time()
        arrays[name] = encoder.fit_transform(catalogue.pictures())
        print(
            f"{name}: {arrays[name].shape}, {time.process_time() - started:.0f} CPU s", flush=True
        )
    np.savez(options.out, **arrays)


if __name__ == "__main__":
    main()
