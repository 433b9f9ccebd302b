import pytest

from tests.pictures import write_class_folders
from vitrine.catalogue.decoding import DEFAULT_LIMITS, Limits
from vitrine.errors import PictureError
from vitrine.spark.pictures import Opener, Place, scheme_of


def test_addresses_stay_below_the_folders_that_were_named():
    place = Place("s3a://bucket/shop", "s3a://photos/2026")
    opener = Opener(place, DEFAULT_LIMITS, 320)
    assert opener.locate("a/b.jpg") == "s3a://photos/2026/a/b.jpg"
    assert opener.locate("s3a://bucket/shop/c.jpg") == "s3a://bucket/shop/c.jpg"
    assert opener.locate("x/../a.jpg") == "s3a://photos/2026/a.jpg"
    for outside in ("../../other/a.jpg", "s3a://bucket/shopping/a.jpg", "gs://photos/2026/a.jpg",
                    "s3a://photos/2026/../2025/a.jpg"):  # fmt: skip
        with pytest.raises(PictureError, match="lies outside of"):
            opener.locate(outside)
    with pytest.raises(PictureError, match="lies outside of"):
        Opener(Place("/data"), DEFAULT_LIMITS, 320).locate("s3a://photos/a.jpg")


def test_web_addresses_are_never_fetched():
    opener = Opener(Place("https://example.org/shop"), DEFAULT_LIMITS, 320)
    for name in ("https://example.org/shop/a.jpg", "HTTP://x/a.jpg", "data:image/png;base64,AAAA"):
        with pytest.raises(PictureError, match="not fetched"):
            opener.locate(name)


def test_an_address_is_read_by_arrow_and_its_size_is_looked_at_first(tmp_path):
    photo = write_class_folders(tmp_path, 1) / "sea" / "sea-0.png"
    opener = Opener(Place("/"), DEFAULT_LIMITS, 320)
    assert opener.decode(photo.as_uri(), "sea-0").shape == (24, 24, 3)
    with pytest.raises(PictureError, match="no such picture"):
        opener.decode((tmp_path / "gone.png").as_uri(), "gone")
    small = Opener(Place("/"), Limits(max_bytes=100), 320)
    with pytest.raises(PictureError, match="over the limit"):
        small.decode(photo.as_uri(), "sea-0")
    with pytest.raises(PictureError, match="cannot be read"):
        opener.decode("nosuch://bucket/a.png", "a")


def test_schemes():
    assert [scheme_of(name) for name in ("s3a://b/k", "a/b.jpg", "/a://b", "data:x")] == [
        "s3a", "", "", "data"
    ]  # fmt: skip
