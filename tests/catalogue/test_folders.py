import os
import shutil

import pytest
from tests.catalogue.conftest import gradient

from vitrine.catalogue import Catalogue
from vitrine.errors import SourceError


def reasons(catalogue):
    return {os.path.basename(r.picture): r.reason for r in catalogue.rejected}


def test_a_flat_folder_has_no_category(photos):
    catalogue = Catalogue.read(photos / "hat")
    assert catalogue.item_ids == ["hat0", "hat1"]
    assert catalogue.schema == {}
    assert catalogue[0].attributes == {}
    assert catalogue.parts == ()
    assert catalogue.name == "hat"


def test_class_folders_give_the_category(photos):
    catalogue = Catalogue.read(photos)
    assert catalogue.item_ids == ["bag0", "bag1", "hat0", "hat1", "shoe0", "shoe1"]
    assert catalogue.values("category") == ["bag", "bag", "hat", "hat", "shoe", "shoe"]
    assert catalogue.schema == {"category": "text"}
    assert os.path.isabs(catalogue[0].pictures[0].path)


def test_train_val_and_test_folders_are_parts(photos, tmp_path):
    root = tmp_path / "split"
    for part in ("test", "Training", "val"):
        for category in ("hat", "bag"):
            shutil.copytree(photos / category, root / part / category)
    catalogue = Catalogue.read(root)
    assert catalogue.parts == ("train", "validation", "test")
    assert len(set(catalogue.item_ids)) == 12
    assert catalogue.item_ids[0] == "Training/bag/bag0.jpg"  # the stem is there three times
    test = catalogue.part("test")
    assert test.values("category") == ["bag", "bag", "hat", "hat"]
    assert test.name == "split:test"
    assert test.parts == ("test",)


def test_only_clashing_stems_become_paths(photos):
    gradient(9, 9).save(photos / "bag" / "hat0.png")
    assert Catalogue.read(photos).item_ids == [
        "bag0", "bag1", "bag/hat0.png", "hat/hat0.jpg", "hat1", "shoe0", "shoe1",
    ]  # fmt: skip


def test_junk_is_passed_over_and_the_rest_refused_with_its_reason(photos):
    for junk in (".DS_Store", "Thumbs.db", "rejected.csv", "LICENSE", "README.md"):
        (photos / "hat" / junk).write_text("x")
    (photos / "hat" / "notes.txt").write_text("x")
    (photos / "hat" / "items.csv").write_text("x")
    (photos / "hat" / "nosuffix").write_text("x")
    gradient(9, 9).save(photos / "hat" / "picture-without-suffix", "PNG")
    (photos / "hat" / "deeper").mkdir()
    gradient(9, 9).save(photos / "lonely.png")
    os.mkfifo(photos / "bag" / "pipe.jpg")
    catalogue = Catalogue.read(photos)
    assert len(catalogue) == 7
    found = reasons(catalogue)
    assert set(found) == {"notes.txt", "items.csv", "nosuffix", "deeper", "lonely.png", "pipe.jpg"}
    assert "table" in found["items.csv"]
    assert "beside class folders" in found["lonely.png"]
    assert found["pipe.jpg"] == "not a file"


def test_the_larger_group_decides_between_flat_and_class_folders(photos):
    for number in range(9):
        gradient(9, 9).save(photos / f"{number}.png")
    catalogue = Catalogue.read(photos)
    assert len(catalogue) == 9
    assert set(reasons(catalogue)) == {"hat", "shoe", "bag"}


def test_links_out_of_the_folder_are_refused_and_links_within_are_read(photos, tmp_path_factory):
    secret = tmp_path_factory.mktemp("elsewhere") / "secret.png"
    gradient(9, 9).save(secret)
    (photos / "hat" / "out.png").symlink_to(secret)
    (photos / "outside").symlink_to(secret.parent)
    (photos / "hat" / "broken.png").symlink_to(photos / "nothing.png")
    (photos / "hat" / "within.jpg").symlink_to(photos / "bag" / "bag0.jpg")
    (photos / "loop").symlink_to(photos)
    catalogue = Catalogue.read(photos)
    found = reasons(catalogue)
    assert "leads out" in found["out.png"]
    assert "leads out" in found["outside"]
    assert "nowhere" in found["broken.png"]
    assert "within" in catalogue.item_ids


@pytest.mark.parametrize("name", ["ä ö.jpg", "=1+1.jpg", "a;b|c.jpg", "new\nline.jpg", "a.b.c.jpg"])
def test_weird_names_are_names(tmp_path, name):
    gradient(9, 9).save(tmp_path / name)
    catalogue = Catalogue.read(tmp_path)
    assert catalogue.item_ids == [name.removesuffix(".jpg")]
    assert len(next(catalogue.decoded()).items) == 1


def test_a_name_that_is_not_utf8_is_refused(photos):
    with open(os.fsencode(photos / "hat") + b"/\xff.jpg", "wb") as file:
        file.write(b"x")
    (rejection,) = Catalogue.read(photos).rejected
    assert "UTF-8" in rejection.reason


def test_parts_beside_other_folders_are_an_error(photos):
    shutil.copytree(photos / "hat", photos / "test")
    with pytest.raises(SourceError, match=r"test and beside them other folders \(bag, hat, shoe\)"):
        Catalogue.read(photos)


def test_nothing_to_read_is_an_error_that_says_what_was_looked_for(tmp_path):
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(SourceError, match=r"no pictures in it.*1 refused.*a\.txt"):
        Catalogue.read(tmp_path)
    with pytest.raises(SourceError, match=r"no such file.*fashion-mnist"):
        Catalogue.read(tmp_path / "missing")
    with pytest.raises(SourceError, match="neither a folder"):
        Catalogue.read(tmp_path / "a.txt")
