"""System parts and data that some tests need: say what is missing, or fail where it must be there.

A test marked with the name of a system part is skipped where the part is missing, and the reason
says how to install it. With ``VITRINE_REQUIRE_SYSTEM_PARTS=1`` it fails instead.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgres import PostgresServer

# marker: (a program of it, how to install it)
SYSTEM_PARTS = {
    "chromium": ("chromium", "apt-get install chromium"),
    "postgres": ("pg_ctlcluster", "apt-get install postgresql"),
    "java": ("java", "apt-get install openjdk-17-jre-headless"),
}
CHROMIUM_OPTIONS = (
    "--no-sandbox",  # the sandbox does not start as root; only our own pages are opened
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def pytest_configure(config: pytest.Config) -> None:
    for part, (_, install) in SYSTEM_PARTS.items():
        config.addinivalue_line("markers", f"{part}: needs a system part: {install}")


def pytest_runtest_setup(item: pytest.Item) -> None:
    for part, (program, install) in SYSTEM_PARTS.items():
        if item.get_closest_marker(part) and shutil.which(program) is None:
            missing = f"{part} is missing; install it with: {install}"
            if os.environ.get("VITRINE_REQUIRE_SYSTEM_PARTS") == "1":
                pytest.fail(missing, pytrace=False)
            pytest.skip(missing)
    if item.get_closest_marker("shared_data") and not _shared_data().is_dir():
        pytest.skip(f"{_shared_data()} is missing; name its place with VITRINE_SHARED_DATA")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of data sets that do not belong to the project; mark tests ``shared_data``."""
    return _shared_data()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server for the whole run; mark tests ``postgres``."""
    server = PostgresServer()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def chromium() -> Iterator[object]:
    """A headless browser (Playwright's ``Browser``); mark tests ``chromium``."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=list(CHROMIUM_OPTIONS)
        )
        yield browser
        browser.close()


def _shared_data() -> Path:
    named = os.environ.get("VITRINE_SHARED_DATA")
    return Path(named) if named else Path(__file__).parents[2] / "shared" / "data"
