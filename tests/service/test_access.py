"""Who may ask what: every route, with and without a key."""

import base64

import pytest

from tests.service.conftest import KEYS, READ_KEY, WRITE_KEY
from vitrine.errors import OptionError
from vitrine.service import Settings, create_app
from vitrine.service.access import OPEN_PATHS, READING_POSTS
from vitrine.service.keys import Keys, line_of, new_key


def calls(app):
    """Return (method, path) of every route of an application, whatever router it came by."""
    found = []

    def walk(routes):
        for route in routes:
            if inner := getattr(route, "routes", None) or getattr(
                getattr(route, "original_router", None), "routes", None
            ):
                walk(inner)
            methods = getattr(route, "methods", None) or ()
            found.extend((method, getattr(route, "path", "")) for method in methods)

    walk(app.router.routes)
    return sorted(set(found))


def filled(path):
    return (
        path.replace("{item_id:path}", "apple-0").replace("{user_id:path}", "u")
        .replace("{version}", "x").replace("{name}", "page.css")
    )  # fmt: skip


def writes(method, path):
    return method not in ("GET", "HEAD") and path not in READING_POSTS


def test_every_route_asks_for_the_key_it_should(open_client, shop_path):
    outside = open_client(host="10.0.0.1")
    known = calls(outside.app)
    assert len([path for _, path in known if path.startswith("/api")]) == 10
    assert {"/healthz", "/readyz", "/metrics", "/docs", "/openapi.json", "/"} <= {
        p for _, p in known
    }
    for method, path in known:
        url = filled(path)
        without = outside.request(method, url)
        if path in OPEN_PATHS:
            assert without.status_code == 200, path
            continue
        assert without.status_code == 401, (method, path)
        assert "Bearer" in without.headers["www-authenticate"]
        wrong = outside.request(method, url, headers={"Authorization": "Bearer wrong"})
        assert wrong.status_code == 401
        reading = outside.request(method, url, headers={"Authorization": f"Bearer {READ_KEY}"})
        if writes(method, path):
            assert reading.status_code == 403, (method, path)
        else:
            assert reading.status_code not in (401, 403), (method, path)
        writing = outside.request(method, url, headers={"Authorization": f"Bearer {WRITE_KEY}"})
        assert writing.status_code not in (401, 403), (method, path)


def test_on_loopback_reading_is_open_and_writing_is_not(client):
    for method, path in calls(client.app):
        status = client.request(method, filled(path)).status_code
        if writes(method, path):
            assert status == 401, (method, path)
        else:
            assert status not in (401, 403), (method, path)


def test_without_a_write_key_writing_is_off(open_client):
    client = open_client(keys=Keys())
    for method, path in calls(client.app):
        if writes(method, path):
            answer = client.request(method, filled(path), headers={"Authorization": "Bearer x"})
            assert answer.status_code == 403
            assert "vitrine key write" in answer.json()["detail"]


def test_what_may_be_read_by_anyone_has_to_be_said(open_client):
    assert open_client(host="10.0.0.1").get("/api/catalogue").status_code == 401
    assert open_client(host="10.0.0.1", public_read=True).get("/api/catalogue").status_code == 200


def test_a_browser_may_send_the_key_as_a_password(open_client):
    client = open_client(host="10.0.0.1")
    pair = base64.b64encode(f"anyone:{READ_KEY}".encode()).decode()
    assert client.get("/", headers={"Authorization": f"Basic {pair}"}).status_code == 200
    for broken in ("Basic !!!", "Basic", "Bearer", "Bearer ", "Digest x", "Basic eA=="):
        assert client.get("/", headers={"Authorization": broken}).status_code == 401


def test_other_names_than_loopback_ones_do_not_reach_a_loopback_service(open_client):
    client = open_client()
    for host in ("evil.example", "evil.example:8000", "localhost.evil.example", "", "[::1"):
        answer = client.get("/api/catalogue", headers={"Host": host})
        assert answer.status_code == 421, host
    for host in ("localhost:1234", "127.0.0.1", "[::1]:8000"):
        assert client.get("/api/catalogue", headers={"Host": host}).status_code == 200
    behind = open_client(allowed_hosts=("shop.example",))
    answer = behind.get("/api/catalogue", headers={"Host": "shop.example"})
    assert answer.status_code == 401  # what comes through a proxy is not this machine's own


def test_pages_of_other_origins_cannot_send_anything(client):
    key = {"Authorization": f"Bearer {WRITE_KEY}"}
    foreign = (
        {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": "http://localhost:99"},
    )  # fmt: skip
    for headers in foreign:
        for method, path in calls(client.app):
            if method not in ("GET", "HEAD"):
                answer = client.request(method, filled(path), headers={**key, **headers})
                assert answer.status_code == 403, (method, path, headers)
    own = {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost", **key}
    assert client.delete("/api/items/apple-1", headers=own).status_code == 204


def test_keys_are_read_from_lines_and_kept_as_hashes():
    first, second = new_key(), new_key()
    text = f"# a comment\n{line_of(first, 'read')}  # of the page\n\n{line_of(second, 'write')}\n"
    keys = Keys.parse(text, "keys")
    assert (keys.right_of(first), keys.right_of(second)) == ("read", "write")
    assert keys.right_of("") is keys.right_of(first[:-1]) is None
    assert first not in repr(keys)
    several = keys + Keys.parse(line_of("old", "write"), "keys")
    assert several.right_of("old") == several.right_of(second) == "write"


def test_a_line_that_is_no_hash_is_not_repeated():
    for text in ("secret", "admin:sha256:" + "0" * 64, "read:sha256:12", "write:md5:" + "0" * 64):
        with pytest.raises(OptionError, match="keys, line 1: not a key's hash") as caught:
            Keys.parse(text, "keys")
        assert text not in str(caught.value)


def test_known_keys_are_compared_one_and_all(monkeypatch):
    compared = []
    monkeypatch.setattr("hmac.compare_digest", lambda a, b: bool(compared.append(b)) or a == b)
    assert KEYS.right_of(WRITE_KEY) == "write"
    assert len(compared) == len(KEYS.read) + len(KEYS.write)


def test_the_description_names_only_routes_of_the_api(shop_path):
    app = create_app(shop_path, Settings())
    assert all(
        path.startswith(("/api/", "/pictures/", "/healthz", "/readyz", "/metrics"))
        for path in app.openapi()["paths"]
    )
