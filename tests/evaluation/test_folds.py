from typing import ClassVar

import numpy as np
import pytest

from tests.pictures import write_class_folders
from vitrine.catalogue import Catalogue
from vitrine.encoders import make_encoder
from vitrine.errors import InputError, OptionError
from vitrine.evaluation import cross_validate
from vitrine.evaluation.folds import FoldsRow


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory):
    return Catalogue.read(write_class_folders(tmp_path_factory.mktemp("made"), 10))


class Spy:
    """Notes which labels it is fitted on and names every picture ``apple``."""

    seen: ClassVar[list] = []

    def fit(self, pictures, y=None):
        Spy.seen.append(list(y))
        self.inner = make_encoder("colour", n_components=3).fit(pictures)
        self.distance_ = self.inner.distance_
        return self

    def transform(self, pictures):
        return self.inner.transform(pictures)

    def predict(self, pictures):
        return np.array(["apple"] * len(pictures))

    def get_params(self, deep=True):
        return {}


class TestFolds:
    def test_each_fold_is_fitted_on_the_others_and_holds_every_category(self, catalogue):
        Spy.seen = []
        [row] = cross_validate(catalogue, "category", {"spy": Spy()}, 5)
        assert [len(labels) for labels in Spy.seen] == [24] * 5
        assert all(labels.count("leaf") == 8 for labels in Spy.seen)
        assert row.accuracy == pytest.approx([1 / 3] * 5)
        assert row.error is None
        assert len(row.same_category_rate) == 5
        assert min(row.same_category_rate) > 0.8

    def test_a_failure_stays_in_its_row(self, catalogue):
        encoders = {"broken": make_encoder("pixels", n_components=-3), "fine": Spy()}
        broken, fine = cross_validate(catalogue, "category", encoders, 2)
        assert "n_components=-3" in broken.error
        assert broken.to_dict()["same_category_rate_mean"] is None
        assert fine.to_dict()["accuracy_mean"] == pytest.approx(1 / 3)

    def test_mean_and_spread_are_over_folds(self):
        found = FoldsRow("x", [0.5, 0.7], [1.0]).to_dict()
        assert found["same_category_rate_mean"] == pytest.approx(0.6)
        assert found["same_category_rate_sd"] == pytest.approx(0.1 * 2**0.5)
        assert found["accuracy_sd"] == 0.0

    def test_what_cannot_be_is_refused(self, catalogue):
        with pytest.raises(OptionError, match="two at least"):
            cross_validate(catalogue, "category", {"spy": Spy()}, 1)
        with pytest.raises(InputError, match="fewer than two categories"):
            cross_validate(catalogue, "category", {"spy": Spy()}, 11)
