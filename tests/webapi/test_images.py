"""Image columns over HTTP: a thumbnail where it is asked for, the whole image where it is kept."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

from flowner.rows import registry
from flowner.rows.callers import Caller
from flowner.values import PrincipalId
from webapi.conftest import SPACE, Door, column, refused

COLUMNS = "EntityDefinitions(LogicalName='contact')/Attributes"
NAME = {"x-ms-file-name": "face.png"}


def drawn(width: int, height: int, kind: str = "PNG", color: str = "red") -> bytes:
    written = io.BytesIO()
    Image.new("RGB", (width, height), color).save(written, kind)
    return written.getvalue()


def text(content: bytes) -> str:
    return base64.b64encode(content).decode()


def size(content: bytes | str) -> tuple[int, int]:
    raw = base64.b64decode(content) if isinstance(content, str) else content
    with Image.open(io.BytesIO(raw)) as image:
        assert image.format == "JPEG"
        return image.size


@pytest.fixture(scope="module", autouse=True)
def columns(door: Door) -> None:
    for one in (
        column("Image", "new_Face", CanStoreFullImage=True, MaxSizeInKB=100),
        column("Image", "new_Badge"),
    ):
        answer = door.ask("POST", COLUMNS, "admin", json=one)
        assert answer.status_code == 204, answer.text


def test_an_image_is_a_thumbnail_where_it_is_asked_for(door: Door) -> None:
    id = door.make("contacts", fullname="Face", new_face=text(drawn(400, 200)))
    row = door.get(f"contacts({id})").json()
    assert "new_face" not in row
    assert row["new_face_url"].endswith(f"/contacts({id})/new_face/$value?size=full")
    assert row["new_face_timestamp"] > 638_000_000_000_000_000
    assert len(row["new_faceid"]) == 36
    (row,) = door.value(f"contacts?$select=fullname,new_face&$filter=contactid eq {id}")
    assert size(row["new_face"]) == (144, 144)
    assert "new_face_url" not in row
    row = door.get(f"contacts({id})?$select=new_face,new_face_timestamp").json()
    assert size(row["new_face"]) == (144, 144)
    assert row["new_face_timestamp"]
    found = door.value("contacts?$filter=new_faceid ne null&$select=contactid,new_face_url")
    assert id in {row["contactid"] for row in found}


@pytest.mark.parametrize(
    ("width", "height", "kind", "small"),
    [(50, 50, "GIF", (50, 50)), (50, 80, "BMP", (50, 50)), (300, 300, "TIFF", (144, 144)),
     (144, 1000, "JPEG", (144, 144))],
)  # fmt: skip
def test_thumbnails_are_square_and_never_larger(
    door: Door, width: int, height: int, kind: str, small: tuple[int, int]
) -> None:
    id = door.make("contacts", fullname="Size", new_badge=text(drawn(width, height, kind)))
    assert size(door.get(f"contacts({id})/new_badge/$value").content) == small


def test_the_whole_image_is_there_where_the_column_keeps_it(door: Door) -> None:
    whole = drawn(300, 200)
    id = door.make("contacts", fullname="Whole", new_face=text(whole), new_badge=text(whole))
    path = f"contacts({id})/new_face"
    assert door.get(f"{path}/$value?size=full").content == whole
    assert door.get(f"{path}/$value?size=full").headers["Content-Type"] == "image/png"
    assert size(door.get(f"{path}/$value").content) == (144, 144)
    assert size(door.get(path).json()["value"]) == (144, 144)
    assert size(door.get(f"contacts({id})/new_badge/$value?size=full").content) == (144, 144)
    refused(door.get(f"{path}/$value?size=huge"), 400)
    url = door.get(f"contacts({id})?$select=new_face_url").json()["new_face_url"]
    assert door.get(f"{door.address}{url}").content == whole


def test_an_image_is_sent_like_a_file_and_taken_away(door: Door, run: Callable[..., Any]) -> None:
    id = door.make("contacts", fullname="Sent")
    path, blue = f"contacts({id})/new_face", drawn(20, 20, color="blue")
    assert door.get(f"{path}/$value").status_code == 204
    assert door.ask("PUT", path, content=blue, headers=NAME).status_code == 204
    assert door.get(f"{path}/$value?size=full").content == blue
    first = door.get(f"contacts({id})").json()["new_faceid"]
    assert door.ask("PATCH", f"contacts({id})", json={"new_face": text(drawn(9, 9))}).is_success
    assert size(door.get(f"{path}/$value").content) == (9, 9)
    assert door.get(f"contacts({id})").json()["new_faceid"] != first
    assert door.ask("DELETE", path).status_code == 204
    row = door.get(f"contacts({id})?$select=new_face,new_face_url,new_faceid").json()
    assert (row["new_face"], row["new_face_url"], row["new_faceid"]) == (None, None, None)

    async def kept() -> list[Any]:
        async with door.house.database.transaction() as t:
            return await registry.select(t, "filecontent", {"rowid": id})

    assert run(kept()) == []
    assert door.ask("PATCH", f"contacts({id})", json={"new_face": text(blue)}).is_success
    assert len(run(kept())) == 2
    assert door.ask("DELETE", f"contacts({id})").status_code == 204
    assert run(kept()) == []


@pytest.mark.parametrize(
    "values",
    [
        {"new_face": "no base64!"},
        {"new_face": text(b"no image")},
        {"new_face": text(b"<svg xmlns='http://www.w3.org/2000/svg'/>")},
        {"new_face": text(drawn(10, 10)[:40])},
        {"new_face": 5},
        {"new_face_url": "http://elsewhere.example"},
        {"new_face_timestamp": 5},
        {"new_faceid": "x"},
    ],
)
def test_what_is_no_image_is_refused(door: Door, values: dict[str, Any]) -> None:
    refused(door.ask("POST", "contacts", json={"fullname": "Refused", **values}), 400)


def test_an_image_is_not_larger_than_its_column_takes(door: Door) -> None:
    large = drawn(400, 400, "BMP")
    assert len(large) > 100 * 1024
    refused(door.ask("POST", "contacts", json={"fullname": "x", "new_face": text(large)}), 413)
    id = door.make("contacts", fullname="Large")
    refused(door.ask("PUT", f"contacts({id})/new_face", content=large, headers=NAME), 413)
    # A small file may unfold into more than anybody wants to hold.
    bomb = drawn(20_000, 20_000)
    answer = door.ask("PATCH", f"contacts({id})", json={"new_badge": text(bomb)})
    refused(answer, 413)


def test_images_follow_the_law(door: Door, run: Callable[..., Any]) -> None:
    id = door.make("contacts", fullname="Law", new_face=text(drawn(20, 20)))
    path = f"contacts({id})/new_face"
    refused(door.get(f"{path}/$value", "ben"), 403, "0x80048306")
    refused(door.ask("PUT", path, "ben", content=drawn(9, 9), headers=NAME), 403)
    ann = Caller(PrincipalId(door.people["ann"]))
    refused_store = {"new_face_url": "http://elsewhere.example"}
    with pytest.raises(Exception, match="is written with"):
        run(door.house.store.update(ann, "contact", id, refused_store))

    async def secure() -> str:
        async with door.house.database.transaction() as t:
            row = {"tablename": "contact", "columnname": "new_face"}
            return await registry.insert(t, "securedcolumn", row, by=None)

    async def free(secured: str) -> None:
        async with door.house.database.transaction() as t:
            await registry.delete(t, "securedcolumn", {"securedcolumnid": secured})

    secured = run(secure())
    try:
        row = door.get(f"contacts({id})?$select=new_face,new_face_url,new_face_timestamp").json()
        assert {row[name] for name in ("new_face", "new_face_url", "new_face_timestamp")} == {None}
        assert door.get(f"{path}/$value").status_code == 204
        refused(door.get("contacts?$filter=new_faceid ne null"), 403, "0x8004f504")
        refused(door.ask("PUT", path, content=drawn(9, 9), headers=NAME), 403)
        refused(door.ask("DELETE", path), 403)
        assert size(door.get(f"{path}/$value", "admin").content) == (20, 20)
    finally:
        run(free(secured))


def test_the_metadata_tells_of_images(door: Door) -> None:
    told = door.get(f"{COLUMNS}(LogicalName='new_face')", "admin").json()
    assert told["@odata.type"].endswith("ImageAttributeMetadata")
    assert (told["CanStoreFullImage"], told["MaxSizeInKB"], told["MaxWidth"]) == (True, 100, 144)
    beside = door.get(f"{COLUMNS}(LogicalName='new_face_url')", "admin").json()
    assert beside["AttributeOf"] == "new_face"
    made = door.ask("POST", COLUMNS, "admin", json=column("Image", "new_Gone"))
    assert made.status_code == 204
    door.make("contacts", fullname="Gone", new_gone=text(drawn(5, 5)))
    refused(door.ask("DELETE", f"{COLUMNS}(LogicalName='new_gone_url')", "admin"), 400)
    assert door.ask("DELETE", f"{COLUMNS}(LogicalName='new_gone')", "admin").status_code == 204
    refused(door.get(f"{COLUMNS}(LogicalName='new_gone_url')", "admin"), 404)
    bound = {"Targets": [{"@odata.type": f"{SPACE}contact", "fullname": "x"}]}
    assert door.ask("POST", f"contacts/{SPACE}CreateMultiple", json=bound).status_code == 200
