"""The service as its documents have it: every curl line, every call described, the image."""

import os
import re
import shlex
import subprocess
import tomllib
from pathlib import Path

import pytest
import schemathesis
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from PIL import Image
from typer.main import get_command

from tests.pictures import COLOURS, make_picture
from tests.service.conftest import WRITE_KEY, Server
from vitrine.catalogue import Catalogue
from vitrine.cli.commands import app as commands
from vitrine.encoders import make_encoder
from vitrine.service.access import OPEN_PATHS
from vitrine.service.keys import line_of
from vitrine.service.settings import LIMITS, Settings
from vitrine.shop import Shop

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "service.md").read_text()


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a shop as the document has it, and ``photo.jpg``."""
    folder = tmp_path_factory.mktemp("documented")
    lines = ["id,image,category,price"]
    for name, category in zip(("shoes", "hats", "bags"), COLOURS, strict=True):
        for seed in range(8):
            picture = Image.fromarray(make_picture(category, seed))
            picture.save(folder / f"{name}-{seed}.png")
            lines.append(f"{name}-{seed},{name}-{seed}.png,{name},{10 * seed}")
    (folder / "items.csv").write_text("\n".join(lines))
    Image.fromarray(make_picture("apple", 99, (60, 60))).save(folder / "photo.jpg")
    encoder = make_encoder("colour", n_components=4)
    Shop.create(folder / "shop", Catalogue.read(folder / "items.csv"), encoder).close()
    return folder


@pytest.fixture(scope="module")
def server(place):
    server = Server(
        place / "shop", "--log-level", "warning",
        environment={"VITRINE_KEYS": line_of(WRITE_KEY, "write")},
    )  # fmt: skip
    yield server
    assert server.stop()[0] == 0


def curl_lines():
    blocks = re.findall(r"```sh\n(.*?)```", DOCUMENT, re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.startswith("curl")]


def test_every_curl_line_works(server, place):
    environment = {**os.environ, "URL": server.url, "KEY": WRITE_KEY}
    lines = curl_lines()
    assert len(lines) > 20
    for line in lines:
        # curl takes [ and < in an address as they are only with -g
        ran = subprocess.run(
            ["bash", "-c", line.replace("curl ", "curl -sS -g -w '\\n%{http_code}' ", 1)],
            cwd=place, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        status = ran.stdout.rsplit("\n", 1)[-1]
        expected = ("404",) if "nobody" in line else ("200", "201", "204")
        assert status in expected, (line, ran.stdout[-500:], ran.stderr)
    assert (place / "small.webp").read_bytes()[8:12] == b"WEBP"


def test_every_call_and_limit_is_documented(server):
    schema = schemathesis.openapi.from_url(f"{server.url}/openapi.json")
    said = "\n".join(curl_lines())
    for path in schema.raw_schema["paths"]:
        known = path.replace("{item_id}", r"[\w-]+").replace("{user_id}", "anna")
        assert re.search(rf'\$URL{known}["?]', said), path
    for name in LIMITS:
        assert f"`{name}`" in DOCUMENT
    defaults = Settings()
    assert f"`max_k`\n({defaults.max_k})" in DOCUMENT or f"`max_k` ({defaults.max_k})" in DOCUMENT
    assert f"`max_batch` ({defaults.max_batch} items)" in DOCUMENT


def test_no_request_that_fits_the_description_is_a_fault(server):
    schema = schemathesis.openapi.from_url(f"{server.url}/openapi.json")
    asked = set()
    for operation in schema.get_all_operations():

        @settings(
            max_examples=12, deadline=None, database=None, derandomize=True,
            phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(operation.ok().as_strategy())
        def ask(case):
            answer = case.call(headers={"Authorization": f"Bearer {WRITE_KEY}"})
            assert answer.status_code < 500, (case.method, case.path, answer.text[:500])
            asked.add(case.path)

        ask()
    assert len(asked) >= 11


def docker_lines():
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    return [line for line in text.splitlines() if line and not line.startswith(("#", " #"))]


def exec_form(instruction):
    [line] = [line for line in docker_lines() if line.startswith(f"{instruction} [")]
    return yaml.safe_load(line.removeprefix(instruction))


def check_serve(arguments):
    """Parse the arguments of ``vitrine serve`` as the command line does."""
    assert arguments[:2] == ["vitrine", "serve"]
    command = get_command(commands).commands["serve"]
    return command.make_context("serve", list(arguments[2:])).params


def test_the_image_copies_what_is_there_and_starts_what_there_is():
    for line in docker_lines():
        if line.startswith("COPY") and "--from" not in line:
            for source in shlex.split(line)[1:-1]:
                assert (ROOT / source).exists(), source
                assert f"!{source}" in (ROOT / ".dockerignore").read_text().splitlines()
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pinned = (ROOT / "requirements-service.txt").read_text()
    assert all(f"\n{part}==" in pinned for part in ("fastapi", "psycopg", "psycopg-binary"))
    needed = " ".join([*extras["dependencies"], *extras["optional-dependencies"]["serve"]])
    assert "torch" not in needed
    assert any(line.startswith("USER ") and "root" not in line for line in docker_lines())
    params = check_serve(exec_form("ENTRYPOINT") + exec_form("CMD"))
    assert (str(params["shop"]), params["host"], params["port"]) == ("/shop", "0.0.0.0", 8000)  # noqa: S104 - compared
    [check] = [line for line in docker_lines() if line.startswith("HEALTHCHECK")]
    [port, path] = re.search(r"127\.0\.0\.1:(\d+)(/\w+)", check).groups()
    assert (int(port), path in OPEN_PATHS) == (params["port"], True)


def test_compose_fits_the_image():
    service = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["vitrine"]
    secrets = yaml.safe_load((ROOT / "compose.yaml").read_text())["secrets"]
    params = check_serve(exec_form("ENTRYPOINT") + service["command"])
    assert str(params["keys"]) == f"/run/secrets/{service['secrets'][0]}"
    assert set(service["secrets"]) == set(secrets)
    assert service["ports"] == [f"127.0.0.1:8000:{params['port']}"]
    assert service["volumes"] == [f"./shop:{params['shop']}"]
    assert int(service["stop_grace_period"].rstrip("s")) > Settings().answer_seconds


def test_compose_serves_a_shop_in_postgres_too():
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    shared, database = services["shared"], services["database"]
    params = check_serve(shared["entrypoint"] + shared["command"])
    url = params["shop"].url
    assert (url.host, url.username) == ("database", database["environment"]["POSTGRES_USER"])
    assert url.password is None  # it comes by the environment, which no process list shows
    assert shared["environment"]["PGPASSWORD"] == database["environment"]["POSTGRES_PASSWORD"]
    assert shared["ports"] == [f"127.0.0.1:8001:{params['port']}"]
    assert {service.get("profiles", [""])[0] for service in (shared, database)} == {"postgres"}
