import io

import numpy as np
import pytest
from PIL import Image

from tests.pictures import make_picture
from vitrine.catalogue import Catalogue
from vitrine.encoders import make_encoder
from vitrine.service.thumbnails import format_of, size_of
from vitrine.shop import Shop


def jpeg(category, seed, size=(300, 400)):
    buffer = io.BytesIO()
    picture = Image.fromarray(make_picture(category, seed))
    picture.resize(size[::-1], Image.Resampling.NEAREST).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def test_the_catalogue_says_what_is_there(client):
    said = client.get("/api/catalogue").json()
    assert (said["items"], said["found"]) == (24, 24)
    assert said["attributes"] == {"category": "text", "price": "integer", "new": "boolean"}
    category, price, new = said["facets"]
    assert category["values"] == [["apple", 8], ["leaf", 8], ["sea", 8]]
    assert (price["minimum"], price["maximum"], price["distinct"]) == (0, 27, 24)
    assert new["values"] == [[False, 12], [True, 12]]
    assert said["encoder"] == {"kind": "colour", "dimensions": 6, "distance": "cosine"}
    some = client.get("/api/catalogue", params={"where": "price<12"}).json()
    assert (some["items"], some["found"]) == (24, 10)
    assert some["facets"][0]["values"] == [["apple", 8], ["leaf", 2]]


def test_pages_of_items_are_in_order_and_complete(client):
    seen = []
    for page in (1, 2, 3, 4):
        got = client.get("/api/items", params={"page": page, "size": 10}).json()
        assert (got["total"], got["pages"], got["page"]) == (24, 3, page)
        seen += [item["id"] for item in got["items"]]
    assert len(seen) == len(set(seen)) == 24
    dear = client.get("/api/items", params={"sort": "-price", "size": 2}).json()["items"]
    assert [item["id"] for item in dear] == ["sea-7", "sea-6"]
    cheap = client.get("/api/items", params={"sort": "price", "size": 1, "where": "new=false"})
    assert cheap.json()["items"][0]["id"] == "apple-1"


def test_words_and_ids_find_items(client):
    def found(words, **more):
        got = client.get("/api/items", params={"q": words, "size": 50, **more}).json()
        return [item["id"] for item in got["items"]]

    assert found("leaf-3")[0] == "leaf-3"
    assert len(found("leaf")) == len(found("LEA")) == 8
    assert found("leaf 3") == ["leaf-3"]
    assert len(found("leaf", where="new=true")) == 4
    for nothing in ("sock", "leaf sock", '"', "*", "NEAR(", "a OR b", "'; DROP TABLE items", "%"):
        assert found(nothing) == [], nothing


def test_one_item(client):
    assert client.get("/api/items/sea-2").json() == {
        "id": "sea-2", "attributes": {"category": "sea", "price": 22, "new": True}, "pictures": 1,
    }  # fmt: skip
    missing = client.get("/api/items/see-2")
    assert missing.status_code == 404
    assert missing.headers["content-type"] == "application/problem+json"
    said = missing.json()
    assert said["type"] == "/docs#unknown-item"
    assert "did you mean" in said["detail"]
    assert said["advice"]
    assert said["instance"] == missing.headers["x-request-id"]


def test_similar_items(client):
    got = client.get("/api/items/sea-2/similar", params={"k": 7, "collapse": False}).json()["hits"]
    assert len(got) == 7
    assert {hit["attributes"]["category"] for hit in got} == {"sea"}
    assert [hit["distance"] for hit in got] == sorted(hit["distance"] for hit in got)
    only = {"where": ["category=leaf", "price<15"], "collapse": False}
    got = client.get("/api/items/sea-2/similar", params=only)
    assert {hit["id"] for hit in got.json()["hits"]} == {f"leaf-{i}" for i in range(5)}
    varied = client.get("/api/items/sea-2/similar", params={"k": 6, "diversity": 0.9}).json()
    assert len({hit["attributes"]["category"] for hit in varied["hits"]}) == 3


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/api/items/sea-2/similar?k=0", 422, "k"),
        ("/api/items/sea-2/similar?k=100000", 422, "200 at most"),
        ("/api/items/sea-2/similar?k=two", 422, "integer"),
        ("/api/items/sea-2/similar?where=colour=red", 422, "no attribute 'colour'"),
        ("/api/items/sea-2/similar?where=price", 422, "cannot read the filter"),
        ("/api/items/sea-2/similar?diversity=2", 422, "less than or equal to 1"),
        ("/api/items?page=0", 422, "page"),
        ("/api/items?size=100000", 422, "200 at most"),
        ("/api/items?sort=weight", 422, "no attribute 'weight'"),
        ("/api/nothing", 404, "no call"),
        ("/pictures/nobody", 404, "nobody"),
        ("/pictures/sea-1?number=4", 404, "picture 4"),
        ("/pictures/sea-1?size=-1", 422, "size"),
    ],
)
def test_what_cannot_be_is_a_problem_with_advice(client, path, status, text):
    answer = client.get(path)
    assert answer.status_code == status
    said = answer.json()
    assert said["status"] == status
    assert text in said["detail"]
    assert said["advice"]


def test_a_photo_finds_its_item(client):
    answer = client.post("/api/search", files={"picture": jpeg("leaf", 3)}, data={"k": "5"})
    got = answer.json()
    assert [hit["attributes"]["category"] for hit in got["hits"]] == ["leaf"] * 5
    assert got["recognised"] is None
    only = {"k": "3", "where": "category=sea"}
    got = client.post("/api/search", files={"picture": jpeg("leaf", 3)}, data=only).json()
    assert [hit["attributes"]["category"] for hit in got["hits"]] == ["sea"] * 3


def test_bad_photos_are_refused_with_the_reason(client, open_client):
    def refused(content, **settings):
        asked = open_client(**settings) if settings else client
        answer = asked.post("/api/search", files={"picture": content})
        assert answer.status_code == 422
        assert answer.json()["type"] == "/docs#bad-picture"
        return answer.json()["detail"]

    assert "empty" in refused(b"")
    assert "web page" in refused(b"<html>")
    assert "damaged" in refused(jpeg("sea", 1)[:2000])
    assert "not a picture" in refused(b"\x00" * 5000)
    assert "megapixels" in refused(jpeg("sea", 1), max_pixels=1000)
    missing = client.post("/api/search", data={"k": "3"})
    assert (missing.status_code, "picture" in missing.json()["detail"]) == (422, True)


def test_an_encoder_that_knows_classes_says_what_it_sees(tmp_path, table, open_client):
    pytest.importorskip("torch")
    encoder = make_encoder("category", epochs=40, backbone="colour")
    path = tmp_path / "knowing"
    Shop.create(path, Catalogue.read(table), encoder, label="category").close()
    with Shop.open(path) as shop:
        picture = jpeg("sea", 5, (24, 24))
        found = shop.search_photo(picture, 3)
        assert found.recognised.value == "sea"
        from vitrine.catalogue import decode_bytes

        [shares] = shop.encoder.predict_proba([decode_bytes(picture)])
        assert found.recognised.confidence == pytest.approx(shares.max(), abs=1e-5)
        assert encoder.proba_of(shop.vectors).sum(axis=1) == pytest.approx(np.ones(24), abs=1e-4)


def test_pictures_come_small_tagged_and_in_the_format_asked_for(client, shop_path, tmp_path):
    def get(accept, **more):
        return client.get("/pictures/sea-1", params=more, headers={"Accept": accept})

    webp, other = get("image/avif,image/webp,*/*"), get("*/*")
    assert (webp.headers["content-type"], other.headers["content-type"]) == (
        "image/webp", "image/png",  # tiny pictures stay without loss
    )  # fmt: skip
    assert "Accept" in webp.headers["vary"]
    shown = Image.open(io.BytesIO(webp.content)).convert("RGB")
    np.testing.assert_array_equal(np.asarray(shown), make_picture("sea", 1))
    tag = webp.headers["etag"]
    again = client.get("/pictures/sea-1", headers={"Accept": "image/webp", "If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")
    assert other.headers["etag"] != tag
    assert get("image/webp", size=320).headers["etag"] != tag


def test_large_pictures_are_made_from_the_file(open_client, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for i in range(3):
        (folder / f"{i}.jpg").write_bytes(jpeg("sea", i, (900, 1200)))
    Shop.create(tmp_path / "large", Catalogue.read(folder), make_encoder("colour")).close()
    from starlette.testclient import TestClient

    from vitrine.service import create_app

    with TestClient(create_app(tmp_path / "large"), base_url="http://localhost") as client:
        for asked, longest in ((50, 96), (160, 160), (321, 640), (5000, 960)):
            answer = client.get("/pictures/1", params={"size": asked})
            assert answer.headers["content-type"] == "image/jpeg"
            assert max(Image.open(io.BytesIO(answer.content)).size) == longest
        (folder / "1.jpg").unlink()
        assert max(Image.open(io.BytesIO(client.get("/pictures/1").content)).size) == 160


def test_sizes_and_formats():
    assert [size_of(n) for n in (1, 96, 97, 960, 9999)] == [96, 96, 160, 960, 960]
    for accept in ("image/webp", "text/html, image/webp;q=0.8", "IMAGE/WEBP ; q=1"):
        assert format_of(accept) == "WEBP"
    for accept in ("", "*/*", "image/jpeg", "image/webp;q=0", "image/webp; q = 0.0"):
        assert format_of(accept) == "JPEG"


def test_operators_see_that_it_is_well(client):
    assert client.get("/healthz").json() == {"status": "alive"}
    assert client.get("/readyz").json() == {"status": "ready"}
    client.get("/api/items/sea-1/similar")
    client.get("/api/items/nobody")
    text = client.get("/metrics").text
    assert (
        'vitrine_request_seconds_count{method="GET",route="/api/items/{item_id:path}/similar"'
        in text
    )
    assert 'vitrine_refusals_total{problem="unknown-item"} 1.0' in text
    assert "vitrine_items 24.0" in text
    assert 'vitrine_info{encoder="colour",version=' in text


def test_a_service_that_lost_its_database_is_not_ready(client):
    client.app.state.vitrine.shop._live._looked -= 60
    client.app.state.vitrine.shop._live._stop.set()
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    assert client.get("/healthz").status_code == 200


def test_a_service_whose_index_is_being_trained_is_not_ready(client):
    client.app.state.vitrine.shop._live.settling = True
    assert "index" in client.get("/readyz").json()["detail"]
    assert client.get("/readyz").status_code == 503
    assert client.get("/api/items/sea-1/similar").status_code == 200


def test_the_page_of_calls_has_them_all_and_nothing_from_outside(client):
    page = client.get("/docs")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    for path in client.get("/openapi.json").json()["paths"]:
        assert path in page.text
    assert 'id="unknown-item"' in page.text
    assert "//" not in page.text.replace("http://localhost", "")
    assert client.get("/docs/style.css").headers["content-type"].startswith("text/css")


def test_every_answer_has_an_id_and_safe_headers(client):
    answer = client.get("/healthz", headers={"X-Request-Id": "abc-1"})
    assert answer.headers["x-request-id"] == "abc-1"
    for strange in ("a b", "x" * 65, "", "é"):
        given = client.get("/healthz", headers={"X-Request-Id": strange.encode()})
        assert given.headers["x-request-id"] != strange
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
