"""Pictures by their address: what is fetched, and what never is."""

from __future__ import annotations

import csv
import socket
import ssl
import subprocess
import threading
import time

import pytest
from starlette.testclient import TestClient

from tests.catalogue.conftest import encoded, gradient
from tests.hostile.servers import PICTURES, server
from tests.pictures import write_table
from tests.service.conftest import KEYS, WRITING
from vitrine.catalogue import Catalogue, fetching
from vitrine.catalogue.addresses import is_public
from vitrine.catalogue.fetching import Fetcher, Fetching, FetchLimits
from vitrine.cli.main import run
from vitrine.encoders import make_encoder
from vitrine.errors import PictureError
from vitrine.service import Settings, create_app
from vitrine.shop import Shop

pytestmark = pytest.mark.alone

GOOD = encoded(gradient(30, 20))
PICTURES["/good.png"] = GOOD
PICTURES["/a%20b.png"] = GOOD
LIMITS = FetchLimits(max_bytes=1e6, seconds=0.6, redirects=3)


@pytest.fixture
def site():
    with server() as running:
        yield running


def address(site, path):
    return f"http://127.0.0.1:{site.server_port}{path}"


def local(number: str) -> bool:
    """Let these tests reach their own server, and nothing else of this machine."""
    return number == "127.0.0.1"


fetcher = Fetcher(LIMITS, local)


@pytest.mark.parametrize(
    "number",
    [
        "127.0.0.1", "127.9.9.9", "0.0.0.0", "10.0.0.1", "172.16.3.4", "192.168.1.1",  # noqa: S104 - refused
        "169.254.169.254", "100.64.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1",
        "255.255.255.255", "::", "::1", "fe80::1", "fe80::1%lo", "fc00::1", "ff02::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1",
        "64:ff9b::a00:1", "64:ff9b:1::1", "2002:7f00:1::", "2002:808:808::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:db8::1", "fec0::1", "4000::1", "100::1",
        "localhost", "", "1",
    ],
)  # fmt: skip
def test_an_address_that_is_not_public(number):
    assert not is_public(number)


@pytest.mark.parametrize(
    "number", ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_an_address_that_is(number):
    assert is_public(number)


def test_a_picture_is_fetched_as_it_is(site):
    assert fetcher.fetch(address(site, "/good.png")) == GOOD
    assert fetcher.fetch(address(site, "/a b.png?size=1#top")) == GOOD
    [(_, headers), (path, _)] = site.asked
    assert path == "/a%20b.png?size=1"
    assert set(headers) == {"Host", "User-Agent", "Accept", "Accept-Encoding", "Connection"}


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "localhost", "0x7f.1", "2130706433", "127.1", "0", "[::1]",
        "[::ffff:127.0.0.1]",
    ],
)  # fmt: skip
def test_this_machine_is_not_asked_however_it_is_written(site, host):
    with pytest.raises(PictureError, match=r"not on the public internet|cannot be fetched"):
        Fetcher(LIMITS).fetch(f"http://{host}:{site.server_port}/good.png")
    assert site.asked == []


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("file:///etc/passwd", "only http"),
        ("ftp://example.com/a.png", "only http"),
        ("data:image/png;base64,AAAA", "only http"),
        ("gopher://127.0.0.1:70/_x", "only http"),
        ("//example.com/a.png", "only http"),
        ("http://", "only http"),
        ("http://user:secret@example.com/a.png", "name or password"),
        ("http://[::1/a.png", "not an address"),
        ("http://example.com:99999/a.png", "not an address"),
        ("http://" + "a" * 300 + "/x", "not an address"),
    ],
)
def test_what_is_no_web_address(given, says):
    with pytest.raises(PictureError, match=says):
        fetcher.fetch(given)


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/nothing.png", "answers 404"),
        ("/status/500", "answers 500"),
        ("/status/204", "answers 204"),
        ("/endless", "over the limit of 1 MB"),
        ("/claims/2000000", "over the limit of 1 MB"),
        ("/claims/-5", "cannot be fetched|answers"),
        ("/slow/head", "had not arrived after 0.6 s"),
        ("/slow/body", "had not arrived after 0.6 s"),
        ("/headers", "cannot be fetched"),
        ("/nonsense", "cannot be fetched"),
        ("/circle/0", "redirected more than 3 times"),
        ("/to/file:~~~etc~passwd", "only http"),
        ("/to/http:~~10.0.0.1~a.png", "public internet"),
        ("/to/http:~~169.254.169.254~latest~meta-data~", "public internet"),
        ("/to/http:~~[::1]~a.png", "public internet"),
        ("/to/http:~~localhost.:22~", "public internet|cannot be fetched"),
    ],
)
def test_a_server_that_misbehaves_is_given_up(site, path, says):
    started = time.monotonic()
    if path == "/claims/-5":
        assert fetcher.fetch(address(site, path)) == b""  # no length: what comes counts
        return
    with pytest.raises(PictureError, match=says):
        fetcher.fetch(address(site, path))
    assert time.monotonic() - started < 2


def test_a_redirect_to_a_picture_is_followed(site):
    assert fetcher.fetch(address(site, "/to/~good.png")) == GOOD


def test_a_name_that_leads_elsewhere_the_second_time_gains_nothing(site, monkeypatch):
    """DNS rebinding: the connection goes to the address that was checked."""
    asked = []

    def looked_up(host, port, **_):
        asked.append(host)
        number = "127.0.0.1" if len(asked) == 1 else "127.0.0.2"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (number, site.server_port))]

    monkeypatch.setattr(fetching.socket, "getaddrinfo", looked_up)
    assert fetcher.fetch("http://shop.example/good.png") == GOOD
    assert asked == ["shop.example"]
    assert site.asked[0][1]["Host"] == "shop.example"
    with pytest.raises(PictureError, match="public internet"):
        fetcher.fetch("http://shop.example/good.png")
    assert len(site.asked) == 1


def test_one_address_that_is_not_public_spoils_the_name(site, monkeypatch):
    there = [("127.0.0.1", site.server_port), ("10.0.0.1", site.server_port)]
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", place) for place in there]
    monkeypatch.setattr(fetching.socket, "getaddrinfo", lambda *_, **__: found)
    with pytest.raises(PictureError, match="public internet"):
        fetcher.fetch("http://shop.example/good.png")
    assert site.asked == []


def test_no_proxy_is_asked(site, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert fetcher.fetch(address(site, "/good.png")) == GOOD


def test_a_certificate_is_checked(tmp_path):
    """A server of this machine with a certificate that nobody vouches for."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "1", "-subj", "/CN=localhost", "-keyout", key, "-out", certificate],
        capture_output=True, check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    with server() as site:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        site.socket = context.wrap_socket(
            site.socket, server_side=True, do_handshake_on_connect=False
        )
        site.handle_error = lambda *_: None
        with pytest.raises(PictureError, match="certificate"):
            fetcher.fetch(f"https://127.0.0.1:{site.server_port}/good.png")
        assert site.asked == []


def test_a_server_that_says_nothing_at_all_is_given_up():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        for scheme in ("http", "https"):
            started = time.monotonic()
            with pytest.raises(PictureError, match=r"after 0\.6 s"):
                fetcher.fetch(f"{scheme}://127.0.0.1:{port}/")
            assert time.monotonic() - started < 2


def test_only_a_few_are_fetched_at_once(tmp_path, monkeypatch):
    running, most, lock = 0, 0, threading.Lock()

    def fetch(self, one):
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.02)
        with lock:
            running -= 1
        return GOOD

    monkeypatch.setattr(Fetcher, "fetch", fetch)
    found = Fetcher(FetchLimits(connections=3)).fetch_all(map(str, range(20)), tmp_path)
    assert (len(found), most) == (20, 3)


def table(folder, rows):
    with open(folder / "items.csv", "w", newline="") as file:
        csv.writer(file).writerows([("id", "image_url", "price"), *rows])
    return folder / "items.csv"


def test_a_table_of_addresses_becomes_a_shop(site, tmp_path, monkeypatch, capsys):
    """The good ones come, each bad one is refused with its reason, and all are kept in the shop."""
    monkeypatch.setattr(fetching, "is_public", local)
    for number in range(4):
        PICTURES[f"/{number}.png"] = encoded(gradient(20 + number, 20))
    good = [(f"g{n}", address(site, f"/{n}.png"), n) for n in range(4)]
    bad = [
        ("html", address(site, "/html"), 1), ("zipped", address(site, "/zipped"), 1),
        ("half", address(site, "/half"), 1), ("gone", address(site, "/gone.png"), 1),
        ("inside", "http://10.0.0.1/secret.png", 1), ("file", "file:///etc/passwd", 1),
    ]  # fmt: skip
    path = table(tmp_path, [*good[:2], *bad, *good[2:]])
    assert run(["create", str(tmp_path / "shop"), str(path), "--encoder", "pixels"]) == 1
    assert "--allow-urls" in capsys.readouterr().err
    assert site.asked == []

    arguments = ["create", str(tmp_path / "shop"), str(path), "--encoder", "pixels", "--allow-urls"]
    assert run(arguments) == 0
    with Shop.open(tmp_path / "shop") as shop:
        assert sorted(shop.item_ids) == ["g0", "g1", "g2", "g3"]
        for item_id in shop.item_ids:
            assert shop.similar(item_id, 1)
        places = shop._store.pictures(shop.item_ids)
        below = str((tmp_path / "shop" / "pictures").resolve())
        assert all(ref.path.startswith(below) for [ref] in places.values())
        assert shop.retrain(make_encoder("colour", n_components=2)).from_thumbnails == 0
    with open(tmp_path / "shop" / "rejected.csv", newline="") as file:
        reasons = {row["item_id"]: row["reason"] for row in csv.DictReader(file)}
    assert set(reasons) == {row[0] for row in bad}
    assert "web page" in reasons["html"]
    assert "damaged" in reasons["half"]
    assert "404" in reasons["gone"]
    assert "public internet" in reasons["inside"]

    capsys.readouterr()
    assert run(["add", str(tmp_path / "shop"), str(path), "--allow-urls"]) == 0
    assert "4 unchanged" in capsys.readouterr().out  # the same content is the same file
    PICTURES["/0.png"] = encoded(gradient(44, 33))
    assert run(["add", str(tmp_path / "shop"), str(path), "--allow-urls"]) == 0
    assert "1 updated, 3 unchanged" in capsys.readouterr().out


def test_what_was_fetched_is_read_even_without_a_shop(site, tmp_path):
    path = table(tmp_path, [("a", address(site, "/good.png"), 1)])
    folder = tmp_path / "fetched"
    folder.mkdir()
    catalogue = Catalogue.read(path, fetching=Fetching(folder, fetcher))
    assert catalogue.pictures()[0].shape == (20, 30, 3)
    assert len(list(folder.iterdir())) == 1


@pytest.fixture
def client(tmp_path):
    """A client of a service that was told to fetch, from the server of these tests alone."""
    path = write_table(tmp_path / "catalogue")
    Shop.create(tmp_path / "served", Catalogue.read(path), make_encoder("pixels")).close()
    app = create_app(tmp_path / "served", Settings(keys=KEYS, allow_urls=True))
    with TestClient(app, base_url="http://localhost", headers=WRITING) as opened:
        assert app.state.vitrine.fetcher._allowed is is_public
        app.state.vitrine.fetcher = fetcher
        yield opened


def test_over_http_it_has_to_be_turned_on(client, site):
    client.app.state.vitrine.fetcher = None
    body = {"picture_urls": [address(site, "/good.png")]}
    answer = client.put("/api/items/new", json=body)
    assert (answer.status_code, "--allow-urls" in answer.json()["detail"]) == (403, True)
    answer = client.post("/api/items", json={"items": [{"id": "new", **body}]})
    assert answer.status_code == 403
    assert site.asked == []


def test_over_http_each_item_of_a_batch_is_taken_or_refused(client, site):
    good = address(site, "/good.png")
    assert client.put("/api/items/one", json={"picture_urls": [good]}).status_code == 201
    inside = client.put("/api/items/two", json={"picture_urls": ["http://10.0.0.1/a.png"]})
    assert (inside.status_code, inside.json()["type"]) == (422, "/docs#bad-picture")
    urls = {
        "a": good, "b": address(site, "/html"), "c": "http://[::1]/a.png", "d": good,
        "e": "file:///etc/passwd", "f": address(site, "/slow/body"),
    }  # fmt: skip
    items = [{"id": item_id, "picture_urls": [url]} for item_id, url in urls.items()]
    items.append({"id": "g", "picture_urls": [good] * 11})
    assert client.post("/api/items", json={"items": items}).status_code == 422
    results = client.post("/api/items", json={"items": items[:-1]}).json()["results"]
    assert [one["id"] for one in results if one["status"] == "added"] == ["a", "d"]
    said = {one["id"]: one["reason"] for one in results}
    assert "web page" in said["b"]
    assert "public internet" in said["c"]
    assert "only http" in said["e"]
    assert "had not arrived" in said["f"]
