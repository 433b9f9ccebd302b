"""How much, how long, how many: over a real connection where the sending is what counts."""

import json
import socket
import threading
import time

import httpx
import pytest

from tests.service.conftest import WRITING, until
from vitrine.errors import OptionError
from vitrine.service.settings import Settings, with_limits

pytestmark = pytest.mark.alone


def test_bodies_are_counted_whatever_they_say_of_themselves(open_client):
    client = open_client(max_body_bytes=10_000)
    honest = client.post("/api/search", files={"picture": b"x" * 20_000})
    assert (honest.status_code, honest.json()["type"]) == (413, "/docs#too-large")

    def pieces():
        for _ in range(20):
            yield b"x" * 1_000

    for path in ("/api/items", "/api/interactions"):
        silent = client.post(
            path, content=pieces(), headers={"Content-Type": "application/json", **WRITING}
        )
        assert silent.status_code == 413, path
    silent = client.put("/api/items/x", content=pieces(), headers=WRITING)
    assert silent.status_code == 413
    multipart = {"Content-Type": "multipart/form-data; boundary=b"}
    silent = client.post("/api/search", content=pieces(), headers=multipart)
    assert silent.status_code in (400, 413)


def test_an_answer_that_takes_too_long_is_given_up(open_client, monkeypatch):
    client = open_client(answer_seconds=0.2)
    shop = client.app.state.vitrine.shop
    monkeypatch.setattr(shop, "similar", lambda *_, **__: time.sleep(0.6))
    started = time.monotonic()
    answer = client.get("/api/items/sea-1/similar")
    assert time.monotonic() - started < 0.5
    assert (answer.status_code, answer.json()["type"]) == (503, "/docs#too-slow")
    assert answer.headers["retry-after"]


def test_only_so_many_at_once(open_client, monkeypatch):
    client = open_client(max_requests=2)
    free = threading.Event()
    shop = client.app.state.vitrine.shop
    monkeypatch.setattr(shop, "similar", lambda *_, **__: free.wait(10) and [])
    answers = []

    def ask():
        answers.append(client.get("/api/items/sea-1/similar").status_code)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    until(lambda: client.app.state.vitrine.meter.requests_in_flight == 2)
    busy = client.get("/api/items/sea-1")
    assert (busy.status_code, busy.headers["retry-after"]) == (503, "1")
    assert client.get("/healthz").status_code == 200
    assert "vitrine_requests_in_flight 3.0" in client.get("/metrics").text
    free.set()
    for thread in threads:
        thread.join()
    assert answers == [200, 200]
    assert client.get("/api/items/sea-1").status_code == 200


def test_the_event_loop_is_free_while_pictures_are_worked_on(open_client, monkeypatch):
    client = open_client()
    shop = client.app.state.vitrine.shop
    monkeypatch.setattr(shop, "search_photo", lambda *_, **__: time.sleep(1))
    threads = [
        threading.Thread(
            target=client.post, args=("/api/search",), kwargs={"files": {"picture": b"x"}}
        )
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    time.sleep(0.2)
    started = time.monotonic()
    assert client.get("/api/items/sea-1/similar").status_code == 200
    assert time.monotonic() - started < 0.7
    for thread in threads:
        thread.join()


def test_a_request_has_so_long_to_arrive(shop_path, start):
    server = start(shop_path, "--limit", "arrive_seconds=0.5")
    whole = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    for before, beginning in ((b"", b""), (b"", whole[:30]), (whole, whole[:30])):
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.settimeout(10)
            if before:
                connection.sendall(before)
                assert connection.recv(10_000).startswith(b"HTTP/1.1 200")
            connection.sendall(beginning)
            while connection.recv(10_000):
                pass  # until the service hangs up, long before its keep-alive ends
    head = b"POST /api/search HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500\r\n"
    head += b"Content-Type: multipart/form-data; boundary=b\r\n\r\n--b"
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(head)
        connection.settimeout(5)
        answer = connection.recv(10_000)
        while not answer.endswith(b"}"):
            answer += connection.recv(10_000)
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"too-slow-to-arrive" in answer


def test_logs_are_json_lines_without_anything_personal(shop_path, start):
    server = start(shop_path)
    with httpx.Client(base_url=server.url) as client:
        client.get("/api/users/anna@example.com/recommendations?where=price%3C5")
        client.get("/api/items?q=secretword", headers={"User-Agent": "Anna's browser"})
        client.get("/api/items/nobody", headers={"X-Request-Id": "mine"})
    code, rest = server.stop()
    assert code == 0
    lines = [json.loads(line) for line in rest.splitlines()]
    asked = [line for line in lines if line.get("route") not in (None, "/healthz")]
    assert [line["route"] for line in asked] == [
        "/api/users/{user_id:path}/recommendations", "/api/items", "/api/items/{item_id:path}",
    ]  # fmt: skip
    assert (asked[2]["id"], asked[2]["status"], asked[2]["problem"]) == (
        "mine",
        404,
        "unknown-item",
    )
    for secret in ("anna", "Anna", "secretword", "127.0.0.1", "price"):
        assert secret not in rest


def test_limits_are_set_by_name():
    settings = with_limits(Settings(), ["max_k=5", "answer_seconds=1.5", "max_pixels=1e6"])
    assert (settings.max_k, settings.answer_seconds, settings.max_pixels) == (5, 1.5, 1e6)
    for wrong, text in {
        "max_x=1": "no such limit", "max_k=0": "above 0", "max_k=1.5": "whole number",
        "max_k": "above 0", "max_k=nan": "above 0", "port=3": "no such limit",
    }.items():  # fmt: skip
        with pytest.raises(OptionError, match=text):
            with_limits(Settings(), [wrong])
