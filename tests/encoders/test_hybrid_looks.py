import numpy as np
import pytest

from tests.encoders.contracts import same_shape_rate, shapes
from tests.encoders.tiny_models import pooling_network
from vitrine.encoders import hybrid_looks, load_encoder, make_encoder
from vitrine.encoders.hybrid_looks_weights import by_labels, by_views, find_weights, similarities
from vitrine.encoders.views import view_of
from vitrine.errors import InputError, OptionError
from vitrine.index.distance import unit


def hybrid(**options):
    return make_encoder("hybrid-looks", **options)


class TestJoining:
    def test_vectors_are_the_members_side_by_side(self):
        pictures, _ = shapes(40, colour=True)
        both = hybrid(encoders=("hog", "colour"), weights=(3.0, 1.0)).fit(pictures)
        hog, colour = (make_encoder(name).fit(pictures) for name in ("hog", "colour"))
        parts = [unit(one.transform(pictures)) for one in (hog, colour)]
        expected = np.hstack([np.sqrt(0.75) * parts[0], np.sqrt(0.25) * parts[1]])
        np.testing.assert_allclose(both.transform(pictures), expected, atol=1e-6)
        assert both.weights_ == [0.75, 0.25]

    def test_a_picture_prepared_once_gives_the_same_vector(self):
        rng = np.random.default_rng(0)
        pictures = [rng.integers(0, 255, (60 + i, 50, 3), np.uint8) for i in range(12)]
        network = pooling_network()
        both = hybrid(encoders=("looks", network), weights=(1.0, 1.0)).fit(pictures)
        prepared = [both.preprocessing_.prepare(picture) for picture in pictures]
        np.testing.assert_array_equal(both.transform(prepared), both.transform(pictures))

    def test_members_of_weight_0_take_no_room(self):
        pictures, _ = shapes(40)
        both = hybrid(encoders=("hog", "pixels"), weights=(1.0, 0.0)).fit(pictures)
        assert [member.kind for member in both.members_] == ["hog"]
        assert both.n_components_ == make_encoder("hog").fit(pictures).n_components_

    def test_distances_that_are_not_angles_are_brought_to_one_spread(self):
        pictures, _ = shapes(60)
        both = hybrid(encoders=("pixels:distance=euclidean", "hog"), weights=(0.5, 0.5))
        vectors = both.fit(pictures).transform(pictures)
        assert both.distance_.name == "euclidean"
        n_hog = both.members_[1].n_components_
        parts = vectors[:, :-n_hog], vectors[:, -n_hog:]
        spreads = [np.square(part - part.mean(axis=0)).sum(axis=1).mean() for part in parts]
        assert spreads[0] == pytest.approx(spreads[1], rel=1e-4)

    def test_a_hybrid_may_be_the_base_of_categories_and_comes_back_whole(self):
        pytest.importorskip("torch")
        pictures, labels = shapes(40)
        options = ("encoders=hog+pixels", "weights=0.5,0.5")
        encoder = make_encoder(
            "category", backbone="hybrid-looks", backbone_options=options, epochs=2
        ).fit(pictures, labels)
        again = load_encoder(encoder.to_artifact())
        np.testing.assert_array_equal(again.transform(pictures), encoder.transform(pictures))


class TestWeights:
    def test_what_knows_the_classes_gets_the_weight(self):
        rng = np.random.default_rng(0)
        codes = np.arange(120) % 4
        knows = np.eye(4)[codes] + rng.normal(0, 0.05, (120, 4))
        noise = rng.normal(0, 1, (120, 4))
        members = [similarities(x, x) for x in (noise, knows, noise[::-1])]
        weights = find_weights(members, by_labels(codes))
        assert weights[1] > 0.9
        assert weights.sum() == pytest.approx(1)

    def test_two_that_each_know_half_are_both_used(self):
        rng = np.random.default_rng(0)
        codes = np.arange(200) % 4
        halves = [np.eye(2)[codes // 2], np.eye(2)[codes % 2]]
        members = []
        for half in halves:
            x = half + rng.normal(0, 0.2, half.shape)
            members.append(similarities(x, x))
        score = by_labels(codes)
        weights = find_weights(members, score)
        assert weights.min() > 0.05
        mixed = sum(weight * one for weight, one in zip(weights, members, strict=True))
        assert score(mixed) > max(score(one) for one in members) + 0.2

    def test_views_are_rated_by_how_near_their_picture_is(self):
        assert by_views(np.eye(3, dtype=np.float32)) == 1.0
        worst = 1 - np.eye(4, dtype=np.float32)
        assert by_views(worst) == pytest.approx(1 / 4)

    def test_similarity_falls_with_the_squared_distance(self):
        a, b = np.array([[0.0, 0], [3, 4]], np.float32), np.array([[0.0, 0]], np.float32)
        assert similarities(a, b).ravel().tolist() == [0.0, -12.5]

    @pytest.mark.parametrize("with_labels", [True, False])
    def test_found_weights_serve_pictures_that_were_not_seen(self, with_labels):
        pictures, labels = shapes(200, colour=True)
        asked, asked_labels = shapes(60, seed=1, colour=True)
        both = hybrid(encoders=("pixels:n_components=2:whitening=0.0", "hog"))
        both.fit(pictures, labels if with_labels else None)
        assert both.judged_by_ == ("labels" if with_labels else "views")
        assert sum(both.weights_) == pytest.approx(1)
        assert same_shape_rate(both, pictures, labels, asked, asked_labels) > 0.95

    def test_members_that_learn_are_weighed_on_what_they_have_not_seen(self, monkeypatch):
        pytest.importorskip("torch")
        pictures, _ = shapes(150)
        rng = np.random.default_rng(0)
        senseless = rng.integers(0, 2, 150)  # what can be learned by heart, and no other way
        both = hybrid(encoders=("category:epochs=30:looks_share=0.0", "hog"))
        rates = []

        def find(similar, score):
            rates.extend(score(one) for one in similar)
            return np.array([0.5, 0.5])

        monkeypatch.setattr(hybrid_looks, "find_weights", find)
        both.fit(pictures, senseless)
        assert rates[0] < 0.75
        by_heart = both.members_[0].predict(pictures) == senseless
        assert by_heart.mean() > 0.9

    def test_too_few_labels_leave_it_to_the_views(self):
        pictures, labels = shapes(40)
        some = [label if i < 12 else None for i, label in enumerate(labels)]
        assert hybrid().fit(pictures, some).judged_by_ == "views"
        assert hybrid().fit(pictures, [None] * 40).judged_by_ == "views"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"encoders": ("hog",)}, "two at least"),
        ({"encoders": ("hog", "hug")}, "did you mean 'hog'"),
        ({"weights": (1.0,)}, "one for each of 3"),
        ({"weights": (1.0, -1.0, 0.5)}, "none negative"),
        ({"validation_share": 0.0}, "between 0 and 1"),
    ],
)
def test_options_that_cannot_be_are_refused(options, said):
    with pytest.raises(OptionError, match=said):
        hybrid(**options).fit(shapes(20)[0])


def test_members_that_need_labels_say_so():
    with pytest.raises(InputError, match="labels"):
        hybrid(encoders=("category", "hog")).fit(shapes(20)[0])


def test_a_view_is_another_picture_of_the_same_size_and_the_same_seed_gives_it_again():
    pictures, _ = shapes(2, colour=True)
    views = [view_of(pictures[0], np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert views[0].shape == pictures[0].shape
    np.testing.assert_array_equal(views[0], views[1])
    assert not np.array_equal(views[0], views[2])
    assert view_of(pictures[0][..., 0], np.random.default_rng(0)).ndim == 2
