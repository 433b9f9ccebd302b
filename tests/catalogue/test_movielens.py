import pytest
from PIL import Image

from vitrine.catalogue import Catalogue
from vitrine.errors import SourceError


def flags(*on):
    return "|".join("1" if place in on else "0" for place in range(19))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "posters").mkdir()
    for name in ("1", "2"):
        Image.new("RGB", (20, 30), (9, 9, int(name))).save(tmp_path / "posters" / f"{name}.jpg")
    lines = [
        f"1|Toy Story (1995)|01-Jan-1995||http://x/|{flags(3, 5)}",
        f"2|Café, Le (1996)|||http://x/|{flags(0)}",
        f"3|No poster (1997)|||http://x/|{flags(8)}",
        "4|cut short",
    ]
    (tmp_path / "u.item").write_text("\n".join(lines), encoding="latin-1")
    return tmp_path


def test_a_table_of_films_is_read_as_it_is(folder):
    catalogue = Catalogue.read(folder / "u.item", pictures=folder / "posters")
    first, second = catalogue[:2]
    assert first.id == "1"
    assert first.attributes == {
        "title": "Toy Story (1995)", "year": 1995, "genres": "Animation|Comedy",
    }  # fmt: skip
    assert second.attributes == {"title": "Café, Le (1996)", "year": 1996, "genres": None}
    assert catalogue.schema == {"title": "text", "year": "integer", "genres": "text"}
    assert [(r.row, r.item_id) for r in catalogue.rejected] == [(3, "3"), (4, None)]
    assert "fields of MovieLens" in catalogue.rejected[1].reason


def test_the_larger_sets_table_is_read_too(folder):
    path = folder / "movies.dat"
    path.write_text("1::Toy Story (1995)::Animation|Comedy\n2::Heat::Action\n", encoding="latin-1")
    catalogue = Catalogue.read(path, pictures=folder / "posters")
    assert catalogue[1].attributes == {"title": "Heat", "year": None, "genres": "Action"}


def test_a_file_without_a_film_is_refused(folder):
    (folder / "u.item").write_text("nothing here")
    with pytest.raises(SourceError, match="no film"):
        Catalogue.read(folder / "u.item", pictures=folder / "posters")
