"""One shop in PostgreSQL, served and written by several machines at once."""

import os
import signal
import subprocess
import sys
import time
from functools import partial

import httpx
import pytest

from tests.machines import Addresses, Namespaces, rights
from tests.pictures import write_table
from tests.postgres import PASSWORD, PostgresServer
from tests.service.conftest import KEYS_FILE, WRITING, until
from vitrine.catalogue import Catalogue
from vitrine.encoders import make_encoder
from vitrine.shop import Shop

pytestmark = [pytest.mark.postgres, pytest.mark.alone]

NAMES = ("north", "south", "east", "west")  # two that serve, two that write

WRITER = """
import sys, time
from vitrine.shop import Shop
from vitrine.shop.receiving import NewItem
where, name, picture, count = sys.argv[1:]
with Shop.open(where) as shop, open(picture, "rb") as file:
    content = file.read()
    print("open", flush=True)
    sys.stdin.readline()
    for number in range(int(count)):
        item_id = f"{name}-{number}"
        [done] = shop.receive([NewItem(item_id, {"price": number}, [content])])
        assert done.status == "added", done
        print(item_id, time.time(), flush=True)
"""


class Service:
    """`vitrine serve` on a machine of its own."""

    def __init__(self, machine, url, cache, keys):
        self.machine = machine
        self.process = machine.start(
            [sys.executable, "-c", "from vitrine.cli import main; main()", "serve",
             machine.database_url(url), "--host", machine.address, "--port", "0", "--public-read",
             "--keys", str(keys), "--log-level", "warning"],
            stderr=subprocess.PIPE, text=True,
            env={**os.environ, "XDG_CACHE_HOME": str(cache)},
        )  # fmt: skip
        self.said = self.process.stderr.readline()
        self.client = httpx.Client(base_url=self.said.split()[0], timeout=20)
        until(self._ready, 180)

    def request(self, method, path, **options):
        """Ask from the machine itself, which can do so also while it is cut off."""
        call = partial(self.client.request, method, path, **options)
        return self.machine.ask(call).result()

    def status(self, path):
        return self.request("GET", path).status_code

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.client.close()
        try:
            self.said += self.process.communicate(timeout=60)[1]
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.said += self.process.communicate()[1]
        return self.process.returncode

    def _ready(self):
        assert self.process.poll() is None, self.process.stderr.read()
        try:
            return self.status("/readyz") == 200
        except httpx.TransportError:
            return False


def first_seen(service, count):
    """Return when each item was first listed by a service, until so many are there."""
    seen, deadline = {}, time.monotonic() + 60
    while len(seen) < count:
        assert time.monotonic() < deadline, "they never came"
        listed = service.client.get("/api/items?size=200").json()["items"]
        for item in listed:
            seen.setdefault(item["id"], time.time())
    return seen


@pytest.fixture(scope="module")
def network():
    made = Namespaces(NAMES) if rights() else Addresses(NAMES)
    yield made
    made.close()


@pytest.fixture(scope="module")
def server(network):
    server = PostgresServer(network.database_host, network.database_inside)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("machines")


@pytest.fixture(scope="module")
def url(server, network, folder):
    """A shop of 24 items, made on the third machine."""
    table = write_table(folder / "catalogue")
    url, third = server.new_shop(), network.machines[2]

    def create():
        os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
        encoder = make_encoder("colour", n_components=6)
        Shop.create(third.database_url(url), Catalogue.read(table), encoder).close()

    third.ask(create).result()
    return url


@pytest.fixture(scope="module")
def services(url, network, folder):
    keys = folder / "keys.txt"
    keys.write_text(KEYS_FILE)
    made = [Service(machine, url, folder / f"cache-{n}", keys)
            for n, machine in enumerate(network.machines[:2])]  # fmt: skip
    yield made
    ended = [service.stop() for service in made]
    assert ended == [0, 0]
    assert not any(PASSWORD in service.said for service in made)


def test_several_workers_serve_a_database(postgres, start, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    url = postgres.new_shop()
    catalogue = Catalogue.read(write_table(tmp_path / "catalogue"))
    with Shop.create(url, catalogue, make_encoder("colour", n_components=6)) as shop:
        server = start(url, "--workers", "2", "--log-level", "warning")
        shop.remove(["sea-7"])
        path = f"{server.url}/api/items/sea-7"
        until(lambda: all(httpx.get(path).status_code == 404 for _ in range(8)), 5)
    code, said = server.stop()
    assert code == 0
    assert PASSWORD not in said


def test_what_two_writers_have_acknowledged_is_on_both_services_within_two_seconds(
    services, network, url, folder
):
    picture = folder / "catalogue/sea/sea-1.png"
    writers = [
        machine.start(
            [sys.executable, "-c", WRITER, machine.database_url(url), name, str(picture), "15"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "XDG_CACHE_HOME": str(folder / name)},
        )
        for machine, name in zip(network.machines[2:], ("cold", "warm"), strict=True)
    ]  # fmt: skip
    for writer in writers:
        assert writer.stdout.readline() == "open\n"
    watching = [service.machine.ask(first_seen, service, 24 + 30) for service in services]
    for writer in writers:
        writer.stdin.write("go\n")
        writer.stdin.flush()
    said = [line.split() for writer in writers for line in writer.communicate()[0].splitlines()]
    assert [writer.returncode for writer in writers] == [0, 0]
    acknowledged = {item_id: float(when) for item_id, when in said}
    assert len(acknowledged) == 30
    for seen in watching:
        when = seen.result()
        assert max(when[item_id] - acknowledged[item_id] for item_id in acknowledged) < 2
    for service in services:  # what one writer's machine was given, the services have too
        answer = service.request("GET", "/pictures/warm-3?size=160")
        assert answer.status_code == 200
        assert service.request("GET", "/api/items/cold-14/similar?k=5").status_code == 200


def price_on(service):
    """Return the price of one item as a service says it."""
    return service.request("GET", "/api/items/sea-2").json()["attributes"]["price"]


def test_a_service_that_was_cut_off_goes_on_from_memory_and_catches_up(services):
    north, south = services
    body = {"attributes": {"price": 77}}
    north.machine.cut()
    assert south.request("PUT", "/api/items/sea-2", json=body, headers=WRITING).status_code == 200
    assert south.request("DELETE", "/api/items/sea-3", headers=WRITING).status_code == 204
    until(lambda: south.status("/api/items/sea-3") == 404, 5)
    waiting = [north.machine.ask(north.client.get, "/api/items/sea-1") for _ in range(6)]
    assert {future.result().status_code for future in waiting} == {503}  # these need the database
    asked = time.monotonic()
    assert north.status("/api/items/sea-1") == 503
    assert north.status("/api/items/sea-3/similar") == 200  # as it was when last seen
    assert len(north.request("GET", "/api/items/sea-1/similar?k=5").json()["hits"]) == 5
    assert time.monotonic() - asked < 3  # by now nobody waits for what is away
    north.machine.join()
    until(lambda: north.status("/api/items/sea-3") == 404, 30)
    # What was deleted goes first, and what was changed comes in blocks after it.
    until(lambda: price_on(north) == 77, 10)
    until(lambda: north.status("/readyz") == 200, 10)


def test_the_database_restarted_under_load_costs_errors_only_while_it_is_away(services, server):
    north, south = services
    asked, going = [], True

    def write(service, item_id):
        price = 0
        while going:
            price += 1
            body = {"attributes": {"price": price}}
            answer = service.client.put(f"/api/items/{item_id}", json=body, headers=WRITING)
            asked.append((time.monotonic(), item_id, answer, price))

    def read(service):
        while going:
            answer = service.client.get("/api/items/sea-1/similar?k=5")
            asked.append((time.monotonic(), None, answer, None))

    running = [north.machine.ask(write, north, "sea-4"), south.machine.ask(write, south, "sea-5"),
               north.machine.ask(read, north), south.machine.ask(read, south)]  # fmt: skip
    time.sleep(1)
    away = time.monotonic()
    server.halt()
    time.sleep(1.5)
    server.start()
    back = time.monotonic()
    time.sleep(3)
    going = False
    for future in running:
        future.result()
    last = {}
    for when, item_id, answer, price in asked:
        if item_id is None:
            assert answer.status_code == 200  # similar items come from memory
        elif answer.status_code == 200:
            last[item_id] = price
        else:
            assert answer.status_code == 503
            assert answer.headers["Retry-After"]
            assert PASSWORD not in answer.text
            assert away - 1 < when < back + 2.5
    assert any(answer.status_code == 503 for _, _, answer, _ in asked)
    for item_id, price in last.items():
        assert any(when > back and one == item_id and answer.status_code == 200
                   for when, one, answer, _ in asked)  # fmt: skip
        for service in services:
            path = f"/api/items/{item_id}"
            until(lambda s=service, p=path, w=price:
                  s.request("GET", p).json()["attributes"]["price"] == w, 5)  # fmt: skip
