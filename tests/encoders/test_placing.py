from __future__ import annotations

import shutil

import numpy as np

from vitrine.encoders.placing import LEAST_VECTORS, learned_plane


def test_a_plane_is_learned_in_another_process_and_places_new_vectors():
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(4, 12))
    labels = np.arange(400) % 4
    vectors = (centres[labels] + 0.2 * rng.normal(size=(400, 12))).astype(np.float32)
    network = learned_plane(vectors[:320], seconds=3)
    points = network(vectors)
    assert points.shape == (400, 2)
    far = np.linalg.norm(points[320:, None] - points[None, :320], axis=2)
    assert (labels[far.argmin(axis=1)] == labels[320:]).mean() > 0.95


def test_few_vectors_are_not_worth_a_network():
    assert learned_plane(np.zeros((LEAST_VECTORS - 1, 5), np.float32)) is None


def test_without_torch_there_is_no_network(monkeypatch):
    monkeypatch.setattr("vitrine.encoders.placing.find_spec", lambda name: None)
    assert learned_plane(np.zeros((LEAST_VECTORS, 5), np.float32)) is None


def test_what_cannot_be_learned_gives_no_network(monkeypatch):
    monkeypatch.setattr("vitrine.encoders.placing.sys.executable", shutil.which("false"))
    assert learned_plane(np.zeros((LEAST_VECTORS, 5), np.float32)) is None
