import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vitrine.errors import SourceError
from vitrine.ratings.reading import Columns, Rejected, read_interactions


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def triples(reading):
    data = reading.interactions
    return list(zip(data.user_ids, data.item_ids, data.ratings.tolist(), strict=True))


def test_csv_with_guessed_columns(tmp_path):
    path = write(tmp_path / "r.csv", "userId,movieId,rating,timestamp\n1,0042,3.5,10\n2,7,1,11\n")
    reading = read_interactions(path)
    assert triples(reading) == [("1", "0042", 3.5), ("2", "7", 1.0)]
    assert reading.interactions.timestamps.tolist() == [10, 11]
    assert reading.rejected == []


def test_named_columns_win_over_guesses(tmp_path):
    path = write(tmp_path / "r.tsv", "user\tbuyer\titem\tscore\tgrade\na\tb\tc\t1\t2\n")
    reading = read_interactions(path, Columns(user="buyer", rating="grade"))
    assert triples(reading) == [("b", "c", 2.0)]


@pytest.mark.parametrize("name", ["u.data", "u1.base", "u1.test"])
def test_movielens_100k(tmp_path, name):
    path = write(tmp_path / name, "196\t242\t3\t881250949\n186\t302\t3\t891717742\n")
    reading = read_interactions(path)
    assert triples(reading) == [("196", "242", 3.0), ("186", "302", 3.0)]
    assert reading.interactions.timestamps.tolist() == [881250949, 891717742]


def test_movielens_1m(tmp_path):
    reading = read_interactions(write(tmp_path / "ratings.dat", "1::1193::5::978300760\n"))
    assert triples(reading) == [("1", "1193", 5.0)]


def test_amazon_reviews_in_gzip(tmp_path):
    path = tmp_path / "AMAZON_FASHION_5.json.gz"
    row = {"overall": 4.0, "reviewerID": "A1", "asin": "B0", "unixReviewTime": 7, "style": {}}
    with gzip.open(path, "wt") as file:
        file.write(json.dumps(row) + "\n")
    reading = read_interactions(path)
    assert triples(reading) == [("A1", "B0", 4.0)]
    assert reading.interactions.timestamps.tolist() == [7]


def test_parquet_keeps_the_types_of_ids(tmp_path):
    table = pa.table({"customer_id": [3, 4], "sku": ["x", "y"], "quantity": [2, 5]})
    pq.write_table(table, tmp_path / "r.parquet")
    reading = read_interactions(tmp_path / "r.parquet", feedback="implicit")
    assert triples(reading) == [(3, "x", 2.0), (4, "y", 5.0)]


def test_dates_become_seconds(tmp_path):
    path = write(tmp_path / "r.csv", "user,item,rating,date\na,b,1,1970-01-02\n")
    assert read_interactions(path).interactions.timestamps.tolist() == [86400]


def test_without_a_rating_column_purchases_weigh_one(tmp_path):
    path = write(tmp_path / "r.csv", "user,item\na,b\na,b\n")
    assert triples(read_interactions(path, feedback="implicit")) == [("a", "b", 2.0)]
    with pytest.raises(SourceError, match="implicit"):
        read_interactions(path)


def test_bad_rows_are_refused_one_by_one(tmp_path):
    rows = [
        "a,b,5,1",
        ",b,5,1",
        "a,,5,1",
        "a,c,good,1",
        "a,c,nan,1",
        "a,c,inf,1",
        "a,c,5",
        "a,c,5,x",
    ]
    path = write(tmp_path / "r.csv", "user,item,rating,time\n" + "\n".join(rows) + "\n")
    reading = read_interactions(path)
    assert triples(reading) == [("a", "b", 5.0)]
    assert reading.rejected == [
        Rejected(2, "the user is missing"),
        Rejected(3, "the item is missing"),
        Rejected(4, "the rating 'good' is not a number"),
        Rejected(5, "the rating 'nan' is not a finite number"),
        Rejected(6, "the rating 'inf' is not a finite number"),
        Rejected(7, "3 fields where there should be 4"),
        Rejected(8, "the time 'x' is neither a number nor a date"),
    ]


def test_bad_json_rows_are_refused_one_by_one(tmp_path):
    good = '{"user": 1, "item": 2, "rating": 3}'
    bad = ["{", "[1]", '{"user": [1], "item": 2, "rating": 3}', '{"item": 2, "rating": 3}']
    reading = read_interactions(write(tmp_path / "r.jsonl", "\n".join([good, *bad])))
    assert triples(reading) == [(1, 2, 3.0)]
    assert [row for row, _ in reading.rejected] == [2, 3, 4, 5]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("r.csv", "who,item,rating\n1,2,3\n", "no column looks like the user"),
        ("r.csv", "user,item,rating\n", "no rating in it"),
        ("r.csv", "user,item,rating\n1,2,x\n", "row 1"),
        ("r.csv", "", "no rating in it"),
        ("r.xls", "user,item,rating\n1,2,3\n", "unknown kind"),
        ("r.csv.gz", "not gzip", "cannot be read"),
        ("r.parquet", "not parquet", "cannot be read"),
    ],
)
def test_a_file_that_gives_nothing_says_why(tmp_path, name, text, message):
    with pytest.raises(SourceError, match=message):
        read_interactions(write(tmp_path / name, text))


def test_missing_file_and_missing_column(tmp_path):
    with pytest.raises(SourceError, match="no such file"):
        read_interactions(tmp_path / "r.csv")
    path = write(tmp_path / "r.csv", "user,item,rating\n1,2,3\n")
    with pytest.raises(SourceError, match="no column 'stars'"):
        read_interactions(path, Columns(rating="stars"))


def test_ids_that_no_database_holds_are_refused_row_by_row(tmp_path):
    path = tmp_path / "ratings.jsonl"
    path.write_text(
        '{"user": "a\\u0000b", "item": "x", "rating": 1}\n'
        '{"user": "ann", "item": "\\ud800", "rating": 2}\n'
        '{"user": "ann", "item": "\\ud83d\\ude00", "rating": 3}\n'
    )
    reading = read_interactions(path)
    assert [entry.row for entry in reading.rejected] == [1, 2]
    assert "zero byte or half a character" in reading.rejected[0].reason
    assert reading.interactions.items.values == ("😀",)
