"""The functions of Dataverse that ``$filter`` knows, said in plain comparisons.

Days are those of UTC; weeks begin on Sunday. Source:
https://learn.microsoft.com/power-apps/developer/data-platform/webapi/reference/queryfunctions
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from flowner.errors import Invalid
from flowner.odata.syntax import (
    FALSE,
    And,
    Column,
    Compare,
    Comparison,
    Function,
    In,
    Like,
    Not,
    Or,
    Predicate,
    Related,
    Test,
    TextTest,
    Value,
)

_MOST: Final = 2000
_LONG: Final = 36_500


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Who asks, and when: what functions such as ``Today`` and ``EqualUserId`` depend on."""

    now: datetime
    user: str
    teams: frozenset[str] = frozenset()
    business_unit: str = ""


def settled(predicate: Predicate, asker: Asker) -> Predicate:
    """Return the predicate with its functions said in comparisons."""
    match predicate:
        case And(parts):
            return And(tuple(settled(part, asker) for part in parts))
        case Or(parts):
            return Or(tuple(settled(part, asker) for part in parts))
        case Not(part):
            return replace(predicate, part=settled(part, asker))
        case Related(_, part):
            return replace(predicate, part=settled(part, asker))
        case Function(name, column, values):
            try:
                return _SAID[name](column, values, asker)
            except OverflowError:
                raise Invalid(
                    f"the dates of `{name}` lie outside the calendar", position=column.position
                ) from None
        case _:
            return predicate


_Saying = Callable[[Column, tuple[Value, ...], Asker], Predicate]


def _in(column: Column, values: tuple[Value, ...]) -> Predicate:
    return In(column, values)


def _filled(column: Column) -> Predicate:
    return Compare(Comparison.NE, column, None)


def _between(column: Column, low: Value, high: Value) -> Predicate:
    return And((Compare(Comparison.GE, column, low), Compare(Comparison.LE, column, high)))


def _span(column: Column, start: datetime, end: datetime) -> Predicate:
    """Return that the column lies in the span; the end is not in it."""
    return And((Compare(Comparison.GE, column, start), Compare(Comparison.LT, column, end)))


def _day(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _days(first: int, after: int) -> _Saying:
    def say(column: Column, values: tuple[Value, ...], asker: Asker) -> Predicate:
        del values
        today = _day(asker.now)
        return _span(column, today + timedelta(first), today + timedelta(after))

    return say


def _weeks(offset: int) -> _Saying:
    def say(column: Column, values: tuple[Value, ...], asker: Asker) -> Predicate:
        del values
        today = _day(asker.now)
        sunday = today - timedelta((today.weekday() + 1) % 7) + timedelta(weeks=offset)
        return _span(column, sunday, sunday + timedelta(7))

    return say


def _month(moment: datetime, offset: int) -> datetime:
    months = moment.year * 12 + moment.month - 1 + offset
    if not 12 <= months < 12 * 9999:
        raise Invalid("the months of the filter lie outside the calendar")
    return _day(moment).replace(year=months // 12, month=months % 12 + 1, day=1)


def _months(offset: int) -> _Saying:
    def say(column: Column, values: tuple[Value, ...], asker: Asker) -> Predicate:
        del values
        return _span(column, _month(asker.now, offset), _month(asker.now, offset + 1))

    return say


def _years(offset: int) -> _Saying:
    def say(column: Column, values: tuple[Value, ...], asker: Asker) -> Predicate:
        del values
        january = _month(asker.now, offset * 12 - asker.now.astimezone(UTC).month + 1)
        return _span(column, january, _month(january, 12))

    return say


def _number(values: tuple[Value, ...]) -> int:
    try:
        count = int(str(values[0]))
    except ValueError:
        count = 0
    if not 0 < count <= _LONG:
        raise Invalid(
            f"`{str(values[0])[:20]}` is no number of hours, days, weeks, months or years"
        )
    return count


def _last(unit: str) -> _Saying:
    def say(column: Column, values: tuple[Value, ...], asker: Asker) -> Predicate:
        start = _back(asker.now, unit, _number(values))
        return _between(column, start, asker.now)

    return say


def _next(unit: str) -> _Saying:
    def say(column: Column, values: tuple[Value, ...], asker: Asker) -> Predicate:
        count = _number(values)
        if unit in ("Months", "Years"):
            months = count if unit == "Months" else count * 12
            first = _month(asker.now, months)
            end = _within_month(first, asker.now.day) + timedelta(1)
        else:
            end = asker.now + _step(unit, count)
            end = end if unit == "Hours" else _day(end) + timedelta(1)
        return And((Compare(Comparison.GT, column, asker.now), Compare(Comparison.LT, column, end)))

    return say


def _older(unit: str) -> _Saying:
    def say(column: Column, values: tuple[Value, ...], asker: Asker) -> Predicate:
        return Compare(Comparison.LT, column, _back(asker.now, unit, _number(values)))

    return say


def _back(now: datetime, unit: str, count: int) -> datetime:
    if unit in ("Months", "Years"):
        return _within_month(_month(now, -count if unit == "Months" else -count * 12), now.day)
    if unit in ("Hours", "Minutes"):
        return now - _step(unit, count)
    return _day(now - _step(unit, count))


def _step(unit: str, count: int) -> timedelta:
    return timedelta(**{unit.lower(): count})


def _within_month(first: datetime, day: int) -> datetime:
    following = _month(first, 1)
    return min(first + timedelta(day - 1), following - timedelta(1))


def _on(column: Column, values: tuple[Value, ...], asker: Asker) -> Predicate:
    del asker
    day = _day(_moment(values[0]))
    return _span(column, day, day + timedelta(1))


def _on_or(op: Comparison) -> _Saying:
    def say(column: Column, values: tuple[Value, ...], asker: Asker) -> Predicate:
        del asker
        day = _day(_moment(values[0]))
        if op is Comparison.GE:
            return Compare(op, column, day)
        return Compare(Comparison.LT, column, day + timedelta(1))

    return say


def _moment(value: Value) -> datetime:
    if isinstance(value, datetime):
        return value
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        raise Invalid(f"`{str(value)[:40]}` is no date") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _has_choices(column: Column, values: tuple[Value, ...], asker: Asker) -> Predicate:
    del asker
    parts: list[Predicate] = []
    for one in values:
        forms = (f"{one}", f"{one},%", f"%,{one}", f"%,{one},%")
        parts += [Like(column, form) for form in forms]
    return Or(tuple(parts))


def _text(test: TextTest) -> _Saying:
    def say(column: Column, values: tuple[Value, ...], asker: Asker) -> Predicate:
        del asker
        return Test(test, column, str(values[0]))

    return say


def _units(column: Column, asker: Asker) -> Predicate:
    return Compare(Comparison.EQ, column, asker.business_unit)


def _teams(column: Column, asker: Asker) -> Predicate:
    return In(column, tuple(sorted(asker.teams))) if asker.teams else FALSE


_UNITS: Final = ("Hours", "Days", "Weeks", "Months", "Years")
_SAID: Final[dict[str, _Saying]] = {
    "In": lambda c, v, a: _in(c, v),
    "NotIn": lambda c, v, a: Not(_in(c, v)),
    "Between": lambda c, v, a: _between(c, v[0], v[1]),
    "NotBetween": lambda c, v, a: Not(_between(c, v[0], v[1])),
    "Contains": _text(TextTest.CONTAINS),
    "BeginsWith": _text(TextTest.STARTS_WITH),
    "EndsWith": _text(TextTest.ENDS_WITH),
    "DoesNotBeginWith": lambda c, v, a: Not(_text(TextTest.STARTS_WITH)(c, v, a)),
    "DoesNotEndWith": lambda c, v, a: Not(_text(TextTest.ENDS_WITH)(c, v, a)),
    "ContainValues": _has_choices,
    "DoesNotContainValues": lambda c, v, a: Not(_has_choices(c, v, a)),
    "EqualUserId": lambda c, v, a: Compare(Comparison.EQ, c, a.user),
    "NotEqualUserId": lambda c, v, a: Compare(Comparison.NE, c, a.user),
    "EqualUserTeams": lambda c, v, a: _teams(c, a),
    "EqualUserOrUserTeams": lambda c, v, a: In(c, tuple(sorted(a.teams | {a.user}))),
    "EqualBusinessId": lambda c, v, a: _units(c, a),
    "NotEqualBusinessId": lambda c, v, a: Not(_units(c, a)),
    "Yesterday": _days(-1, 0),
    "Today": _days(0, 1),
    "Tomorrow": _days(1, 2),
    "Last7Days": _days(-7, 1),
    "Next7Days": _days(0, 8),
    "LastWeek": _weeks(-1),
    "ThisWeek": _weeks(0),
    "NextWeek": _weeks(1),
    "LastMonth": _months(-1),
    "ThisMonth": _months(0),
    "NextMonth": _months(1),
    "LastYear": _years(-1),
    "ThisYear": _years(0),
    "NextYear": _years(1),
    "On": _on,
    "NotOn": lambda c, v, a: And((_filled(c), Not(_on(c, v, a)))),
    "OnOrAfter": _on_or(Comparison.GE),
    "OnOrBefore": _on_or(Comparison.LE),
    **{f"LastX{unit}": _last(unit) for unit in _UNITS},
    **{f"NextX{unit}": _next(unit) for unit in _UNITS},
    **{f"OlderThanX{unit}": _older(unit) for unit in (*_UNITS, "Minutes")},
}
_MANY: Final = {"In", "NotIn", "ContainValues", "DoesNotContainValues"}
_NONE: Final = {
    name for name in _SAID if name.startswith(("Equal", "NotEqual"))
} | {
    "Yesterday", "Today", "Tomorrow", "Last7Days", "Next7Days", "LastWeek", "ThisWeek", "NextWeek",
    "LastMonth", "ThisMonth", "NextMonth", "LastYear", "ThisYear", "NextYear",
}  # fmt: skip


def _arguments(name: str) -> tuple[int, int]:
    if name in _MANY:
        return 1, _MOST
    if name in _NONE:
        return 0, 0
    return (2, 2) if name.endswith("Between") else (1, 1)


ARGUMENTS: Final = {name: _arguments(name) for name in _SAID}
"""How many values each function takes at least and at most, by its name without the namespace."""
