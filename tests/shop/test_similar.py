import io
import threading
import time

import pytest
from PIL import Image
from tests.pictures import make_picture, write_class_folders

from vitrine.catalogue import Catalogue
from vitrine.encoders import make_encoder
from vitrine.errors import OptionError
from vitrine.shop import Shop
from vitrine.shop.locking import MemoryLock


@pytest.fixture
def shop(tmp_path):
    folder = write_class_folders(tmp_path / "pictures")
    for copy in range(12):  # sea-0 saved again and again, hardly differently
        picture = make_picture("sea", 0).copy()
        picture[0, 0, 0] ^= copy + 1
        Image.fromarray(picture).save(folder / "sea" / f"again-{copy}.png")
    encoder = make_encoder("pixels")
    with Shop.create(tmp_path / "shop", Catalogue.read(folder), encoder) as shop:
        yield shop


def test_near_identical_pictures_are_one_hit_and_k_is_met_all_the_same(shop):
    plain = shop.similar("sea-1", 12)
    one_each = shop.similar("sea-1", 12, collapse=True)
    assert len(one_each) == len(plain) == 12
    together = [hit for hit in one_each if hit.same]
    assert len(together) == 1
    assert {together[0].id, *together[0].same} == {"sea-0", *(f"again-{i}" for i in range(12))}
    assert len(shop.similar("sea-1", 35)) == 35
    everything = shop.similar("sea-1", 99, collapse=True)
    assert len(everything) == 23
    assert sum(1 + len(hit.same) for hit in everything) == 35


def test_a_varied_list_begins_with_the_nearest_and_spreads(shop):
    nearest = shop.similar("sea-1", 6)
    varied = shop.similar("sea-1", 6, diversity=0.8, collapse=True)
    assert varied[0].id == nearest[0].id
    assert len({hit.attributes["category"] for hit in nearest}) == 1
    assert len({hit.attributes["category"] for hit in varied}) == 3
    for wrong in (-0.1, 1.1, float("nan")):
        with pytest.raises(OptionError, match="diversity"):
            shop.similar("sea-1", diversity=wrong)


def test_a_photo_finds_what_its_picture_does(shop):
    buffer = io.BytesIO()
    Image.fromarray(make_picture("leaf", 2)).save(buffer, "PNG")
    found = shop.search_photo(buffer.getvalue(), 4)
    assert found.hits == shop.similar(make_picture("leaf", 2), 4)
    assert found.recognised is None


def test_readers_share_the_lock_and_a_writer_has_it_alone():
    lock, order = MemoryLock(), []
    with lock.shared(), lock.shared():

        def write():
            with lock, lock:
                order.append("written")

        writer = threading.Thread(target=write)
        writer.start()
        time.sleep(0.1)

        def read():
            with lock.shared():
                order.append("read")

        later = threading.Thread(target=read)
        later.start()  # waits for the writer that was there before
        time.sleep(0.1)
        assert order == []
    writer.join(5)
    later.join(5)
    assert order == ["written", "read"]
    with lock, lock.shared():
        pass
