"""Content objects: bytes with a media type, in JSON ``{"$content-type", "$content"}``."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from flowner.expressions.text import CONTENT, CONTENT_TYPE, content_bytes, is_content, to_text, utf8

OCTETS: Final = "application/octet-stream"
_DATA: Final = re.compile(r"data:(?P<header>[^,]*),(?P<data>.*)", re.DOTALL | re.IGNORECASE)


def content(data: bytes, media_type: str = OCTETS) -> dict[str, str]:
    """Return a content object."""
    return {CONTENT_TYPE: media_type, CONTENT: base64.b64encode(data).decode()}


def bytes_of(value: Any) -> bytes:
    """Return a value's bytes: a content object's own, or those of the value as text."""
    return content_bytes(value) if is_content(value) else utf8(to_text(value))


def read_base64(text: str) -> bytes | None:
    """Decode base64 with white space in it; None: it is none."""
    try:
        return base64.b64decode(re.sub(r"[ \t\r\n]", "", text), validate=True)
    except (binascii.Error, ValueError):
        return None


def unescape(text: str) -> bytes:
    """Return the bytes of a form's or an address's text: ``%20`` and ``+`` are spaces."""
    return unquote_to_bytes(utf8(text.replace("+", " ")))


def read_data_uri(text: str) -> tuple[str, str, bool] | None:
    """Return a data URI's media type, its data as written, and whether these are base64."""
    match = _DATA.fullmatch(text)
    if match is None:
        return None
    media, *parameters = match["header"].split(";")
    encoded = bool(parameters) and parameters[-1].lower() == "base64"
    if encoded:
        parameters.pop()
    elif not parameters and media.lower() == "base64":
        media, encoded = "", True
    if "" in parameters:
        return None
    return ";".join([media or "text/plain", *parameters]), match["data"], encoded
