"""A service that runs while others write: items, encoders, and its own end."""

import os
import signal
import threading
import time

import httpx
import pytest

from tests.pictures import write_class_folders
from tests.service.conftest import until
from tests.trust.watching import Watch
from vitrine.catalogue import Catalogue
from vitrine.encoders import make_encoder
from vitrine.shop import Shop

pytestmark = pytest.mark.alone


class Asking(threading.Thread):
    """Asks one thing after the other until it is told to stop."""

    def __init__(self, url):
        super().__init__()
        self.url, self.going, self.failed, self.answered = url, True, [], 0

    def run(self):
        with httpx.Client(base_url=self.url, timeout=20) as client:
            while self.going:
                answer = client.get("/api/items/sea-1/similar", params={"k": 5})
                self.answered += 1
                if answer.status_code != 200 or len(answer.json()["hits"]) != 5:
                    self.failed.append(answer.text)

    def end(self):
        self.going = False
        self.join()


def test_items_of_another_process_and_a_new_encoder_come_without_a_failed_request(
    shop_path, start, tmp_path
):
    server = start(shop_path, "--workers", "2", "--log-level", "warning")
    asking = [Asking(server.url) for _ in range(2)]
    for thread in asking:
        thread.start()
    with httpx.Client(base_url=server.url) as client, Shop.open(shop_path) as writer:

        def everywhere(path, expected):
            # Eight requests, for each may reach another worker; that takes long on a busy machine.
            return all(httpx.get(server.url + path).status_code == expected for _ in range(8))

        more = Catalogue.read(write_class_folders(tmp_path / "more", 1, first_seed=100))
        writer.add(more)
        assert until(lambda: everywhere("/api/items/sea-100", 200)) < 5
        writer.remove(["sea-100"])
        assert until(lambda: everywhere("/api/items/sea-100", 404)) < 5
        writer.retrain(make_encoder("pixels", n_components=5))

        def switched():
            said = [httpx.get(f"{server.url}/api/catalogue").json() for _ in range(8)]
            return all(one["encoder"]["kind"] == "pixels" for one in said)

        until(switched)
        assert "vitrine_items 26.0" in client.get("/metrics").text
    time.sleep(0.3)
    for thread in asking:
        thread.end()
        assert thread.failed == []
        assert thread.answered > 20
    assert server.stop()[0] == 0


def test_what_is_under_way_is_finished_at_the_end(shop_path, start, tmp_path):
    server = start(shop_path)
    content = b'--b\r\nContent-Disposition: form-data; name="picture"; filename="p"\r\n\r\n'
    content += (tmp_path / "catalogue/sea/sea-1.png").read_bytes() + b"\r\n--b--\r\n"
    sent = threading.Event()

    def slowly():
        yield content[:200]
        sent.set()
        time.sleep(2)
        yield content[200:]

    answers = []

    def ask():
        headers = {"Content-Type": "multipart/form-data; boundary=b"}
        url = f"{server.url}/api/search"
        answers.append(httpx.post(url, content=slowly(), headers=headers, timeout=20))

    thread = threading.Thread(target=ask)
    thread.start()
    sent.wait()
    # It and the question itself; what has only been sent is not under way yet.
    in_flight = "vitrine_requests_in_flight 2.0"
    until(lambda: in_flight in httpx.get(f"{server.url}/metrics").text, 5)
    code, _ = server.stop()
    thread.join()
    assert code == 0
    assert answers[0].status_code == 200
    assert answers[0].json()["hits"][0]["id"] == "sea-1"


def test_a_worker_that_is_killed_while_it_is_asked_how_it_is_is_replaced_at_once(shop_path, start):
    server = start(shop_path, "--workers", "2", "--log-level", "warning")
    watch = Watch(server.process.pid)
    until(lambda: len(watch.workers()) == 2, 60)
    until(lambda: httpx.get(f"{server.url}/readyz").status_code == 200, 60)
    killed = watch.workers()[0]
    os.kill(killed, signal.SIGSTOP)  # it will be asked within half a second, and not answer
    time.sleep(2)
    os.kill(killed, signal.SIGKILL)
    until(lambda: len(set(watch.workers()) - {killed}) == 2, 60)
    assert httpx.get(f"{server.url}/api/items/sea-1").status_code == 200
    assert server.stop()[0] == 0


def test_a_new_encoder_is_read_beside_the_old_one(shop_path, monkeypatch):
    with Shop.open(shop_path) as shop, Shop.open(shop_path) as writer:
        shop.follow()
        writer.retrain(make_encoder("pixels", n_components=4))
        until(lambda: shop.encoder.kind == "pixels")
        assert len(shop.similar("sea-1", 5)) == 5
        assert shop.seconds_behind < 5


def test_a_photo_is_encoded_while_others_search(shop_path, monkeypatch):
    with Shop.open(shop_path) as shop:
        encoder, began, free = shop.encoder, threading.Event(), threading.Event()
        transform = type(encoder).transform

        def slow(self, pictures):
            began.set()
            assert free.wait(10)
            return transform(self, pictures)

        monkeypatch.setattr(type(encoder), "transform", slow)
        found = []
        picture = shop.pictures(["sea-1"])[0]
        thread = threading.Thread(target=lambda: found.extend(shop.similar(picture, 3)))
        thread.start()
        assert began.wait(10)
        assert len(shop.similar("sea-2", 3)) == 3  # does not wait for the photo
        shop.remove(["sea-7"])  # nor does writing
        free.set()
        thread.join()
        assert found[0].id == "sea-1"


def test_an_item_is_found_by_the_vector_in_memory(shop_path, monkeypatch):
    with Shop.open(shop_path) as shop:
        shop.follow()
        expected = shop.similar("sea-1", 5)
        monkeypatch.setattr(type(shop._store), "vectors", None)  # would fail if asked
        assert shop.similar("sea-1", 5) == expected
