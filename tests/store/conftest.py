import pytest

from tests.store.items import ENCODER
from vitrine.store import Folder, Store, place_of

DATABASES = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]


@pytest.fixture
def new_place(request, tmp_path, monkeypatch):
    """Return what makes places where no shop is yet, of a kind of database."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user-cache"))
    made = []

    def make(kind):
        made.append(kind)
        if kind == "sqlite":
            return Folder(tmp_path / f"shop-{len(made)}")
        return place_of(request.getfixturevalue("postgres").new_shop())

    return make


@pytest.fixture(params=DATABASES)
def place(request, new_place):
    return new_place(request.param)


@pytest.fixture
def store(place):
    store = Store.create(place, {"encoder": "test"})
    store.widen({"colour": "text", "price": "integer"})
    yield store
    store.close()


@pytest.fixture
def encoder_id(store):
    return store.save_encoder("test", ENCODER)
