"""What the database refuses, said as errors of ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg import errors

from flowner.errors import Code, Conflict, Invalid, Unavailable


@contextmanager
def telling() -> Iterator[None]:
    """Raise an error of ours for what the database says about the values that it was given.

    What only a mistake of ours can cause is left as it is.
    """
    try:
        yield
    except errors.UniqueViolation as error:
        raise Conflict(
            "a row with the same key is there already", code=Code.ROW_DUPLICATE
        ) from error
    except (errors.IntegrityError, errors.DataError) as error:
        raise Invalid("a value does not fit its column") from error
    except (errors.ProgramLimitExceeded, errors.StatementTooComplex) as error:
        raise Invalid("the request is too large for one statement") from error
    except (errors.LockNotAvailable, errors.DeadlockDetected, errors.QueryCanceled) as error:
        raise Unavailable("somebody else holds the row: try again") from error
