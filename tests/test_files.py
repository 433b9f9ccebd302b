import errno

import pytest

from vitrine.errors import DiskFullError
from vitrine.files import is_disk_full, reserve, written_whole


def test_a_file_has_its_name_only_when_it_is_whole(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("before")
    with written_whole(path) as part:
        part.write_text("after")
        assert path.read_text() == "before"
    assert path.read_text() == "after"
    assert list(tmp_path.iterdir()) == [path]


def test_what_was_there_stays_where_writing_fails(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("before")

    def fail(error):
        with written_whole(path) as part:
            part.write_text("half")
            raise error

    with pytest.raises(ZeroDivisionError):
        fail(ZeroDivisionError())
    with pytest.raises(DiskFullError, match=r"table.csv: there is no room left .* make room"):
        fail(OSError(errno.ENOSPC, "No space left on device"))
    with pytest.raises(PermissionError):
        fail(PermissionError(errno.EACCES, "not yours"))
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("error", "full"),
    [
        (OSError(errno.ENOSPC, "x"), True),
        (OSError(errno.EFBIG, "x"), True),
        (OSError(errno.EDQUOT, "x"), True),
        (
            OSError("Unable to write (file write failed: errno = 28, 'No space left on device')"),
            True,
        ),
        (OSError("16 requested and 0 written"), True),
        (OSError(errno.EACCES, "x"), False),
    ],
)
def test_a_full_disk_is_known_by_number_or_words(error, full):
    assert is_disk_full(error) is full


def test_room_is_tried_without_keeping_it(tmp_path):
    reserve(tmp_path / "table.h5", 100_000)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(OSError, match=r"space|large") as raised:
        reserve(tmp_path / "table.h5", 1 << 60)
    assert is_disk_full(raised.value)
    assert list(tmp_path.iterdir()) == []
