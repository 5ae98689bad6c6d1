"""One event a line, with ids; of errors where and what kind, never their text."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
import structlog
from structlog.contextvars import bound_contextvars

from flowner.telemetry.logs import configure_logs

SECRET = "horse-battery-staple"


@pytest.fixture(autouse=True)
def quiet_again() -> Iterator[None]:
    yield
    configure_logs("text", "warning")


def fail() -> None:
    try:
        raise KeyError(SECRET)
    except KeyError as error:
        raise ValueError(f"cannot read {SECRET}") from error


@pytest.mark.parametrize("form", ["json", "text"])
@pytest.mark.parametrize("library", [False, True], ids=["ours", "a library's"])
def test_an_error_is_logged_with_its_place_and_without_its_text(
    form: str, library: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logs(form, "info")
    try:
        fail()
    except ValueError:
        if library:
            logging.getLogger("some.library").exception("it broke\nbecause of %s", SECRET)
        else:
            structlog.get_logger("ours").exception("it broke", run=7)
    out, said = capsys.readouterr()
    assert out == ""
    assert SECRET not in said
    assert "it broke" in said
    assert "ValueError" in said
    assert "test_logs.py" in said
    if form == "json":
        (line,) = said.splitlines()
        event = json.loads(line)
        assert event["error"] == "ValueError"
        assert event["because"] == "KeyError"
        assert event["where"][-1].endswith(" fail")
        assert event["timestamp"].endswith("Z")


def test_events_carry_the_ids_of_what_they_are_about(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("json", "info")
    log = structlog.get_logger("ours")
    with bound_contextvars(run=7, flow="f"):
        log.info("inside", path="Send")
        log.debug("too quiet")
    log.warning("outside")
    inside, outside = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert inside.items() >= {"event": "inside", "run": 7, "flow": "f", "path": "Send"}.items()
    assert "run" not in outside
    assert outside["level"] == "warning"


def test_libraries_that_name_addresses_are_not_heard(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("json", "debug")
    logging.getLogger("httpx").info("GET https://x.example/?sig=%s", SECRET)
    logging.getLogger("uvicorn.access").info("GET /hooks/x?sig=%s", SECRET)
    assert capsys.readouterr().err == ""
