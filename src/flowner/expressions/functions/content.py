"""Bytes with a media type: base64, data URIs, form data and multipart bodies."""

from __future__ import annotations

import base64
import re
from typing import Any, Final, NoReturn
from urllib.parse import parse_qsl

from flowner.expressions.arguments import (
    SOLE,
    a_string,
    a_whole,
    bounded,
    fail,
    not_convertible,
    wrong_type,
)
from flowner.expressions.catalogue import Family, function
from flowner.expressions.content_objects import (
    OCTETS,
    bytes_of,
    content,
    read_base64,
    read_data_uri,
    unescape,
)
from flowner.expressions.errors import ExpressionError
from flowner.expressions.scope import Scope
from flowner.expressions.text import CONTENT, CONTENT_TYPE, is_content

_F = Family.CONTENT
_CHARSETS: Final = frozenset({"utf-8", "utf-16", "utf-32", "utf-7", "us-ascii"})
_MEDIA_TYPE: Final = re.compile(r"[^\s;/=,]+/[^\s;/=,]+(;\s*[^\s;=/]+(=[^\s;=]*)?)*", re.IGNORECASE)
_CHARSET: Final = re.compile(r";\s*charset=\"?([^;\"]*)", re.IGNORECASE)
MAX_FIELDS: Final = 10_000
_HELLO: Final = {"$content-type": OCTETS, "$content": "aGVsbG8="}


@function("base64", _F, "base64(value)", "In base64.", ("base64('hello')", "aGVsbG8="),
          errors=(("base64(1)", "a string, an object or an array"),))  # fmt: skip
def base64_(value: Any) -> str:
    if not isinstance(value, str | dict | list):
        wrong_type("base64", SOLE, "a string, an object or an array", value)
    return bounded("base64", base64.b64encode(bytes_of(value)).decode())


def _decoded(name: str, value: Any) -> bytes:
    data = read_base64(a_string(name, 0, value))
    if data is None:
        fail(
            name,
            "was invoked with a parameter that is not valid. The value cannot be decoded from"
            " base64 representation.",
        )
    return data


@function("base64ToString", _F, "base64ToString(text)", "The text that base64 stands for.",
          ("base64ToString('aGVsbG8=')", "hello"),
          errors=(("base64ToString('***')", "cannot be decoded from base64"),))  # fmt: skip
def base64_to_string(value: Any) -> str:
    return _decoded("base64ToString", value).decode("utf-8", "replace")


@function("decodeBase64", _F, "decodeBase64(text)", "As `base64ToString`.",
          ("decodeBase64('aGVsbG8=')", "hello"),
          errors=(("decodeBase64('*')", "cannot be decoded from base64"),))  # fmt: skip
def decode_base64(value: Any) -> str:
    return _decoded("decodeBase64", value).decode("utf-8", "replace")


@function("base64ToBinary", _F, "base64ToBinary(text)", "The bytes that base64 stands for.",
          ("base64ToBinary('aGVsbG8=')", _HELLO),
          errors=(("base64ToBinary('aa')", "cannot be decoded from base64"),))  # fmt: skip
def base64_to_binary(value: Any) -> dict[str, str]:
    _decoded("base64ToBinary", value)
    return {CONTENT_TYPE: OCTETS, CONTENT: value}


@function("binary", _F, "binary(value)", "As bytes.", ("binary('hello')", _HELLO),
          errors=(("binary(null)", "cannot be converted to the target type"),))  # fmt: skip
def binary(value: Any) -> dict[str, str]:
    return not_convertible("binary") if value is None else content(bytes_of(value))


@function("dataUri", _F, "dataUri(value)", "As a data URI.",
          ("dataUri('hello')", "data:text/plain;charset=utf-8;base64,aGVsbG8="),
          ("dataUri(1)", "data:application/json;charset=utf-8;base64,MQ=="),
          errors=(("dataUri(null)", "cannot be converted to the target type"),))  # fmt: skip
def data_uri(value: Any) -> str:
    if value is None:
        not_convertible("dataUri")
    if is_content(value):
        media = str(value[CONTENT_TYPE])
    else:
        media = f"{'text/plain' if isinstance(value, str) else 'application/json'};charset=utf-8"
    return bounded("dataUri", f"data:{media};base64,{base64.b64encode(bytes_of(value)).decode()}")


def _data(name: str, value: Any) -> tuple[str, str, bool]:
    text = a_string(name, 0, value)
    found = read_data_uri(text)
    if found is None:
        fail(
            name,
            "expects its parameter to be formatted as a valid data URI. The provided value"
            f" '{text[:200]}' was not formatted correctly.",
        )
    return found


def _data_text(name: str, value: Any) -> str:
    media, data, encoded = _data(name, value)
    first = media.split(";")[1:2]
    charset = first[0].lower().partition("charset=")[2] if first else ""
    if first and first[0].lower().startswith("charset=") and charset not in _CHARSETS:
        fail(
            name,
            f"parameter is not valid. The provided charset '{first[0][8:]}' is not supported.",
        )
    read = read_base64(data) if encoded else unescape(data)
    if read is None:
        not_convertible(name)
    return read.decode("utf-8", "replace")


@function("dataUriToString", _F, "dataUriToString(uri)", "The text in a data URI.",
          ("dataUriToString('data:text/plain;base64,aGVsbG8=')", "hello"),
          ("dataUriToString('data:,a%20b')", "a b"),
          errors=(("dataUriToString('hello')", "valid data URI"),
                  ("dataUriToString('data:text/plain;charset=nope,a')", "is not supported")))  # fmt: skip
def data_uri_to_string(value: Any) -> str:
    return _data_text("dataUriToString", value)


@function("decodeDataUri", _F, "decodeDataUri(uri)", "As `dataUriToString`.",
          ("decodeDataUri('data:text/plain;base64,aGVsbG8=')", "hello"),
          errors=(("decodeDataUri('hello')", "valid data URI"),))  # fmt: skip
def decode_data_uri(value: Any) -> str:
    return _data_text("decodeDataUri", value)


@function("dataUriToBinary", _F, "dataUriToBinary(uri)", "The bytes in a data URI, with its media type.",
          ("dataUriToBinary('data:text/plain;base64,aGVsbG8=')",
           {"$content-type": "text/plain", "$content": "aGVsbG8="}),
          errors=(("dataUriToBinary('data:plain,a')", "not well formed"),
                  ("dataUriToBinary('data:a/b;charset=nope,a')", "character set 'nope'")))  # fmt: skip
def data_uri_to_binary(value: Any) -> dict[str, str]:
    media, data, encoded = _data("dataUriToBinary", value)
    if not _MEDIA_TYPE.fullmatch(media):
        raise ExpressionError(
            f"The provided content-type header value '{media[:200]}' is not well formed."
        )
    charset = _CHARSET.search(media)
    if charset is not None and charset[1].lower() not in _CHARSETS | {"ascii"}:
        raise ExpressionError(
            f"The provided content-type character set '{charset[1]}' is not valid. Please use a"
            " Unicode character set such as UTF-8 or ASCII character set."
        )
    return {CONTENT_TYPE: media, CONTENT: data} if encoded else content(unescape(data), media)


def _fields(record: Any, name: str) -> list[tuple[str, str]]:
    """Return a form's names and values, as the host split them or from the body's text."""
    outputs = record.get("outputs") if isinstance(record, dict) else None
    body = outputs.get("body") if isinstance(outputs, dict) else None
    if isinstance(body, dict) and isinstance(body.get("$formdata"), list):
        pairs = [one for one in body["$formdata"] if isinstance(one, dict)]
        return [(str(one.get("key", "")), str(one.get("value", ""))) for one in pairs]
    if is_content(body):
        body = bytes_of(body).decode("utf-8", "replace")
    if not isinstance(body, str):
        fail(
            name, "found no form in the body: it is not of type application/x-www-form-urlencoded."
        )
    try:
        return parse_qsl(body, keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError:
        fail(name, f"found a form of more than {MAX_FIELDS} values.")


def _one(name: str, fields: list[tuple[str, str]], wanted: str) -> str:
    found = [value for key, value in fields if key == wanted]
    if not found:
        _absent(name, wanted)
    if len(found) > 1:
        fail(name, f"found more than one value of '{wanted}'.")
    return found[0]


def _absent(name: str, wanted: str) -> NoReturn:
    fail(name, f"found no value of '{wanted}' in the form.")


def _all(name: str, fields: list[tuple[str, str]], wanted: str) -> list[str]:
    found = [value for key, value in fields if key == wanted]
    return found or _absent(name, wanted)


@function("formDataValue", _F, "formDataValue(action, name)", "The one value of a name in an action's form.",
          ("formDataValue('Form', 'subject')", "Hello"),
          errors=(("formDataValue('Form', 'nope')", "no value of 'nope'"),
                  ("formDataValue('Form', 'to')", "more than one value")), needs_scope=True)  # fmt: skip
def form_data_value(scope: Scope, action: Any, name: Any) -> str:
    record = scope.action(a_string("formDataValue", 0, action))
    wanted = a_string("formDataValue", 1, name)
    return _one("formDataValue", _fields(record, "formDataValue"), wanted)


@function("formDataMultiValues", _F, "formDataMultiValues(action, name)",
          "Every value of a name in an action's form.", ("formDataMultiValues('Form', 'to')", ["a", "b"]),
          errors=(("formDataMultiValues('Form', 'nope')", "no value of 'nope'"),), needs_scope=True)  # fmt: skip
def form_data_multi_values(scope: Scope, action: Any, name: Any) -> list[str]:
    record = scope.action(a_string("formDataMultiValues", 0, action))
    wanted = a_string("formDataMultiValues", 1, name)
    return _all("formDataMultiValues", _fields(record, "formDataMultiValues"), wanted)


@function("triggerFormDataValue", _F, "triggerFormDataValue(name)",
          "The one value of a name in the trigger's form.", ("triggerFormDataValue('subject')", "Hello"),
          errors=(("triggerFormDataValue('nope')", "no value of 'nope'"),), needs_scope=True)  # fmt: skip
def trigger_form_data_value(scope: Scope, name: Any) -> str:
    fields = _fields(scope.trigger(), "triggerFormDataValue")
    return _one("triggerFormDataValue", fields, a_string("triggerFormDataValue", 0, name))


@function("triggerFormDataMultiValues", _F, "triggerFormDataMultiValues(name)",
          "Every value of a name in the trigger's form.", ("triggerFormDataMultiValues('to')", ["a", "b"]),
          errors=(("triggerFormDataMultiValues(1)", "of type string"),), needs_scope=True)  # fmt: skip
def trigger_form_data_multi_values(scope: Scope, name: Any) -> list[str]:
    wanted = a_string("triggerFormDataMultiValues", 0, name)
    fields = _fields(scope.trigger(), "triggerFormDataMultiValues")
    return _all("triggerFormDataMultiValues", fields, wanted)


def _part(record: Any, index: Any, name: str) -> Any:
    outputs = record.get("outputs") if isinstance(record, dict) else None
    body = outputs.get("body") if isinstance(outputs, dict) else None
    parts = body.get("$multipart") if isinstance(body, dict) else None
    place = a_whole(name, 0 if name.startswith("trigger") else 1, index)
    if not isinstance(parts, list):
        fail(name, "found no parts in the body: it is not of type multipart.")
    if not 0 <= place < len(parts):
        fail(name, f"found no part {place}: the body has {len(parts)}.")
    return parts[place].get("body") if isinstance(parts[place], dict) else None


@function("multipartBody", _F, "multipartBody(action, index)", "One part of a multipart body.",
          ("multipartBody('Parts', 0)", "first"),
          errors=(("multipartBody('Parts', 2)", "the body has 2"),), needs_scope=True)  # fmt: skip
def multipart_body(scope: Scope, action: Any, index: Any) -> Any:
    return _part(scope.action(a_string("multipartBody", 0, action)), index, "multipartBody")


@function("triggerMultipartBody", _F, "triggerMultipartBody(index)",
          "One part of the trigger's multipart body.",
          errors=(("triggerMultipartBody(0)", "not of type multipart"),), needs_scope=True)  # fmt: skip
def trigger_multipart_body(scope: Scope, index: Any) -> Any:
    return _part(scope.trigger(), index, "triggerMultipartBody")
