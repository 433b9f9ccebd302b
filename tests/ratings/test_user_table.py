"""Tables of users, as they come."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vitrine.errors import InputError, SourceError
from vitrine.ratings import UserTable, read_users
from vitrine.ratings.column_blocks import ColumnBlocks


def test_movielens_100k(tmp_path):
    path = tmp_path / "u.user"
    path.write_text("1|24|M|technician|85711\n2|53|F|other|94043\n3|23|M\n2|9|F|other|1\n")
    table = read_users(path)
    assert table.ids == ["1", "2"]
    assert table.columns == {
        "age": [24, 53], "sex": ["M", "F"], "occupation": ["technician", "other"],
        "zip code": ["85711", "94043"],
    }  # fmt: skip
    assert [(rejection.row, rejection.reason) for rejection in table.rejected] == [
        (3, "3 fields where there should be 5"),
        (4, "the user '2' is there already"),
    ]


def test_movielens_1m(tmp_path):
    path = tmp_path / "users.dat"
    path.write_text("1::F::1::10::48067\n2::M::56::16::70072\n")
    table = read_users(path)
    assert table.columns["age"] == [1, 56]
    assert table.columns["occupation"] == ["10", "16"]  # a code, and no number


def test_dates_are_left_out_and_types_are_found(tmp_path):
    path = tmp_path / "people.csv"
    path.write_text("user_id,since,vip,spent\n007,2024-01-02,true,1.5\n008,2024-01-03,false,\n")
    table = read_users(path)
    assert table.ids == ["007", "008"]
    assert table.columns == {"vip": [True, False], "spent": [1.5, None]}


def test_parquet_and_json_lines(tmp_path):
    pq.write_table(pa.table({"id": [1, 2], "age": [30.0, 40.0]}), tmp_path / "people.parquet")
    assert read_users(tmp_path / "people.parquet").ids == ["1", "2"]
    (tmp_path / "people.jsonl").write_text('{"reviewerID": "a", "age": 3}\nno\n{"age": 4}\n')
    table = read_users(tmp_path / "people.jsonl")
    assert (table.ids, table.columns) == (["a"], {"age": [3]})
    assert [rejection.row for rejection in table.rejected] == [2, 3]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("people.csv", None, "no such file"),
        ("people.txt", "id\n1\n", "unknown kind of file"),
        ("people.csv", "colour\nred\n", "looks like the user"),
        ("people.csv", "id,age\n,3\n", "there is no user in it; first"),
        ("u.user", "", "there is no user in it"),
    ],
)
def test_says_what_is_wrong(tmp_path, name, text, message):
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(SourceError, match=message):
        read_users(tmp_path / name)


def test_a_fact_that_cannot_be_kept_is_refused_with_its_row(tmp_path):
    (tmp_path / "people.csv").write_text(f"id,city\n1,Rome\n2,{'x' * 1001}\n3,a\0b\n")
    table = read_users(tmp_path / "people.csv")
    assert table.ids == ["1"]
    assert [rejection.row for rejection in table.rejected] == [2, 3]
    assert "'city' has over 1,000 characters" in table.rejected[0].reason


def test_a_column_that_is_not_there_is_named(tmp_path):
    (tmp_path / "people.csv").write_text("id,age\n1,3\n")
    with pytest.raises(SourceError, match="no column 'user'; there are: id, age"):
        read_users(tmp_path / "people.csv", "user")


class TestColumns:
    def test_what_says_something_becomes_blocks(self):
        columns = {
            "sex": ["f", "m", "f", "m"], "age": [20, 30, None, 40], "name": ["a", "b", "c", "d"],
            "same": ["x", "x", "x", "x"], "rare": ["x", "y", "x", None],
            "hobbies": ["a|b", "b", "a", "[\"a\", \"b\"]"],
            "empty": [None] * 4, "constant": [3, 3, 3, 3], "vip": [True, False, True, False],
        }  # fmt: skip
        features = UserTable(["1", "2", "3", "4"], columns).features()
        assert sorted(features.blocks) == ["age", "hobbies", "sex", "vip"]
        assert features.blocks["sex"].tolist() == [[1, 0], [0, 1], [1, 0], [0, 1]]
        assert features.blocks["hobbies"].tolist() == [[1, 1], [0, 1], [1, 0], [1, 1]]
        age = features.blocks["age"][:, 0]
        assert age[2] == 0  # where it is missing stands the mean
        assert age[1] == pytest.approx(0)
        assert age[3] == pytest.approx(-age[0])

    def test_later_rows_become_the_same(self):
        blocks = ColumnBlocks.of({"sex": ["f", "m", "f", "m"], "age": [20, 30, 40, 50]})
        later = blocks({"sex": ["m", "x"], "age": [35, "old"]})
        assert later["sex"].tolist() == [[0, 1], [0, 0]]
        assert later["age"].tolist() == [[0], [0]]

    def test_numbers_beyond_measure_are_missing(self):
        columns = {"spent": [1.0, 2.0, 1e300, float("inf"), float("nan")]}
        block = UserTable(list("abcde"), columns).features().blocks["spent"]
        assert block[:, 0].tolist() == [-1, 1, 0, 0, 0]

    def test_nothing_to_learn_from_is_said(self):
        with pytest.raises(InputError, match="no column of the users says anything"):
            UserTable(["1", "2"], {"name": ["a", "b"]}).features()
