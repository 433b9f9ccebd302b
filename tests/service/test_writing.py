import base64
import io
import json
import shutil
import time

import pytest
from PIL import Image

from tests.pictures import make_picture
from tests.service.conftest import WRITING
from vitrine.shop import Shop
from vitrine.store import Store


def png(category, seed):
    buffer = io.BytesIO()
    Image.fromarray(make_picture(category, seed)).save(buffer, "PNG")
    return buffer.getvalue()


def coded(category, seed):
    return base64.b64encode(png(category, seed)).decode()


@pytest.fixture
def writer(client):
    client.headers.update(WRITING)
    return client


def test_an_item_is_put_found_and_put_again(writer):
    body = {"attributes": {"category": "sea", "price": 5}, "picture": coded("sea", 50)}
    made = writer.put("/api/items/new one", json=body)
    assert (made.status_code, made.json()) == (
        201, {"id": "new one", "status": "added", "reason": None},
    )  # fmt: skip
    hits = writer.get("/api/items/new one/similar", params={"k": 5}).json()["hits"]
    assert {hit["attributes"]["category"] for hit in hits} == {"sea"}
    assert writer.put("/api/items/new one", json=body).json()["status"] == "unchanged"
    body["attributes"]["price"] = 6
    del body["picture"]
    again = writer.put("/api/items/new one", json=body)
    assert (again.status_code, again.json()["status"]) == (200, "updated")
    assert writer.get("/api/items/new one").json()["attributes"]["price"] == 6
    assert writer.get("/api/items", params={"q": "new one"}).json()["total"] == 1


def test_an_item_can_be_put_as_a_form(writer):
    form = {"attributes": json.dumps({"category": "leaf", "new": True, "weight": 1.5})}
    files = [("picture", ("a.png", png("leaf", 60))), ("picture", ("b.png", png("leaf", 61)))]
    assert writer.put("/api/items/form", data=form, files=files).status_code == 201
    got = writer.get("/api/items/form").json()
    assert got["attributes"] == {"category": "leaf", "new": True, "weight": 1.5}
    assert got["pictures"] == 2
    assert writer.get("/pictures/form?number=1").status_code == 200


def test_pictures_that_arrive_are_kept_so_that_another_encoder_can_be_fitted(
    writer, shop_path, tmp_path
):
    writer.put("/api/items/kept", json={"picture": coded("sea", 50)})
    writer.put("/api/items/twin", json={"picture": coded("sea", 50)})
    files = [path for path in (shop_path / "pictures").rglob("*") if path.is_file()]
    assert [path.read_bytes() for path in files] == [png("sea", 50)]
    moved = shutil.copytree(shop_path, tmp_path / "moved")
    shutil.rmtree(shop_path / "pictures")
    with Shop.open(moved) as shop:
        from vitrine.encoders import make_encoder

        [ref] = shop._store.pictures(["kept"])["kept"]
        assert ref.path.startswith(str(moved.resolve()))
        switched = shop.retrain(make_encoder("pixels"))
        assert (switched.items, switched.from_thumbnails) == (26, 0)
        same = shop.similar("kept", 1)[0]
        assert (same.id, same.distance) == ("twin", pytest.approx(0, abs=1e-5))


def test_a_batch_tells_what_became_of_each(writer):
    items = [
        {"id": "b-1", "attributes": {"price": 1}, "picture": coded("sea", 70)},
        {"id": "b-2", "attributes": {"price": "cheap"}, "picture": coded("sea", 71)},
        {"id": "b-3", "picture": base64.b64encode(b"<html>").decode()},
        {"id": "b-4", "picture": "not base64!"},
        {"id": "b-5", "attributes": {"price": 2}},
        {"id": "b-1", "picture": coded("sea", 72)},
        {"id": "", "picture": coded("sea", 72)},
        {"id": "apple-0", "attributes": {"category": "apple", "price": 0, "new": True}},
        {"id": "apple-1", "attributes": {"category": "apple", "price": 99}},
        {"id": "b-6", "pictures": [coded("sea", 73), base64.b64encode(b"x" * 99).decode()]},
    ]
    answer = writer.post("/api/items", json={"items": items})
    assert answer.status_code == 200
    results = answer.json()["results"]
    assert [one["status"] for one in results] == [
        "added", "refused", "refused", "refused", "refused", "refused", "refused", "unchanged",
        "updated", "added",
    ]  # fmt: skip
    reasons = [one["reason"] or "" for one in results]
    for place, text in {
        1: "'cheap' is not integer", 2: "web page", 3: "base64", 4: "needs a picture",
        5: "there already, in item 1", 6: "1 to 500", 9: "not a picture",
    }.items():  # fmt: skip
        assert text in reasons[place], (place, reasons[place])
    assert writer.get("/api/catalogue").json()["items"] == 26


def test_a_new_price_needs_no_picture_file(writer, shop_path, tmp_path):
    shutil.rmtree(tmp_path / "catalogue")
    answer = writer.put("/api/items/sea-1", json={"attributes": {"category": "sea", "price": 7}})
    assert (answer.status_code, answer.json()["status"]) == (200, "updated")
    assert writer.get("/api/items/sea-1/similar?k=1").json()["hits"][0]["id"].startswith("sea")


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        (b"{", 400, "not JSON"),
        (b"[]", 422, "dictionary"),
        (b'{"price": 3}', 422, "price"),
        (b'{"attributes": {"a": [1]}, "picture": ""}', 422, "attributes"),
        (b"{}", 422, "needs a picture"),
        (b'{"picture": "AAAA"}', 422, "not a picture"),
        (b'{"attributes": {"": 1}}', 422, "needs a picture"),
        (b'{"attributes": {"price": 1e400}}', 422, ""),
    ],
)
def test_bodies_that_cannot_be_are_refused(writer, body, status, text):
    answer = writer.put("/api/items/x", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (status, 400) if not text else answer.status_code == status
    assert text in answer.json()["detail"]
    assert writer.get("/api/catalogue").json()["items"] == 24


def test_other_kinds_of_bodies_are_refused(writer):
    answer = writer.put("/api/items/x", content=b"a: 1", headers={"Content-Type": "text/yaml"})
    assert (answer.status_code, "text/yaml" in answer.json()["detail"]) == (400, True)
    form = {"attributes": "{", "other": "1"}
    answer = writer.put("/api/items/x", data=form, files={"picture": png("sea", 1)})
    assert answer.status_code == 400


def test_too_many_items_at_once(open_client):
    client = open_client(max_batch=3)
    items = [{"id": str(i)} for i in range(4)]
    answer = client.post("/api/items", json={"items": items}, headers=WRITING)
    assert (answer.status_code, "3 may come at once" in answer.json()["detail"]) == (413, True)


def test_a_removed_item_is_gone(writer):
    assert writer.delete("/api/items/sea-1").status_code == 204
    assert writer.get("/api/items/sea-1").status_code == 404
    assert writer.delete("/api/items/sea-1").status_code == 404
    assert writer.get("/api/items", params={"q": "sea 1"}).json()["items"] == []


def test_ratings_count_at_once(writer):
    stranger = writer.get("/api/users/anna/recommendations", params={"k": 3}).json()
    assert (stranger["known"], stranger["model"]) == (False, "popularity")
    rows = [
        {"user_id": user, "item_id": f"{kind}-{i}", "value": 5 if kind == taste else 1}
        for user, taste in (("anna", "sea"), ("bob", "sea"), ("carl", "leaf"), (7, "apple"))
        for kind in ("sea", "leaf", "apple")
        for i in range(4)
    ]
    answer = writer.post("/api/interactions", json={"interactions": rows}).json()
    assert (answer["added"], answer["refused"]) == (len(rows), [])
    history = writer.app.state.vitrine.shop.ratings.history("anna")
    assert all(abs(rated.timestamp - time.time()) < 60 for rated in history)
    bad = [{"user_id": "", "item_id": "sea-1"}, {"user_id": "anna", "item_id": "sea-6", "value": 5}]
    answer = writer.post("/api/interactions", json={"interactions": bad}).json()
    assert answer["added"] == 1
    assert [one["number"] for one in answer["refused"]] == [1]
    writer.app.state.vitrine.shop.ratings.fit("ease")
    picks = writer.get("/api/users/anna/recommendations", params={"k": 3}).json()
    assert picks["user_id"] == "anna"
    assert "sea-6" not in [pick["id"] for pick in picks["picks"]]
    only = writer.get("/api/users/anna/recommendations", params={"where": "category=leaf"}).json()
    assert {pick["attributes"]["category"] for pick in only["picks"]} <= {"leaf"}


def test_words_are_kept_up_by_whoever_writes(shop_path):
    from vitrine.store.search import prepare_search, search_items

    store = Store.open(shop_path / "shop.db")
    plain = {words: set(search_items(store, words)) for words in ("sea", "appl", "sock")}
    assert prepare_search(store)
    assert prepare_search(store)
    for words, expected in plain.items():
        assert set(search_items(store, words)) == expected
    with Shop.open(shop_path) as other:
        other.remove(["sea-1"])
    assert "sea-1" not in search_items(store, "sea")
    assert search_items(store, "leaf-1")[0] == "leaf-1"
    store.close()
