"""Forms, however they arrive."""

import tempfile
from itertools import pairwise

import httpx
import pytest
from fastapi import Request
from hypothesis import given
from hypothesis import strategies as st

from tests.service.conftest import awaited
from vitrine.service import forms
from vitrine.service.problems import Refusal

TEXTS = {"where": ["price < 5", "colour = grün"], "k": "3"}
FILES = [("picture", ("a.jpg", b"\xff\xd8\r\n--b not yet\r\n" * 40)), ("picture", ("ü.png", b""))]


def sent(data=None, files=None):
    """Return a form's body and content type as a client makes them."""
    request = httpx.Request("POST", "http://localhost", data=data, files=files)
    return request.read(), request.headers["content-type"]


def read(pieces, kind, max_files=2, max_texts=3):
    messages = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    messages.append({"type": "http.request", "body": b"", "more_body": False})

    async def receive():
        return messages.pop(0)

    scope = {"type": "http", "method": "POST", "headers": [(b"content-type", kind.encode())]}
    return awaited(forms.read_form(Request(scope, receive), max_files, max_texts))


@given(st.lists(st.integers(0, 2_000), max_size=6))
def test_a_form_is_the_same_in_whatever_pieces_it_arrives(cuts):
    body, kind = sent(TEXTS, FILES)
    ends = [0, *sorted(cut for cut in cuts if cut < len(body)), len(body)]
    form = read([body[a:b] for a, b in pairwise(ends)], kind)
    assert form.texts == {"where": TEXTS["where"], "k": ["3"]}
    assert form.files == {"picture": [content for _, (_, content) in FILES]}
    assert (form.text("where"), form.text("k"), form.text("none")) == ("colour = grün", "3", "")


@pytest.mark.parametrize(
    ("body", "texts"),
    [
        (b"--b\r\n%s\r\n\r\n1\r\n--b\r\n", ["1"]),
        (b"before\r\n--b \t\r\n%s\r\n\r\n1\r\n--b--\r\nafter", ["1"]),
        (b"--b\r\n%s\r\n\r\n1\r\n--bx\r\n--b-\r\n--b--", ["1\r\n--bx\r\n--b-"]),
        (b"--b\r\nx-other: 1\r\n%s\r\n\r\n\r\n--b--", [""]),
        (b"--b\r\n%s\r\n\r\ngr\xfcn\r\n--b--", ["grün"]),
    ],
)
def test_what_clients_send_by_hand_is_read(body, texts):
    for head in (
        b'Content-Disposition: form-data; name="a"',
        b"content-disposition:form-data;name=a",
        b'Content-Disposition: form-data;\r\n name="a"',
    ):
        assert read([body % head], "Multipart/Form-Data; Boundary=b").texts == {"a": texts}


def test_files_stay_in_memory(monkeypatch):
    def on_disk(*_, **__):
        raise AssertionError("a file was opened")

    for name in ("SpooledTemporaryFile", "TemporaryFile", "NamedTemporaryFile"):
        monkeypatch.setattr(tempfile, name, on_disk)
    body, kind = sent(files={"picture": b"x" * 8_000_000})
    [picture] = read([body[i : i + 65_536] for i in range(0, len(body), 65_536)], kind).files[
        "picture"
    ]
    assert picture == b"x" * 8_000_000


def test_what_is_no_form_has_nothing_in_it():
    for kind in ("application/x-www-form-urlencoded", "application/json", ""):
        form = read([b"picture=1"], kind)
        assert (form.texts, form.files) == ({}, {})


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"files": [*FILES, FILES[0]]}, "2 files at most"),
        ({"data": {"a": ["1", "2", "3", "4"]}, "files": FILES[:1]}, "3 fields at most"),
        ({"data": {"a": "x" * 1_000_001}, "files": FILES[:1]}, "'a' is over 1 MB"),
    ],
)
def test_too_much_of_anything_is_refused(form, said):
    body, kind = sent(**form)
    with pytest.raises(Refusal) as refused:
        read([body], kind)
    assert refused.value.kind == "malformed"
    assert said in refused.value.detail


@pytest.mark.parametrize(
    ("body", "boundary"),
    [
        (b"no form", "; boundary=b"),
        (b"--b\r\n\r\n1\r\n--b--\r\n", "; boundary=b"),
        (b"--b\r\nContent-Disposition: form-data\r\n\r\n1\r\n--b--\r\n", "; boundary=b"),
        (
            b"--b\r\nContent-Disposition: form-data; name=" + b"a" * 8_000 + b"\r\n\r\n1\r\n--b--",
            "; boundary=b",
        ),
        (b"--b--\r\n", ""),
        (b"--b--\r\n", "; boundary="),
    ],
)
def test_what_cannot_be_read_is_refused(body, boundary):
    with pytest.raises(Refusal) as refused:
        read([body], f"multipart/form-data{boundary}")
    assert refused.value.kind == "malformed"


def test_a_form_that_ends_too_early_is_refused():
    body, kind = sent(TEXTS, FILES[:1])
    assert read([body[:-2]], kind).files["picture"]  # all but the end of the last line
    for cut in range(3, len(body), 97):
        with pytest.raises(Refusal, match="cannot be read"):
            read([body[:-cut]], kind)
