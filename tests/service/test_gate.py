"""The gate around small applications: how long a request may take, and what goes wrong inside."""

import asyncio
import json
import logging

import pytest
from starlette.requests import ClientDisconnect

from tests.service.conftest import awaited
from vitrine.service.gate import Gate
from vitrine.service.metrics import Meter
from vitrine.service.settings import Settings

ARRIVE, ANSWER = 0.2, 0.5
HEADERS = [(b"host", b"localhost"), (b"content-length", b"3")]


async def reading(receive):
    while (message := await receive())["type"] == "http.request" and message.get("more_body"):
        pass


async def done(send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"{}"})


def through(app, body_after=0.0):
    """Send a request with a body that comes after so many seconds; return status and answer."""
    sent, metrics = [], Meter()

    async def receive():
        if body_after:
            await asyncio.sleep(body_after)
        return {"type": "http.request", "body": b"abc", "more_body": False}

    async def send(message):
        sent.append(message)

    async def one():
        settings = Settings(arrive_seconds=ARRIVE, answer_seconds=ANSWER)
        scope = {"type": "http", "method": "POST", "path": "/api/search", "headers": HEADERS}
        await Gate(app, settings, metrics)(scope, receive, send)

    awaited(one())
    status = sent[0]["status"] if sent else None
    answer = json.loads(b"".join(message.get("body", b"") for message in sent) or b"{}")
    return status, answer.get("type"), metrics.text().decode()


@pytest.mark.parametrize(
    ("before", "body_after", "after", "expected"),
    [
        (0.3, 0.0, 0.0, (200, None)),  # a body that is read late has not arrived late
        (0.0, 0.1, 0.4, (200, None)),
        (0.0, 9.0, 0.0, (408, "/docs#too-slow-to-arrive")),
        (0.0, 0.0, 9.0, (503, "/docs#too-slow")),
        (9.0, 0.0, 0.0, (503, "/docs#too-slow")),
    ],
)
def test_arriving_and_answering_are_timed_by_themselves(before, body_after, after, expected):
    async def app(scope, receive, send):
        await asyncio.sleep(before)
        await reading(receive)
        await asyncio.sleep(after)
        await done(send)

    assert through(app, body_after)[:2] == expected


def test_a_body_that_nobody_reads_does_not_shorten_the_time():
    async def app(scope, receive, send):
        await asyncio.sleep(ARRIVE * 1.5)
        await done(send)

    assert through(app)[0] == 200


def test_a_time_out_inside_is_a_fault_and_not_the_gates():
    async def app(scope, receive, send):
        raise TimeoutError("something else was too slow")

    assert through(app)[:2] == (500, "/docs#fault")


def test_who_hangs_up_is_counted_and_is_no_fault(caplog):
    async def app(scope, receive, send):
        raise ClientDisconnect

    with caplog.at_level(logging.ERROR):
        status, _, metrics = through(app)
    assert status is None
    assert 'status="499"' in metrics
    assert not caplog.records
