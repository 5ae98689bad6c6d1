"""Bring a database to the newest revision. Safe when several processes start at once."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).with_name("migrations")
_REVISION = re.compile(r'^revision = "(\w+)"', re.MULTILINE)
_FOLLOWED = re.compile(r'^down_revision = "(\w+)"', re.MULTILINE)
LOCK = 7_310_001
"""An advisory lock's number: whoever holds it migrates, the others wait."""


def newest_revision() -> str:
    """Return the revision that no other follows, read from the migrations' own text.

    So whoever only wants to know whether anything is missing need not load what migrates.
    """
    found, followed = _revisions()
    (newest,) = found - followed
    return newest


def earlier_revisions() -> frozenset[str]:
    """Return the revisions that others follow: a database at one of them lacks something."""
    return _revisions()[1]


def known_revisions() -> frozenset[str]:
    """Return every revision that this release can bring up to date."""
    return _revisions()[0]


@cache
def _revisions() -> tuple[frozenset[str], frozenset[str]]:
    """Return all revisions, and those that others follow."""
    texts = [path.read_text(encoding="utf-8") for path in (_FOLDER / "versions").glob("*.py")]
    found, followed = (
        frozenset(str(name) for text in texts for name in pattern.findall(text))
        for pattern in (_REVISION, _FOLLOWED)
    )
    return found, followed


def migrate(url: str) -> None:
    """Run what is missing. Blocking: call it from a thread."""
    from alembic import command  # noqa: PLC0415 - a fifth of a second that few starts need
    from alembic.config import Config  # noqa: PLC0415
    from sqlalchemy import create_engine, make_url, text  # noqa: PLC0415
    from sqlalchemy.pool import NullPool  # noqa: PLC0415

    engine = create_engine(
        make_url(url).set(drivername="postgresql+psycopg"), poolclass=NullPool, future=True
    )
    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    config.set_main_option("path_separator", "os")
    with engine.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": LOCK})
        try:
            connection.commit()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()
        finally:
            connection.rollback()
            connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": LOCK})
            connection.commit()
    engine.dispose()
