import json

import numpy as np
import pytest
from tests.pictures import write_class_folders, write_table

from vitrine.catalogue import Catalogue
from vitrine.cli.main import run
from vitrine.encoders import make_encoder
from vitrine.errors import InputError, OptionError
from vitrine.shop import Shop
from vitrine.shop.centres import nearest_centre
from vitrine.shop.clusters import find_centres


@pytest.fixture
def shop(tmp_path):
    encoder = make_encoder("colour", n_components=3)
    catalogue = Catalogue.read(write_table(tmp_path / "catalogue"))
    with Shop.create(tmp_path / "shop", catalogue, encoder) as shop:
        yield shop


def test_clusters_are_the_kinds_where_kinds_look_different(shop):
    found = shop.cluster(k=3)
    assert found.sizes == [8, 8, 8]
    assert sorted(next(iter(counts)) for counts in found.table) == ["apple", "leaf", "sea"]
    assert all(len(counts) == 1 for counts in found.table)
    assert found.agreement == 1.0
    assert found.silhouette > 0.5
    for ids, counts in zip(found.nearest, found.table, strict=True):
        assert {item_id.split("-")[0] for item_id in ids} == set(counts)


def test_the_silhouette_chooses_the_number(tmp_path):
    rng = np.random.default_rng(0)
    middles = rng.normal(0, 5, (5, 8))
    points = np.repeat(middles, 40, axis=0) + rng.normal(0, 0.3, (200, 8))
    centres, tried = find_centres(points.astype(np.float32), None, 0)
    assert len(centres) == 5
    assert max(tried, key=tried.get) == 5


def test_a_cluster_can_be_filtered_by_and_new_items_have_one(shop, tmp_path):
    found = shop.cluster(k=3, name="group")
    leaf = next(code for code, counts in enumerate(found.table) if "leaf" in counts)
    hits = shop.similar("apple-0", k=20, where=f"group={leaf}")
    assert {hit.id.split("-")[0] for hit in hits} == {"leaf"}
    assert len(hits) == 8
    shop.add(Catalogue.read(write_class_folders(tmp_path / "more", 1, first_seed=50)))
    assert len(shop.similar("apple-0", k=20, where=f"group={leaf}")) == 9
    assert shop.schema["group"] == "integer"
    # Attributes that come again do not lose the cluster, and are still unchanged.
    again = shop.add(Catalogue.read(tmp_path / "catalogue" / "items.csv"))
    assert (again.unchanged, again.updated) == (24, 0)


def test_another_process_sees_new_clusters_and_their_replacement(shop):
    with Shop.open(shop.path) as other:
        shop.cluster(k=2)
        other.refresh()
        assert set(other.values("cluster")) == {0, 1}
        shop.cluster(k=4, name="kind")
        other.refresh()
        assert "cluster" not in other.schema
        assert set(other.values("kind")) == {0, 1, 2, 3}


def test_another_encoder_has_no_clusters_until_they_are_made_again(shop):
    before = shop.cluster(k=3)
    shop.retrain(make_encoder("hog", n_components=4))
    assert "cluster" not in shop.schema
    shop.roll_back()
    assert sorted(np.bincount(shop.values("cluster"))) == sorted(before.sizes)


def test_what_cannot_be_grouped_is_refused(shop):
    with pytest.raises(OptionError, match="attribute 'category'"):
        shop.cluster(k=3, name="category")
    with pytest.raises(OptionError, match="between 2 and 23"):
        shop.cluster(k=24)
    shop.remove([item_id for item_id in shop.item_ids if item_id not in ("leaf-1", "sea-1")])
    with pytest.raises(InputError, match="too few"):
        shop.cluster()


def test_items_that_are_all_alike_make_no_error():
    same = np.ones((30, 4), np.float32)
    centres, _ = find_centres(same, 3, 0)
    assert nearest_centre(same, centres).tolist() == [0] * 30


def test_the_command_prints_for_people_and_machines(shop, capsys):
    assert run(["clusters", str(shop.path)]) == 0
    printed = capsys.readouterr().out
    assert "3 clusters have the largest silhouette" in printed
    assert "apple 100%" in printed
    assert run(["clusters", str(shop.path), "-k", "2", "--as", "pile", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["k"], found["name"], sum(found["sizes"])) == (2, "pile", 24)
    assert run(["similar", str(shop.path), "leaf-1", "--where", "pile=1", "--json"]) == 0
    assert all(hit["attributes"]["pile"] == 1 for hit in json.loads(capsys.readouterr().out))
