import asyncio
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from starlette.testclient import TestClient

from tests.pictures import write_table
from vitrine.catalogue import Catalogue
from vitrine.encoders import make_encoder
from vitrine.service import Settings, create_app
from vitrine.service.keys import Keys, line_of
from vitrine.shop import Shop

READ_KEY, WRITE_KEY = "vitrine_reader", "vitrine_writer"
KEYS_FILE = f"{line_of(READ_KEY, 'read')}\n{line_of(WRITE_KEY, 'write')}"
KEYS = Keys.parse(KEYS_FILE, "test")
WRITING = {"Authorization": f"Bearer {WRITE_KEY}"}


@pytest.fixture
def table(tmp_path):
    return write_table(tmp_path / "catalogue")


@pytest.fixture
def shop_path(tmp_path, table):
    encoder = make_encoder("colour", n_components=6)
    Shop.create(tmp_path / "shop", Catalogue.read(table), encoder).close()
    return tmp_path / "shop"


@pytest.fixture
def open_client(shop_path):
    """Return what opens a client of a service with some settings."""
    opened = []

    def open_with(**settings):
        app = create_app(shop_path, Settings(**{"keys": KEYS, **settings}))
        client = TestClient(app, base_url="http://localhost", raise_server_exceptions=False)
        opened.append(client.__enter__())
        return client

    yield open_with
    for client in opened:
        client.__exit__(None, None, None)


@pytest.fixture
def client(open_client):
    return open_client()


def awaited(coroutine):
    """Return what a coroutine does; in a thread, as a browser under test has a loop in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, coroutine).result()


class Server:
    """`vitrine serve` in a process of its own."""

    def __init__(self, shop, *arguments, environment=None):
        command = [sys.executable, "-c", "from vitrine.cli import main; main()", "serve"]
        self.process = subprocess.Popen(
            [*command, str(shop), "--port", "0", *arguments],
            stderr=subprocess.PIPE,
            env={**os.environ, **(environment or {})},
            text=True,
        )
        said = self.process.stderr.readline()
        self.url = said.split()[0].rstrip("/")
        if not self.url.startswith("http"):
            raise AssertionError(said + self.process.communicate()[1])
        until(self._answers, 180)

    def _answers(self):
        assert self.process.poll() is None, self.process.stderr.read()
        try:
            return httpx.get(f"{self.url}/healthz").status_code == 200
        except httpx.TransportError:
            return False

    @property
    def port(self):
        return int(self.url.rsplit(":", 1)[1])

    def stop(self):
        """End it as an operator does; return the exit code and the rest of its log."""
        self.process.send_signal(signal.SIGTERM)
        rest = self.process.communicate(timeout=60)[1]
        return self.process.returncode, rest


@pytest.fixture
def start():
    """Return what starts `vitrine serve`; all are ended afterwards."""
    servers = []

    def start_with(*arguments, **options):
        servers.append(Server(*arguments, **options))
        return servers[-1]

    yield start_with
    for server in servers:
        if server.process.poll() is None:
            server.stop()


def until(condition, seconds=10.0):
    """Wait until something holds; return how long it took."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < seconds, "it never came true"
        time.sleep(0.02)
    return time.monotonic() - started
