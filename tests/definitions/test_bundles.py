"""What a bundle may be: one row, one rule. And what programs may answer to questions."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowner.definitions import bundles
from flowner.definitions.archives import Limits
from flowner.definitions.asking import Input, InputKind, answers
from flowner.definitions.bundles import Bundle, bundle_of, kind_of, pack, read_bundle
from flowner.errors import Code, Invalid

PAGE = {"index.html": b"<!doctype html><title>It</title>"}


def zipped(files: dict[str, bytes]) -> bytes:
    """Return a zip whose entries have these very names."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return written.getvalue()


def special(name: str, kind: int) -> bytes:
    """Return a bundle with an entry that is something else than a file."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        archive.writestr("index.html", "")
        entry = zipfile.ZipInfo(name)
        entry.external_attr = (kind | 0o777) << 16
        archive.writestr(entry, "/etc/passwd")
    return written.getvalue()


def twice(name: str) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        archive.writestr(name, "1")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr(name, "2")
    return written.getvalue()


def encrypted() -> bytes:
    data = bytearray(zipped(PAGE))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + offset] |= 1
    return bytes(data)


def claims_less() -> bytes:
    """Return a zip whose page says that it unpacks to one byte."""
    data = bytearray(zipped({"index.html": b"0" * 100_000}))
    at = data.index(b"PK\x01\x02") + 24
    data[at : at + 4] = struct.pack("<I", 1)
    return bytes(data)


HOSTILE: list[Any] = [
    pytest.param(b"", "is not a zip", id="nothing"),
    pytest.param(b"<html></html>", "is not a zip", id="no zip"),
    pytest.param(zipped(PAGE)[:-9], "is a damaged zip", id="a torn zip"),
    pytest.param(claims_less(), "is a damaged zip", id="a size that is a lie"),
    pytest.param(encrypted(), "holds an encrypted file `index.html`", id="a password"),
    pytest.param(zipped({}), "is not a zip|has no `index.html`", id="an empty zip"),
    pytest.param(zipped({"a.html": b""}), "has no `index.html`", id="no page to open with"),
    pytest.param(zipped({"Index.html": b""}), "has no `index.html`", id="a page by another name"),
    pytest.param(
        zipped({"site/index.html": b""}), "zip what is in the folder `site`", id="a folder zipped"
    ),
    pytest.param(zipped(PAGE | {"../x.js": b""}), r"`\.\./x\.js`, which leads out", id="up"),
    pytest.param(zipped(PAGE | {"a/../../x.js": b""}), "which leads out", id="down and up"),
    pytest.param(zipped(PAGE | {"/etc/x.js": b""}), "the absolute path `/etc/x.js`", id="absolute"),
    pytest.param(zipped(PAGE | {"C:/x.js": b""}), "the absolute path `C:/x.js`", id="a drive"),
    pytest.param(zipped(PAGE | {"..\\x.js": b""}), "holds the path", id="a backslash"),
    pytest.param(zipped(PAGE | {"a//x.js": b""}), "holds the path `a//x.js`", id="an empty part"),
    pytest.param(zipped(PAGE | {"a/./x.js": b""}), "holds the path `a/./x.js`", id="a dot"),
    pytest.param(zipped(PAGE | {".git/x.js": b""}), "holds the path `.git/x.js`", id="hidden"),
    pytest.param(zipped(PAGE | {"a /x.js": b""}), "holds the path `a /x.js`", id="a space last"),
    pytest.param(zipped(PAGE | {"x\n.js": b""}), r"holds the path `x\\n.js`", id="a new line"),
    pytest.param(zipped(PAGE | {"\u202ex.js": b""}), r"`\\u202ex.js`", id="turned around"),
    pytest.param(zipped(PAGE | {"a" * 300 + ".js": b""}), "at most 200 characters", id="long"),
    pytest.param(zipped(PAGE | {"../": b""}), "which leads out", id="a folder that leads out"),
    pytest.param(zipped(PAGE | {"x.php": b""}), "holds `x.php`, which is none", id="for a server"),
    pytest.param(zipped(PAGE | {"x.js.exe": b""}), "holds `x.js.exe`", id="a program"),
    pytest.param(zipped(PAGE | {".htaccess": b""}), "`.htaccess`", id="settings of a server"),
    pytest.param(zipped(PAGE | {"LICENSE": b""}), "holds `LICENSE`", id="no ending"),
    pytest.param(zipped(PAGE | {"in.zip": zipped(PAGE)}), "holds `in.zip`", id="a zip in it"),
    pytest.param(zipped(PAGE | {"Flows.js": b""}), "the server adds its own", id="our script"),
    pytest.param(special("x.js", stat.S_IFLNK), "symbolic link `x.js`", id="a link"),
    pytest.param(special("x.js", stat.S_IFCHR), "neither a file nor a folder", id="a device"),
    pytest.param(special("a/", stat.S_IFLNK), "symbolic link `a/`", id="a link to a folder"),
    pytest.param(twice("index.html"), "holds `index.html` twice", id="one name twice"),
    pytest.param(
        zipped(PAGE | {"a/B.js": b"", "A/b.JS": b""}), "`A/b.JS` twice: as `a/B.js`", id="by case"
    ),
    pytest.param(
        zipped(PAGE | {"\u00e9.js": b"", "e\u0301.js": b""}), "twice", id="composed in two ways"
    ),
    pytest.param(
        zipped(PAGE | {"A.js": b"", "a.js/b.js": b""}), "as a file and as a folder", id="both"
    ),
]


@pytest.mark.parametrize(("data", "says"), HOSTILE)
def test_what_is_no_bundle_is_refused_by_its_entry(data: bytes, says: str) -> None:
    with pytest.raises(Invalid, match=says) as refused:
        read_bundle(data)
    assert refused.value.code is Code.INVALID_BUNDLE
    assert refused.value.message.startswith("the bundle ")


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        pytest.param({"entries": 2}, "holds more than 2 entries", id="many entries"),
        pytest.param({"entry_bytes": 999}, "holds `big.js`, which unpacks to", id="a large entry"),
        pytest.param({"unpacked_bytes": 1500}, "unpacks to more than 1500", id="large in all"),
    ],
)
def test_a_bundle_has_bounds(
    monkeypatch: pytest.MonkeyPatch, limits: dict[str, int], says: str
) -> None:
    known = {"entries": 9, "entry_bytes": 9000, "unpacked_bytes": 9000} | limits
    monkeypatch.setattr(bundles, "LIMITS", Limits(**known))
    with pytest.raises(Invalid, match=says):
        read_bundle(zipped(PAGE | {"big.js": b"0" * 1000, "other.js": b"0" * 1000}))


def test_a_large_zip_is_not_even_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundles, "MAX_BUNDLE_BYTES", 10)
    with pytest.raises(Invalid, match="at most 10 are taken"):
        read_bundle(zipped(PAGE))


def test_a_bomb_costs_no_more_than_its_bound() -> None:
    bomb = zipped(PAGE | {"boom.js": b"0" * (bundles.LIMITS.entry_bytes + 1)})
    assert len(bomb) < 100_000
    with pytest.raises(Invalid, match=r"holds `boom\.js`, which unpacks to more than"):
        read_bundle(bomb)


def test_what_desktops_add_is_passed_over_and_folders_are_no_files() -> None:
    added = {"__MACOSX/._index.html": b"", ".DS_Store": b"", "a/": b"", "a/Thumbs.db": b""}
    assert dict(read_bundle(zipped(PAGE | added)).files) == PAGE


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("index.html", "text/html; charset=utf-8"),
        ("a/B.JS", "text/javascript; charset=utf-8"),
        ("x.svg", "image/svg+xml"),
        ("x.php", None),
        ("js", None),
        ("a.js/x", None),
    ],
)
def test_a_kind_is_told_by_the_ending_alone(path: str, kind: str | None) -> None:
    assert kind_of(path) == kind


def test_the_digest_is_of_paths_and_contents() -> None:
    one = bundle_of([("index.html", b"1"), ("a.js", b"2")])
    assert one.digest == bundle_of([("a.js", b"2"), ("index.html", b"1")]).digest
    others: list[list[tuple[str, bytes]]] = [
        [("index.html", b"1"), ("a.js", b"3")],
        [("index.html", b"1"), ("b.js", b"2")],
        [("index.html", b"1")],
    ]
    assert one.digest not in {bundle_of(files).digest for files in others}


_names = st.from_regex(r"\A[a-z]{1,5}(/[a-z]{1,5})?\.(js|css|svg)\Z")


@given(st.dictionaries(_names.filter(lambda name: name != "flows.js"), st.binary(max_size=50)))
def test_what_is_packed_is_read_again(files: dict[str, bytes]) -> None:
    made = bundle_of([*PAGE.items(), *files.items()])
    packed = pack(made.files)
    assert read_bundle(packed) == made == Bundle(files=dict(sorted((PAGE | files).items())))
    assert pack(read_bundle(packed).files) == packed


ASKED = (
    Input(key="text", title="City"),
    Input(key="number", title="How many", kind=InputKind.NUMBER, required=False),
    Input(key="boolean", title="Sure", kind=InputKind.BOOLEAN, required=False),
    Input(key="file", title="Picture", kind=InputKind.FILE, required=False),
    Input(key="text_1", title="Size", required=False, choices=("S", "M")),
)


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        pytest.param({"City": "Ghent"}, {"text": "Ghent"}, id="by title"),
        pytest.param({"text": "Ghent"}, {"text": "Ghent"}, id="by key"),
        pytest.param({"city": "Ghent", "SURE": False}, {"text": "Ghent", "boolean": False},
                     id="in any case"),
        pytest.param({"City": "G", "How many": None}, {"text": "G"}, id="null is no answer"),
        pytest.param({"City": "G", "How many": 2.5}, {"text": "G", "number": 2.5}, id="a number"),
        pytest.param({"City": "G", "Size": "M"}, {"text": "G", "text_1": "M"}, id="a choice"),
        pytest.param(
            {"City": "G", "Picture": {"name": "a.png", "contentBytes": "AA=="}},
            {"text": "G", "file": {"name": "a.png", "contentBytes": "AA=="}},
            id="a file",
        ),
        pytest.param({}, r"fill in \*City\*", id="what is required is missing"),
        pytest.param({"City": None}, r"fill in \*City\*", id="null where it is required"),
        pytest.param({"City": 1}, r"\*City\* is a text", id="a number for a text"),
        pytest.param({"City": "G", "How many": "2"}, r"\*How many\* is a number", id="a text"),
        pytest.param({"City": "G", "How many": True}, r"\*How many\* is a number", id="a truth"),
        pytest.param({"City": "G", "Sure": "yes"}, r"\*Sure\* is true or false", id="a yes"),
        pytest.param({"City": "G", "Picture": "AA"}, r"\*Picture\* is a file", id="no file"),
        pytest.param({"City": "G", "Size": "XL"}, r"one of: S, M", id="not offered"),
        pytest.param({"City": "G", "Town": "H"}, r"nothing asks for `Town`; asked is \*City\*",
                     id="not asked"),
    ],
)  # fmt: skip
def test_programs_answer_by_key_or_title(given_: dict[str, Any], expected: Any) -> None:
    if isinstance(expected, dict):
        assert answers(ASKED, given_) == expected
        return
    with pytest.raises(Invalid, match=expected):
        answers(ASKED, given_)
