"""fastembed's pictures a second: the worker that `encoding.py --fastembed PYTHON` starts.

    python encoding_fastembed.py FOLDER

FOLDER holds a network as ``model.onnx`` and its ``preprocessor_config.json``; the name of a model
that fastembed knows stands in for it. Each line read is JSON with the pictures' paths and the file
that takes their vectors; each is answered with a line.
"""

import json
import sys

import numpy as np
from fastembed import ImageEmbedding

NAME = "Qdrant/resnet50-onnx"


def main() -> None:
    model = ImageEmbedding(
        NAME, specific_model_path=sys.argv[1], providers=["CPUExecutionProvider"]
    )
    for line in sys.stdin:
        request = json.loads(line)
        np.save(request["answer"], np.stack(list(model.embed(request["paths"]))))
        print("done", flush=True)


if __name__ == "__main__":
    main()
