"""Hostile requests: each refused with its status, the others served, no fault, no memory taken."""

from __future__ import annotations

import base64
import contextlib
import json
import socket
import time
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.hostile.pictures import gif_with_comments, jpeg_with_scans, png_of_zeros
from tests.pictures import write_table
from tests.service.conftest import WRITE_KEY, WRITING, Server, until
from vitrine.catalogue import Catalogue
from vitrine.catalogue.where import parse_where
from vitrine.encoders import make_encoder
from vitrine.errors import FilterError
from vitrine.service.keys import line_of
from vitrine.shop import Shop

JSON = {"Content-Type": "application/json", **WRITING}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("attacked")
    catalogue = Catalogue.read(write_table(folder / "catalogue", 4))
    Shop.create(folder / "shop", catalogue, make_encoder("colour", n_components=4)).close()
    running = Server(
        folder / "shop", "--log-level", "warning", "--limit", "arrive_seconds=1",
        "--limit", "max_body_bytes=3000000",
        environment={"VITRINE_KEYS": line_of(WRITE_KEY, "write")},
    )  # fmt: skip
    yield running
    code, log = running.stop()
    assert code == 0
    assert '"fault"' not in log, log[-2_000:]


@pytest.fixture
def client(server):
    with httpx.Client(base_url=server.url, timeout=30) as opened:
        yield opened
    assert httpx.get(f"{server.url}/api/items/sea-1/similar", timeout=30).status_code == 200


def memory(server):
    """Return the service's memory in MB, now."""
    text = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(text.split("VmRSS:")[1].split()[0]) / 1e3


def is_problem(answer):
    assert answer.headers["content-type"] == "application/problem+json", answer.text[:200]
    found = answer.json()
    assert {"type", "title", "status", "detail", "advice"} <= set(found)
    assert "Traceback" not in answer.text
    assert "/site-packages/" not in answer.text
    return found


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"items": [{"id": "a", "price": 1}]}', 422),
        (b'{"items": [{"id": "a", "__class__": "x"}]}', 422),
        (b'{"items": {"id": "a"}}', 422),
        (b'{"items": [{"id": {"$ne": ""}}]}', 422),
        (b'{"items": [{"id": 7}]}', 422),
        (b'{"items": [{"id": null}]}', 422),
        (b'{"items": []}', 422),
        (b'{"items": [{"id": "a", "attributes": {"price": [1]}}]}', 422),
        (b'{"items": [{"id": "a", "pictures": ' + json.dumps(["AA"] * 11).encode() + b"}]}", 422),
        (b'{"items": [' + b'{"id": "a"},' * 100 + b'{"id": "a"}]}', 413),
        (b"[" * 200_000, 422),
        (b'{"items":' * 100_000, 422),
        (b'{"items": [{"id": "a", "attributes": {"a": ' + b"[" * 100_000, 422),
        (b"9" * 100_000, 422),
        (b"\xff\xfe", 422),
        (b"", 422),
        (b"\0" * 1_000, 422),
        (b'"' + b"x" * 4_000_000, 413),
    ],
)  # fmt: skip
def test_a_body_that_is_something_else_is_refused(client, body, status):
    answer = client.post("/api/items", content=body, headers=JSON)
    assert answer.status_code in (status, 400)
    is_problem(answer)
    answer = client.put("/api/items/a", content=body, headers=JSON)
    assert 400 <= answer.status_code < 500
    assert client.get("/api/catalogue").json()["items"] == 12


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("k", "-1"), ("k", "0"), ("k", "1e9"), ("k", "9" * 400), ("k", "NaN"), ("k", "0x10"),
        ("k", "99999999999999999999"), ("k", "1.5"), ("k", "१"), ("k", ""), ("k", "\0"),
        ("diversity", "nan"), ("diversity", "inf"), ("diversity", "-0.1"), ("diversity", "2"),
        ("collapse", "maybe"), ("where", "x" * 20_000), ("where", "price<"), ("where", "a" * 99),
        ("where", "price=1 or 1=1"), ("where", "category=sea'; DROP TABLE items; --"),
        ("where", "category=sea' UNION SELECT * FROM encoders --"), ("where", "1=1"),
        ("where", "price<(SELECT 1)"), ("where", "price<1;"), ("where", "\0"),
    ],
)  # fmt: skip
def test_a_number_or_filter_that_cannot_be_is_refused_and_never_reaches_sql(client, name, value):
    answer = client.get("/api/items/sea-1/similar", params={name: value})
    if answer.status_code == 200:  # a text that is no category
        assert answer.json()["hits"] == []
        assert "'" in value
    else:
        assert answer.status_code == 422
        is_problem(answer)
    for path in ("/api/items", "/api/users/anna/recommendations"):
        assert client.get(path, params={name: value}).status_code in (200, 422)
    assert client.get("/api/catalogue").json()["items"] == 12


@pytest.mark.parametrize(
    "words", ['"', "'", "*", "sea*", "NEAR(a b)", "a AND", "col:x", "^", "\0", "-", "(" * 500, "%_",
              "x" * 5_000, "'; DROP TABLE items --", "sea OR 1=1", "𝕊" * 300]
)  # fmt: skip
def test_words_that_the_search_would_read_are_words(client, words):
    answer = client.get("/api/items", params={"q": words})
    assert answer.status_code in (200, 422), answer.text
    assert client.get("/", params={"q": words}).status_code in (200, 422)


@pytest.mark.parametrize(
    "path",
    [
        "/../../etc/passwd", "/static/../../../etc/passwd", "/static/..%2f..%2f..%2fetc%2fpasswd",
        "/static/%2e%2e/%2e%2e/pyproject.toml", "/static/x/%2fetc%2fpasswd", "//etc/passwd",
        "/pictures/..%2f..%2fshop.db", "/pictures/%00", "/pictures/sea-1%00.png", "/%ff%fe",
        "/api/items/..%2f..%2fshop.db", "/shop.db", "/page/", "/.git/config", "/docs/../shop.db",
        "/api/items/" + "a" * 20_000, "/" + "a/" * 3_000, "/api/items/%0d%0aX-Evil:%201",
        "/\\..\\..\\etc\\passwd", "/item?id=%00", "/item?id=../../etc/passwd",
    ],
)  # fmt: skip
def test_a_path_leads_to_a_route_or_to_nothing(server, path):
    """Sent as it is, as a client's library would clean it."""
    answer = raw(server, f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    status = int(answer.split()[1])
    assert status in (400, 404, 405, 414, 422), answer[:300]
    assert b"root:" not in answer
    assert b"SQLite format" not in answer
    assert b"\nx-evil" not in answer.lower()


def raw(server, text, wait=8.0):
    with socket.create_connection(("127.0.0.1", server.port), timeout=wait) as connection:
        connection.sendall(text.encode("latin-1") if isinstance(text, str) else text)
        answer = b""
        while piece := connection.recv(65_536):
            answer += piece
    return answer


@pytest.mark.parametrize(
    ("head", "statuses"),
    [
        ("Host: evil.example\r\n", (421,)),
        ("Host: localhost.evil.example\r\n", (421,)),
        ("Host: 127.0.0.1.nip.io\r\n", (421,)),
        ("", (400, 421)),
        ("Host: [::1\r\n", (400, 421)),
        ("Host: localhost\r\nHost: evil.example\r\n", (400, 421)),
        ("Host: localhost\r\nX: " + "x" * 70_000 + "\r\n", (400, 431)),
        ("Host: localhost\r\n" + "X: y\r\n" * 15_000, (400, 431)),
        ("Host: localhost\r\nX-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Host: evil\r\n", (200,)),
        ("Host: localhost\r\nX-Original-URL: /metrics\r\nX-Rewrite-URL: /metrics\r\n", (200,)),
        ("Host: localhost\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n", (200, 400)),
        ("Host: localhost\r\nContent-Length: -1\r\n", (400,)),
        ("Host: localhost\r\nContent-Length: 9999999999999999999999\r\n", (400, 413)),
        ("Host: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n", (400,)),
        ("Host: localhost\r\nX-Request-Id: a\x01b\r\n", (200, 400)),
        ("Host: localhost\r\nRange: bytes=0-18446744073709551615\r\n", (200, 206, 416)),
        ("Host: localhost\r\nAccept: " + "image/webp;q=0.1," * 2_000 + "\r\n", (200, 400, 431)),
        ("Host: localhost\r\nCookie: theme=\"><script>x()</script>\r\n", (200,)),
    ],
)  # fmt: skip
def test_heads_that_lie_gain_nothing(server, head, statuses):
    answer = raw(server, f"GET / HTTP/1.1\r\n{head}Connection: close\r\n\r\n")
    assert int(answer.split()[1]) in statuses, answer[:300]
    assert b"<script>x()" not in answer
    assert b"evil" not in answer.split(b"\r\n\r\n")[0]


def form(fields, files=()):
    parts = [
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields
    ]
    parts += [
        f'--b\r\nContent-Disposition: form-data; name="picture"; filename="{name}"\r\n\r\n'.encode()
        + content + b"\r\n"
        for name, content in files
    ]  # fmt: skip
    return b"".join([*parts, b"--b--\r\n"])


FORM = {"Content-Type": "multipart/form-data; boundary=b", **WRITING}


def test_a_million_fields_of_a_form_are_refused_at_little_cost(client, server):
    before = memory(server)
    started = time.monotonic()
    for body in (form([("k", "1")] * 40_000), form([], [("a.png", b"x")] * 20_000)):
        for method, path in (("POST", "/api/search"), ("PUT", "/api/items/x"), ("POST", "/photo")):
            try:
                answer = client.request(method, path, content=body, headers=FORM)
            except httpx.TransportError:  # it was answered, and hung up on, before all was sent
                continue
            assert answer.status_code in (400, 413, 422), (path, answer.text[:200])
    million = b"k=1&" * 700_000
    form_kind = {"Content-Type": "application/x-www-form-urlencoded"}
    with contextlib.suppress(httpx.TransportError):  # as above
        answer = client.post("/api/search", content=million, headers=form_kind)
        assert answer.status_code in (400, 422)
    assert time.monotonic() - started < 30
    assert memory(server) - before < 60


@pytest.mark.parametrize(
    "name",
    ["../../../../tmp/evil.png", "/etc/passwd", "a\0b.png", "x" * 5_000, "con.png", ".htaccess",
     "a.png;rm -rf", "%2e%2e%2fevil.png"],
)  # fmt: skip
def test_the_name_of_an_upload_is_never_used(client, name):
    body = form([("attributes", "{}")], [(name, png_of_zeros(20, 20))])
    answer = client.put("/api/items/upload", content=body, headers=FORM)
    assert answer.status_code in (200, 201, 400), answer.text
    if answer.status_code != 400:
        assert client.delete("/api/items/upload", headers=WRITING).status_code == 204


@pytest.mark.parametrize(
    "picture",
    [png_of_zeros(9_000, 9_000), jpeg_with_scans(4_000), gif_with_comments(500_000), b"<html>",
     b"", b"\x80\x04N."],
    ids=["pixels", "scans", "comments", "html", "empty", "pickle"],
)  # fmt: skip
def test_a_hostile_upload_is_refused_everywhere(client, picture):
    coded = base64.b64encode(picture).decode()
    started = time.monotonic()
    for answer in (
        client.post("/api/search", files={"picture": ("a.jpg", picture)}),
        client.post("/photo", files={"picture": ("a.jpg", picture)}),
        client.put("/api/items/x", files={"picture": ("a.jpg", picture)}, headers=WRITING),
        client.put("/api/items/x", json={"picture": coded}, headers=WRITING),
    ):
        assert answer.status_code == 422
        assert "Traceback" not in answer.text
    items = [{"id": "x", "picture": coded}, {"id": "sea-1", "attributes": {"category": "sea"}}]
    answer = client.post("/api/items", json={"items": items}, headers=WRITING).json()
    assert [one["status"] for one in answer["results"]] in (
        ["refused", "updated"], ["refused", "unchanged"],
    )  # fmt: skip
    assert time.monotonic() - started < 20


def test_slow_senders_and_those_who_leave_hold_nobody_up(server, client):
    """Two hundred heads and bodies that never end, and as many that are cut off half way."""
    head = b"POST /api/search HTTP/1.1\r\nHost: localhost\r\n"
    body = head + b"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 9999\r\n\r\n"
    opened = []
    for number in range(200):
        connection = socket.create_connection(("127.0.0.1", server.port))
        connection.sendall((head[: number % len(head)], body + b"--b\r\n")[number % 2])
        opened.append(connection)
    for number in range(200):
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall((head, body, b"GET /api/items HTTP/1.1\r\nHost: localhost\r\n\r\n")[
                number % 3])  # fmt: skip
    assert client.get("/healthz").status_code == 200
    until(lambda: client.get("/api/items/sea-1/similar").status_code == 200, 20)
    for connection in opened:
        connection.settimeout(20)
        with connection, contextlib.suppress(ConnectionError):
            while connection.recv(65_536):
                pass  # until the service hangs up
    metrics = client.get("/metrics").text
    assert "vitrine_requests_in_flight 1.0" in metrics


def test_guessed_keys_are_refused_alike_and_take_as_long(client):
    """Right beginnings, other lengths, other schemes: all one answer."""
    guesses = [
        WRITE_KEY[:-1], WRITE_KEY + "x", WRITE_KEY.upper(), "x" * 10_000, "vitrine_", "x",
    ]  # fmt: skip
    said = set()
    for guess in guesses:
        coded = base64.b64encode(f"user:{guess}".encode()).decode()
        for header in (f"Bearer {guess}", f"Basic {coded}", f"Digest {guess}"):
            answer = client.delete("/api/items/sea-1", headers={"Authorization": header})
            assert answer.status_code == 401
            said.add(answer.json()["title"])
    assert len(said) == 1
    for header in ("Basic !!!", "Basic " + base64.b64encode(b"\xff").decode(), "Bearer", "x"):
        answer = client.delete("/api/items/sea-1", headers={"Authorization": header})
        assert answer.status_code == 401
    assert client.get("/api/items/sea-1").status_code == 200


SCHEMA = {"price": "number", "n": "integer", "category": "text", "new": "boolean", "day": "date"}
SIGNS = ["and", "=", "<", ">=", "!=", '"', "\\", "1", "-1e5", "true", "'", ";", "--", "2026-01-31",
         "(", "*", "nan"]  # fmt: skip
WORD = st.sampled_from([*SCHEMA, *SIGNS]) | st.text(max_size=5)


@settings(max_examples=400, deadline=None, derandomize=True, database=None)
@given(words=st.lists(WORD, max_size=9), gap=st.sampled_from(["", " "]))
def test_any_filter_is_a_mask_or_refused(words, gap):
    expression = gap.join(words)
    try:
        conditions = parse_where(expression, SCHEMA)
    except FilterError:
        return
    assert all(one.name in SCHEMA for one in conditions)


def test_paths_in_ids_stay_ids(client):
    """An id may hold anything; it is looked up, and never opened."""
    for item_id in ("../../etc/passwd", "a/b/c", "%2e%2e", "a\tb", "<svg onload=x()>", "'; --"):
        picture = base64.b64encode(png_of_zeros(20, 20)).decode()
        url = f"/api/items/{quote(item_id, safe='')}"
        made = client.put(url, json={"picture": picture}, headers=WRITING)
        assert made.status_code == 201, made.text
        assert client.get(url).json()["id"] == item_id
        assert client.get(f"/pictures/{quote(item_id, safe='')}").status_code == 200
        assert client.delete(url, headers=WRITING).status_code == 204


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"])
def test_a_number_that_is_none_is_refused(client, number):
    good = '{"user_id": "anna", "item_id": "sea-2", "value": 4}'
    row = f'{{"user_id": "anna", "item_id": "sea-1", "value": {number}}}'
    body = f'{{"interactions": [{row}, {good}]}}'.encode()
    answer = client.post("/api/interactions", content=body, headers=JSON)
    assert answer.status_code == 200
    assert [one["number"] for one in answer.json()["refused"]] == [1]
    for price, status in (("3", 200), (number, 400)):  # the same item: only the number differs
        body = f'{{"attributes": {{"price": {price}}}}}'.encode()
        answer = client.put("/api/items/sea-1", content=body, headers=JSON)
        assert answer.status_code == status, answer.text
    is_problem(answer)
    picks = client.get("/api/users/anna/recommendations").json()["picks"]
    assert all(pick["score"] is not None for pick in picks)
