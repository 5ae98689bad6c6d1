"""Bytes with a media type: base64, data URIs, form data and multipart bodies."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any, Final
from urllib.parse import parse_qsl, unquote_to_bytes

from flowner.expressions.arguments import a_string, a_whole, fail, wrong_type
from flowner.expressions.catalogue import Family, function
from flowner.expressions.scope import Scope
from flowner.expressions.text import CONTENT, CONTENT_TYPE, content_bytes, is_content, to_text

_F = Family.CONTENT
OCTETS: Final = "application/octet-stream"
_DATA: Final = re.compile(
    r"data:(?P<type>[^,]*?)(?P<base64>;base64)?,(?P<data>.*)", re.DOTALL | re.IGNORECASE
)


def content(data: bytes, media_type: str = OCTETS) -> dict[str, str]:
    """Return a content object."""
    return {CONTENT_TYPE: media_type, CONTENT: base64.b64encode(data).decode()}


def _bytes(value: Any) -> bytes:
    return content_bytes(value) if is_content(value) else to_text(value).encode("utf-8", "replace")


def _decoded(name: str, value: Any) -> bytes:
    text = a_string(name, 0, value)
    try:
        return base64.b64decode(re.sub(r"\s", "", text), validate=True)
    except (binascii.Error, ValueError):
        fail(
            name, "expects its parameter to be a base64 encoded string; the provided value is none."
        )


@function("base64", _F, "base64(value)", "In base64.", ("base64('hello')", "aGVsbG8="))
def base64_(value: Any) -> str:
    return base64.b64encode(_bytes(value)).decode()


@function("base64ToString", _F, "base64ToString(text)", "The text that base64 stands for.",
          ("base64ToString('aGVsbG8=')", "hello"))  # fmt: skip
def base64_to_string(value: Any) -> str:
    return _decoded("base64ToString", value).decode("utf-8", "replace")


@function("decodeBase64", _F, "decodeBase64(text)", "As `base64ToString`.",
          ("decodeBase64('aGVsbG8=')", "hello"))  # fmt: skip
def decode_base64(value: Any) -> str:
    return _decoded("decodeBase64", value).decode("utf-8", "replace")


@function("base64ToBinary", _F, "base64ToBinary(text)", "The bytes that base64 stands for.")
def base64_to_binary(value: Any) -> dict[str, str]:
    return content(_decoded("base64ToBinary", value))


@function("binary", _F, "binary(value)", "As bytes.",
          ("binary('hello')", {"$content-type": OCTETS, "$content": "aGVsbG8="}))  # fmt: skip
def binary(value: Any) -> dict[str, str]:
    return content(_bytes(value))


@function("dataUri", _F, "dataUri(value)", "As a data URI.",
          ("dataUri('hello')", "data:text/plain;charset=utf-8;base64,aGVsbG8="))  # fmt: skip
def data_uri(value: Any) -> str:
    if is_content(value):
        media, data = str(value[CONTENT_TYPE]), content_bytes(value)
    else:
        media = "text/plain" if isinstance(value, str) else "application/json"
        media, data = f"{media};charset=utf-8", _bytes(value)
    return f"data:{media};base64,{base64.b64encode(data).decode()}"


def _data(name: str, value: Any) -> tuple[str, bytes]:
    text = a_string(name, 0, value)
    match = _DATA.fullmatch(text)
    if match is None:
        fail(
            name,
            f"expects its parameter to be a valid data URI; the provided value is '{text[:200]}'.",
        )
    media = match["type"] or "text/plain;charset=US-ASCII"
    data = unquote_to_bytes(match["data"])
    if match["base64"]:
        try:
            data = base64.b64decode(data, validate=True)
        except (binascii.Error, ValueError):
            fail(name, "expects its parameter to be a valid data URI; its base64 is not valid.")
    return media, data


@function("dataUriToString", _F, "dataUriToString(uri)", "The text in a data URI.",
          ("dataUriToString('data:text/plain;base64,aGVsbG8=')", "hello"))  # fmt: skip
def data_uri_to_string(value: Any) -> str:
    return _data("dataUriToString", value)[1].decode("utf-8", "replace")


@function("decodeDataUri", _F, "decodeDataUri(uri)", "As `dataUriToString`.",
          ("decodeDataUri('data:text/plain;base64,aGVsbG8=')", "hello"))  # fmt: skip
def decode_data_uri(value: Any) -> str:
    return _data("decodeDataUri", value)[1].decode("utf-8", "replace")


@function("dataUriToBinary", _F, "dataUriToBinary(uri)", "The bytes in a data URI.")
def data_uri_to_binary(value: Any) -> dict[str, str]:
    media, data = _data("dataUriToBinary", value)
    return content(data, media)


def _fields(record: Any, name: str) -> list[tuple[str, str]]:
    body = record.get("outputs", {}).get("body") if isinstance(record, dict) else None
    if isinstance(body, dict) and is_content(body):
        body = content_bytes(body).decode("utf-8", "replace")
    if not isinstance(body, str):
        wrong_type(name, 0, "a form", body)
    return parse_qsl(body, keep_blank_values=True, max_num_fields=10_000)


@function(
    "formDataValue", _F, "formDataValue(action, name)", "One value of a form.", needs_scope=True
)
def form_data_value(scope: Scope, action: Any, name: Any) -> Any:
    record = scope.action(a_string("formDataValue", 0, action))
    return _one(
        "formDataValue", _fields(record, "formDataValue"), a_string("formDataValue", 1, name)
    )


@function("formDataMultiValues", _F, "formDataMultiValues(action, name)", "Every value of a name in a form.",
          needs_scope=True)  # fmt: skip
def form_data_multi_values(scope: Scope, action: Any, name: Any) -> list[str]:
    record = scope.action(a_string("formDataMultiValues", 0, action))
    wanted = a_string("formDataMultiValues", 1, name)
    return [value for key, value in _fields(record, "formDataMultiValues") if key == wanted]


@function("triggerFormDataValue", _F, "triggerFormDataValue(name)", "One value of the trigger's form.",
          needs_scope=True)  # fmt: skip
def trigger_form_data_value(scope: Scope, name: Any) -> Any:
    fields = _fields(scope.trigger(), "triggerFormDataValue")
    return _one("triggerFormDataValue", fields, a_string("triggerFormDataValue", 0, name))


@function("triggerFormDataMultiValues", _F, "triggerFormDataMultiValues(name)",
          "Every value of a name in the trigger's form.", needs_scope=True)  # fmt: skip
def trigger_form_data_multi_values(scope: Scope, name: Any) -> list[str]:
    wanted = a_string("triggerFormDataMultiValues", 0, name)
    fields = _fields(scope.trigger(), "triggerFormDataMultiValues")
    return [value for key, value in fields if key == wanted]


def _one(function_name: str, fields: list[tuple[str, str]], wanted: str) -> str | None:
    found = [value for key, value in fields if key == wanted]
    if len(found) > 1:
        fail(function_name, f"found more than one value of '{wanted}'.")
    return found[0] if found else None


def _part(record: Any, index: Any, name: str) -> Any:
    body = record.get("outputs", {}).get("body") if isinstance(record, dict) else None
    parts = body.get("$multipart") if isinstance(body, dict) else None
    place = a_whole(name, 0 if name.startswith("trigger") else 1, index)
    if not isinstance(parts, list) or not 0 <= place < len(parts):
        fail(name, f"found no part {place} in the body.")
    return parts[place].get("body")


@function("multipartBody", _F, "multipartBody(action, index)", "One part of a multipart body.",
          needs_scope=True)  # fmt: skip
def multipart_body(scope: Scope, action: Any, index: Any) -> Any:
    return _part(scope.action(a_string("multipartBody", 0, action)), index, "multipartBody")


@function("triggerMultipartBody", _F, "triggerMultipartBody(index)", "One part of the trigger's body.",
          needs_scope=True)  # fmt: skip
def trigger_multipart_body(scope: Scope, index: Any) -> Any:
    return _part(scope.trigger(), index, "triggerMultipartBody")
