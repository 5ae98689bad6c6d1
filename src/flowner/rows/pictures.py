"""Image columns: what is sent becomes a thumbnail and, where the column keeps it, the whole image.

A column ``photo`` has three beside it that the store writes: ``photoid``, ``photo_timestamp`` and
``photo_url``. Source:
https://learn.microsoft.com/power-apps/developer/data-platform/image-column-data
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from PIL import Image, ImageOps, UnidentifiedImageError

from flowner.clock import Clock
from flowner.database import Transaction
from flowner.errors import Code, Invalid
from flowner.rows.asking import Asking
from flowner.rows.catalogue import Table
from flowner.rows.describing import Described, Kind
from flowner.rows.files import StoredFile, drop_files, put_file, read_contents

SIDE: Final = 144
"""Pixels of a thumbnail's side; smaller images are not made larger."""
MOST_KB: Final = 30 * 1024
USUAL_KB: Final = 10 * 1024
_MOST_PIXELS: Final = 40_000_000
_FORMATS: Final = ("BMP", "GIF", "JPEG", "PNG", "TIFF")
_EPOCH: Final = 621_355_968_000_000_000
"""Ticks, of 100 ns, from the year 1 to 1970."""


@dataclass(frozen=True, slots=True)
class Picture:
    """An image that a request gives to a column; None: it takes the image away."""

    column: str
    thumbnail: bytes | None
    whole: StoredFile | None
    """None where the column keeps thumbnails alone."""


def image_columns(table: Table) -> list[str]:
    """Return the columns of a table that hold images."""
    return [name for name, about in table.described.items() if about.kind is Kind.IMAGE]


def beside(column: str, about: Described) -> dict[str, Described]:
    """Return the columns that an image column has beside it."""
    kinds = {f"{column}id": Kind.TEXT, f"{column}_timestamp": Kind.BIG, f"{column}_url": Kind.TEXT}
    return {
        name: Described(
            kind=kind,
            schema_name=f"{about.schema_name}{name.removeprefix(column)}",
            display_name=f"{about.display_name}{name.removeprefix(column)}",
            details={"AttributeOf": column},
        )
        for name, kind in kinds.items()
    }


async def take_pictures(
    asking: Asking, given: dict[str, Any], key: str, clock: Clock
) -> list[Picture]:
    """Take the images out of what is to be written, and write what the store says of them.

    `Invalid` where a text is no image, or too large, or a column is written that only the store
    writes.
    """
    table, found = asking.table, []
    for column, value in list(given.items()):
        about = table.described.get(column)
        if about is None:
            continue
        if "AttributeOf" in about.details:
            raise Invalid(
                f"the column `{column}` is written with `{about.details['AttributeOf']}`",
                code=Code.BAD_BODY,
            )
        if about.kind is Kind.IMAGE:
            picture = Picture(column, None, None)
            if value:
                content = _decoded(column, str(value))
                picture = await asyncio.to_thread(_pictured, column, about, content)
            id = None if picture.thumbnail is None else clock.fresh_guid()
            given |= _said(table, picture, key, (id, clock.now()))
            found.append(picture)
    return found


async def keep_pictures(asking: Asking, key: str, pictures: Iterable[Picture]) -> None:
    """Keep the images of a row that is written, and forget those that they replace."""
    name = asking.table.name
    for picture in pictures:
        await drop_files(asking.transaction, name, key, picture.column)
        await drop_files(asking.transaction, name, key, thumbnail_of(picture.column))
        if picture.thumbnail is not None:
            small = StoredFile(
                name=f"{picture.column}.jpg", media_type="image/jpeg", content=picture.thumbnail
            )
            place = (name, thumbnail_of(picture.column), key)
            await put_file(asking.transaction, place, small)
        if picture.whole is not None:
            await put_file(asking.transaction, (name, picture.column, key), picture.whole)


async def thumbnails(
    transaction: Transaction, table: str, column: str, ids: Sequence[str]
) -> Mapping[str, str]:
    """Return the thumbnails of rows in base64, by the rows' ids: 1 query."""
    found = await read_contents(transaction, table, thumbnail_of(column), ids)
    return {id: base64.b64encode(content).decode() for id, content in found.items()}


def thumbnail_of(column: str) -> str:
    """Return under what name a column's thumbnails are kept."""
    return f"{column} thumbnail"


def _decoded(column: str, text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Invalid(f"the image for `{column}` is not in base64", code=Code.BAD_BODY) from None


def _pictured(column: str, about: Described, content: bytes) -> Picture:
    most = min(int(about.details.get("MaxSizeInKB", USUAL_KB)), MOST_KB)
    if len(content) > most * 1024:
        raise Invalid(f"the image for `{column}` is larger than {most} KB", code=Code.TOO_LARGE)
    try:
        with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
            if image.width * image.height > _MOST_PIXELS:
                raise Image.DecompressionBombError
            kind = f"image/{(image.format or 'jpeg').lower()}"
            small = _thumbnail(image)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise Invalid(
            f"the image for `{column}` has more than {_MOST_PIXELS} pixels", code=Code.TOO_LARGE
        ) from None
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError):
        raise Invalid(
            f"`{column}` takes images: {', '.join(_FORMATS)}", code=Code.BAD_BODY
        ) from None
    whole = None
    if about.details.get("CanStoreFullImage"):
        name = f"{column}.{kind.removeprefix('image/')}"
        whole = StoredFile(name=name, media_type=kind, content=content)
    return Picture(column, small, whole)


def _thumbnail(image: Image.Image) -> bytes:
    """Cut the middle square out, make it small, and write it as JPEG."""
    if image.mode not in ("L", "RGB", "RGBA"):
        image = image.convert("RGBA")
    side = min(SIDE, *image.size)
    square = ImageOps.exif_transpose(ImageOps.fit(image, (side, side))).convert("RGBA")
    ground = Image.new("RGB", square.size, "white")
    ground.paste(square, mask=square.getchannel("A"))
    written = io.BytesIO()
    ground.save(written, "JPEG", quality=85)
    return written.getvalue()


def _said(
    table: Table, picture: Picture, key: str, what: tuple[str | None, datetime]
) -> dict[str, Any]:
    id, now = what
    column = picture.column
    if id is None:
        return dict.fromkeys((column, f"{column}id", f"{column}_timestamp", f"{column}_url"))
    ticks = _EPOCH + int(now.timestamp() * 10_000_000)
    url = f"/api/data/v9.2/{table.set_name}({key})/{column}/$value?size=full"
    return {column: id, f"{column}id": id, f"{column}_timestamp": ticks, f"{column}_url": url}
