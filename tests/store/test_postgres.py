"""What only a shop on PostgreSQL has: connections that break, a password, other people's tables."""

import threading
import time

import numpy as np
import pytest
from sqlalchemy import create_engine, text

from tests.postgres import PASSWORD
from tests.store.items import ENCODER, everything, item
from vitrine.catalogue.items import PictureRef
from vitrine.errors import (
    InputError,
    MissingExtraError,
    OptionError,
    ShopError,
    ShopExistsError,
    ShopUnavailableError,
)
from vitrine.store import Folder, Store, outages, place_of, postgres
from vitrine.store.database import reading, writing
from vitrine.store.items import put_rows
from vitrine.store.outages import PAUSE_SECONDS
from vitrine.store.rows import item_row
from vitrine.store.state import next_change

pytestmark = pytest.mark.postgres


@pytest.fixture
def place(new_place):
    return new_place("postgres")


def test_change_numbers_are_seen_in_their_order(store, place):
    """Whoever follows the numbers misses nothing, however many write at once."""
    writers, each = 4, 12
    seed = [item(f"w{w}-{n}") for w in range(writers) for n in range(each)]

    def write(w):
        own, rng = Store.open(place), np.random.default_rng(w)
        for n in range(each):
            with writing(own.engine) as connection:
                number = next_change(connection)
                time.sleep(rng.random() / 200)  # others would overtake it here
                put_rows(connection, [item_row(seed[w * each + n], number, own.folder)])
        own.close()

    def follow(seen):
        with reading(store.engine) as connection:
            newer = text("SELECT item_id, change_number FROM items WHERE change_number > :seen")
            for row in connection.execute(newer, {"seen": seen}):
                found[row.item_id] = row.change_number
            return connection.scalar(text("SELECT change_number FROM shop"))

    threads = [threading.Thread(target=write, args=(w,)) for w in range(writers)]
    found, before = {}, store.change_number()
    seen = before
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        seen = follow(seen)
    seen = follow(seen)
    assert sorted(found.values()) == list(range(before + 1, before + 1 + len(seed)))


def test_the_database_may_go_and_come_back(store, encoder_id, postgres):
    store.put([item("a")], encoder_id)
    postgres.halt()
    started = time.monotonic()
    with pytest.raises(ShopUnavailableError, match=r"cannot be reached.*try again") as raised:
        store.count()
    assert time.monotonic() - started < 5
    assert PASSWORD not in str(raised.value)
    with pytest.raises(ShopUnavailableError, match="a moment ago"):
        store.count()  # nobody asks again so soon
    postgres.start()
    time.sleep(PAUSE_SECONDS)
    assert store.count() == 1
    store.put([item("b")], encoder_id)
    assert set(everything(store, encoder_id)[0]) == {"a", "b"}


def test_a_connection_that_is_cut_in_a_transaction_leaves_nothing_half_done(store, encoder_id):
    def write_and_be_cut():
        with writing(store.engine) as connection:
            put_rows(connection, [item_row(item("a"), next_change(connection), store.folder)])
            with reading(store.engine) as other:
                mine = connection.scalar(text("SELECT pg_backend_pid()"))
                other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": mine})
            put_rows(connection, [item_row(item("b"), 9, store.folder)])

    with pytest.raises(ShopUnavailableError):
        write_and_be_cut()
    time.sleep(PAUSE_SECONDS)
    assert store.count() == 0
    store.put([item("c")], encoder_id)
    assert store.count() == 1


def test_a_writer_that_waits_too_long_is_told_so(place, store, monkeypatch):
    monkeypatch.setitem(postgres._SERVER, "lock_timeout", 200)
    other = Store.open(place)
    with writing(store.engine), pytest.raises(ShopError, match="another process has been writing"):
        other.widen({"made": "date"})
    other.close()


def test_the_password_is_shown_nowhere(place):
    assert place.url.password == PASSWORD
    shown = [str(place), repr(place), place.name, str(place_of(place))]
    assert PASSWORD not in " ".join(shown)
    ann = f"postgresql://ann:{PASSWORD}@"
    for wrong in (f"{ann}h:port/db", f"{ann}h", f"{ann}h/db?schema=A;B"):
        with pytest.raises(OptionError) as raised:
            place_of(wrong)
        assert PASSWORD not in str(raised.value)
    assert PASSWORD not in str(place_of("postgresql://h/db?user=ann&password=" + PASSWORD))


def test_a_url_is_a_database_and_anything_else_a_folder():
    assert place_of("postgres://ann@h:5433/db").name == "db"
    assert place_of("postgresql://ann@h/db?schema=autumn").name == "autumn"
    assert str(place_of("postgresql://ann@/db?host=/run/pg&sslmode=require")) == (
        "postgresql://ann@/db?host=%2Frun%2Fpg"
    )
    assert place_of("postgresql") == Folder(place_of("postgresql").path)


def test_without_psycopg_the_extra_is_named(place, monkeypatch):
    monkeypatch.setattr(postgres, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r'pip install "vitrine\[postgres\]"'):
        Store.open(place)


def test_the_tables_of_others_are_left_alone(new_place, place):
    engine = place.open_engine()
    with writing(engine) as connection:
        place.prepare(connection)
        connection.execute(text("CREATE TABLE theirs (a int)"))
    engine.dispose()
    assert not place.exists()
    with pytest.raises(ShopExistsError, match=r"schema=NAME"):
        place.check_free()
    beside = new_place("postgres")
    Store.create(beside, {}).close()
    assert beside.exists()
    assert not place.exists()


def test_what_postgres_cannot_keep_is_refused_and_said(store, encoder_id):
    with pytest.raises(InputError, match="cannot keep a value"):
        store.put([item("a\0b")], encoder_id)
    assert store.count() == 0


def test_another_shop_at_the_same_place_has_another_folder(place):
    first = Store.create(place, {})
    before = first.folder
    assert before.is_dir()
    with writing(first.engine) as connection:
        connection.execute(text(f"DROP SCHEMA {place.schema} CASCADE"))
    first.close()
    second = Store.create(place, {})
    assert second.folder != before
    second.close()


def test_where_nothing_can_be_cached_the_shop_is_still_whole(place, tmp_path, monkeypatch):
    (tmp_path / "no-folder").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "no-folder"))
    store = Store.create(place, {})
    encoder_id = store.save_encoder("test", ENCODER)
    store.put([item("a")], encoder_id)
    assert store.pictures(["a"]) == {"a": [PictureRef("/pictures/a.jpg")]}
    assert store.count() == 1
    store.close()


def test_while_the_database_is_away_one_at_a_time_asks_for_it(monkeypatch):
    now, engine = [100.0], create_engine("sqlite://")
    monkeypatch.setattr(outages.time, "monotonic", lambda: now[0])
    outages.take_turn(engine, "shop")
    outages.take_turn(engine, "shop")
    outages.note_outage(engine)
    with pytest.raises(ShopUnavailableError):
        outages.take_turn(engine, "shop")
    now[0] += PAUSE_SECONDS
    outages.take_turn(engine, "shop")  # this one may try
    with pytest.raises(ShopUnavailableError):
        outages.take_turn(engine, "shop")
    outages.note_answer(engine)
    outages.take_turn(engine, "shop")
