"""The journal is flushed at every commit; one that is cut off anywhere opens as whole commits."""

import random
import shutil

from sqlalchemy import text

from tests.pictures import write_table
from tests.trust.made import png_of
from vitrine.catalogue import Catalogue
from vitrine.encoders import make_encoder
from vitrine.shop import Shop
from vitrine.shop.checking import check
from vitrine.shop.receiving import NewItem
from vitrine.store.database import reading

N_WRITES, N_CUTS = 10, 5


def test_every_commit_is_flushed_to_the_disk(tmp_path):
    table = write_table(tmp_path / "catalogue", 2)
    encoder = make_encoder("pixels", n_components=3)
    made = Shop.create(tmp_path / "shop", Catalogue.read(table), encoder)
    with made as shop, reading(shop._store.engine) as connection:
        assert connection.scalar(text("PRAGMA journal_mode")) == "wal"
        assert connection.scalar(text("PRAGMA synchronous")) == 2  # FULL: at every commit


def test_a_journal_that_was_cut_off_anywhere_opens_as_so_many_whole_writes(tmp_path):
    table = write_table(tmp_path / "catalogue", 2)
    encoder = make_encoder("pixels", n_components=3)
    path = tmp_path / "shop"
    Shop.create(path, Catalogue.read(table), encoder).close()
    with Shop.open(path) as shop:
        for number in range(N_WRITES):
            shop.receive([NewItem(f"new-{number}", {"price": number}, [png_of(number, 0)])])
        whole = tmp_path / "whole"
        shutil.copytree(path, whole)  # with the journal, as a machine leaves it that stops
    length = (whole / "shop.db-wal").stat().st_size
    cuts = [*sorted(random.Random(0).sample(range(length), N_CUTS)), length]  # noqa: S311 - no secret
    before = 0
    for cut in cuts:
        copy = tmp_path / "copy"
        shutil.copytree(whole, copy, ignore=shutil.ignore_patterns("shop.db-shm"))
        with (copy / "shop.db-wal").open("r+b") as journal:
            journal.truncate(cut)
        with Shop.open(copy) as shop:
            there = [n for n in range(N_WRITES) if f"new-{n}" in shop]
        assert there == list(range(len(there)))  # the first so many, and none half
        assert before <= len(there)
        before = len(there)
        assert check(copy).problems == []
        shutil.rmtree(copy)
    assert before == N_WRITES
