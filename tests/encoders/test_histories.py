import csv
import sys

import numpy as np
import pytest

from vitrine.encoders import make_encoder
from vitrine.encoders.histories import history_of, write_history
from vitrine.errors import MissingExtraError


class TestHistory:
    def test_it_becomes_a_table_and_events(self, tmp_path):
        encoder = make_encoder("pixels")
        encoder.history_ = {"loss": [3.0, 2.0], "val_loss": [], "seconds": [0.1, 0.2]}
        assert history_of(encoder) == {
            "epoch": [1.0, 2.0], "loss": [3.0, 2.0], "seconds": [0.1, 0.2],
        }  # fmt: skip
        pytest.importorskip("tensorboard")
        path = write_history(encoder, tmp_path / "logs")
        with path.open() as file:
            assert list(csv.reader(file))[1] == ["1.0", "3.0", "0.1"]
        assert _scalars(tmp_path / "logs", "loss") == [(1, 3.0), (2, 2.0)]

    def test_it_lies_beside_a_saved_encoder(self, tmp_path):
        encoder = make_encoder("pixels").fit(np.zeros((2, 4, 4), np.uint8))
        encoder.history_ = {"loss": [3.0, 2.0]}
        encoder.save(tmp_path / "saved")
        table = (tmp_path / "saved" / "history.csv").read_text().split()
        assert table == ["epoch,loss", "1.0,3.0", "2.0,2.0"]
        assert make_encoder("pixels").load(tmp_path / "saved").n_components_ == 16

    def test_an_encoder_without_epochs_has_none(self, tmp_path):
        pytest.importorskip("tensorboard")
        assert history_of(make_encoder("pixels")) == {}
        assert write_history(make_encoder("pixels"), tmp_path / "logs") is None
        assert not (tmp_path / "logs").exists()

    def test_a_missing_extra_is_named(self, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, "tensorboard.summary", None)
        with pytest.raises(MissingExtraError, match=r'pip install "vitrine\[tensorboard\]"'):
            write_history(make_encoder("pixels"), tmp_path)


def _scalars(folder, tag):
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    [path] = folder.glob("events.*")
    return [
        (event.step, value.tensor.float_val[0])
        for event in EventFileLoader(str(path)).Load()
        for value in event.summary.value
        if value.tag == tag
    ]
