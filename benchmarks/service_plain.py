"""The usual hand-made service, to compare with: FastAPI and brute force in NumPy, in one process.

Run by `service.py`: python service_plain.py VECTORS.npy PORT
"""

from __future__ import annotations

import sys

import numpy as np
import uvicorn
from fastapi import FastAPI

vectors = np.load(sys.argv[1])
vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
ids = [f"item-{i}" for i in range(len(vectors))]
rows = {item_id: i for i, item_id in enumerate(ids)}
attributes = [
    {"category": f"class {i % 10}", "brand": f"brand {i % 97}", "price": 5 + i % 1000 / 10}
    for i in range(len(ids))
]
app = FastAPI()


@app.get("/api/items/{item_id}/similar")
def similar(item_id: str, k: int = 10) -> list[dict]:
    row = rows[item_id]
    scores = vectors @ vectors[row]
    scores[row] = -np.inf
    best = np.argpartition(-scores, k)[:k]
    best = best[np.argsort(-scores[best])]
    return [
        {"id": ids[i], "similarity": float(scores[i]), "attributes": attributes[i]} for i in best
    ]


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[2]), log_level="warning", access_log=False)
