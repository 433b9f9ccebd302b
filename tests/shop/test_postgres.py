"""Everything that works on a directory works on a database."""

import json
import shutil
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from tests.pictures import write_class_folders, write_table
from tests.postgres import PASSWORD
from tests.service.conftest import KEYS, WRITING

from vitrine.catalogue import Catalogue
from vitrine.cli.main import run
from vitrine.encoders import make_encoder
from vitrine.service import Settings, create_app
from vitrine.shop import Shop
from vitrine.shop.receiving import NewItem

pytestmark = pytest.mark.postgres


@pytest.fixture
def url(postgres, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "one-machine"))
    return postgres.new_shop()


@pytest.fixture
def shop(url, tmp_path):
    catalogue = Catalogue.read(write_table(tmp_path / "catalogue"))
    with Shop.create(url, catalogue, make_encoder("colour", n_components=6)) as shop:
        yield shop


def test_every_command_works(url, tmp_path, capfd, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_table(tmp_path / "photos")
    write_class_folders(tmp_path / "more", 1, first_seed=100)
    (tmp_path / "bad.csv").write_text("id,image\nbroken,nowhere.png\nsea-50,photos/sea/sea-1.png\n")
    rows = [f"u{n},sea-{n % 6},{1 + n % 5}" for n in range(24)]
    (tmp_path / "ratings.csv").write_text("\n".join(["user,item,rating", *rows, "u1,sea-1,much"]))
    people = [f"u{n},segment {n % 6}" for n in range(24)]
    (tmp_path / "people.csv").write_text("\n".join(["user,segment", *people, "new,segment 1"]))
    for line in (
        "create SHOP photos/items.csv --encoder colour --label category",
        "add SHOP more",
        "add SHOP bad.csv",
        "similar SHOP sea-1 --where price<25",
        "ratings add SHOP ratings.csv",
        "ratings users SHOP people.csv",
        "ratings users SHOP people.csv",
        "ratings fit SHOP --model user-profile",
        "recommend SHOP new",
        "ratings fit SHOP --model ease",
        "ratings forget SHOP u3",
        "ratings info SHOP",
        "recommend SHOP u1",
        "retrain SHOP --encoder pixels",
        "rollback SHOP",
        "clusters SHOP -k 3",
        "export SHOP out.parquet",
        "neighbours SHOP -k 3",
        "evaluate SHOP",
        "report SHOP -o report.html",
        "remove SHOP sea-1",
        "info SHOP --json",
        "check SHOP",
        "copy SHOP folder",
        "check folder",
    ):
        assert run(line.replace("SHOP", url).split()) == 0, capfd.readouterr().err
    said = capfd.readouterr()
    assert PASSWORD not in said.out + said.err
    assert "27 items" in said.out
    assert "1 refused, listed with their reasons in" in said.out
    assert "something is known of 25 users (0 added, 0 updated, 25 unchanged)" in said.out
    assert "what people like new choose" in said.out
    assert "no fault in 27 items" in said.out
    assert "all the same" in said.out
    assert run(["backup", url, "copy"]) == 1
    assert "vitrine copy" in capfd.readouterr().err
    assert run(["create", url, "photos/items.csv"]) == 1
    assert "DROP SCHEMA" in capfd.readouterr().err
    assert run(["info", "folder", "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["items"] == 27


def test_what_arrives_on_one_machine_is_at_hand_on_another(shop, url, tmp_path, monkeypatch):
    content = (tmp_path / "catalogue/sea/sea-1.png").read_bytes()
    [received] = shop.receive([NewItem("new", {"price": 5}, [content])])
    assert received.status == "added"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "another-machine"))
    with Shop.open(url) as other:
        assert other.path != shop.path
        hits = other.similar("new", 3, where="price<100")
        assert hits[0].id == "sea-1"
        assert other.picture("new", 24).shape == (24, 24, 3)
        shutil.rmtree(other.path)  # a cache may be emptied
        switched = other.retrain(make_encoder("pixels", n_components=5))
        assert (switched.encoded, switched.from_thumbnails) == (25, 0)
        assert shop.refresh()
        assert shop.encoder.kind == "pixels"
        [again] = shop.receive([NewItem("new", {"price": 6}, [])])
        assert again.status == "updated"
        assert other.refresh()
        assert other.similar("sea-1", 1, where="price=6")[0].id == "new"


def test_a_shop_whose_making_broke_off_is_completed(url, tmp_path, monkeypatch):
    catalogue = Catalogue.read(write_table(tmp_path / "catalogue"))
    encoder = make_encoder("colour", n_components=6)

    def kill(self, *_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Shop, "add", kill)
        with pytest.raises(KeyboardInterrupt):
            Shop.create(url, catalogue, encoder)
    with Shop.create(url, catalogue, make_encoder("colour", n_components=6)) as shop:
        assert len(shop) == 24
        assert shop.info().ready


def test_it_is_served_with_its_page(shop, url):
    app = create_app(url, Settings(keys=KEYS))
    with TestClient(app, base_url="http://localhost") as client:
        assert client.get("/api/items?q=SEA").json()["total"] == 8
        assert client.get("/api/items?q=leaf-3").json()["items"][0]["id"] == "leaf-3"
        assert len(client.get("/api/items/sea-1/similar?k=5").json()["hits"]) == 5
        content = client.get("/pictures/sea-1?size=160").content
        form = {"attributes": '{"category": "seaweed"}'}
        made = client.put("/api/items/new", data=form, files={"picture": content}, headers=WRITING)
        assert made.status_code == 201
        assert client.get("/api/items?q=seaw").json()["items"][0]["id"] == "new"
        rated = {"interactions": [{"user_id": "ann", "item_id": "new", "value": 5}]}
        assert client.post("/api/interactions", json=rated, headers=WRITING).status_code == 200
        for page in ("/", "/item?id=new", "/map", "/figures"):
            assert client.get(page).status_code == 200, page
        assert client.delete("/api/items/new", headers=WRITING).status_code == 204
        assert client.get("/api/items?q=seaweed").json()["total"] == 0
    assert Path(shop.path, "page").is_dir()
