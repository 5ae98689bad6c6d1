"""Passwords: who enters with one, who never does, and that trying them out ends."""

from __future__ import annotations

import asyncio
import logging
import statistics
import time
from datetime import timedelta

import pytest
from argon2 import PasswordHasher

from flowner.directory.passwords import PER_ACCOUNT, PER_ADDRESS, WINDOW, Passwords
from flowner.errors import AccessDenied, Code, FlownerError, Invalid, Refused
from flowner.rows import passwords as kept
from flowner.values import Secret
from signin.conftest import Door

GOOD = "correct horse battery"
QUICK = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)


@pytest.fixture(scope="module")
def passwords(door: Door) -> Passwords:
    return Passwords(door.house.database, door.clock, QUICK)


class Entrance:
    """Tries passwords, each time from another address unless a test says which."""

    def __init__(self, door: Door, passwords: Passwords) -> None:
        self.door, self.passwords, self.count = door, passwords, 0

    def person(self, name: str, password: str | None = GOOD, **more):
        made = self.door.person(name, **more)
        if password is not None:
            self.door.run(self.passwords.set(made, Secret(password)))
        return made

    def tries(self, account: str, password: str, address: str | None = None):
        self.count += 1
        return self.passwords.check(account, Secret(password),
                                    address=address or f"192.0.2.{self.count}")  # fmt: skip

    def enters(self, account: str, password: str = GOOD, address: str | None = None):
        return self.door.run(self.tries(account, password, address))

    def refused(self, account: str, password: str = GOOD, address: str | None = None) -> str:
        with pytest.raises(FlownerError) as caught:
            self.enters(account, password, address)
        return f"{caught.value.code}: {caught.value.message}"


@pytest.fixture
def entrance(door: Door, passwords: Passwords) -> Entrance:
    return Entrance(door, passwords)


def test_the_right_one_lets_in(entrance: Entrance) -> None:
    ada = entrance.person("ada")
    for account in ("ada@signin.example", " ADA@Signin.Example "):
        assert entrance.enters(account) == ada
    entrance.door.run(entrance.passwords.set(ada, Secret("pa\u0301ssword of hers")))
    assert entrance.enters("ada@signin.example", "p\u00e1ssword of hers") == ada


def test_everybody_else_gets_one_answer(entrance: Entrance) -> None:
    entrance.person("bea")
    entrance.person("none", None)
    gone = entrance.person("gone")
    entrance.door.run(entrance.door.house.directory.set_enabled(gone, enabled=False))
    application, client = entrance.door.application("robot")
    del application
    answers = {
        entrance.refused(account, password)
        for account, password in (
            ("bea@signin.example", "wrong"),
            ("bea@signin.example", ""),
            ("bea@signin.example", GOOD + " "),
            ("bea@signin.example", GOOD + "x" * 5000),
            ("bea", GOOD),
            ("none@signin.example", ""),
            ("gone@signin.example", GOOD),
            ("nobody@signin.example", GOOD),
            (f"{client}@applications", GOOD),
            ("bea@signin.example\0", GOOD),
            ("", ""),
            ("' OR true --", "\ud800"),
        )
    }
    assert answers == {f"{Code.UNAUTHENTICATED}: the account or the password is wrong"}


def test_they_take_the_same_time(door: Door) -> None:
    """Measured with the real cost, which is what there would be to see."""
    entrance = Entrance(door, door.house.passwords)
    entrance.person("tim")

    def taken(account: str) -> float:
        times = []
        for _ in range(5):
            begun = time.perf_counter()
            entrance.refused(account, "a wrong password")
            times.append(time.perf_counter() - begun)
        return statistics.median(times)

    taken("warm@signin.example")
    known, unknown = taken("tim@signin.example"), taken("nobody.here@signin.example")
    assert 1 / 3 < known / unknown < 3
    assert min(known, unknown) > 0.01


def test_nobody_signs_in_as_a_service_account(entrance: Entrance, door: Door) -> None:
    robot = door.person("svc", service_account=True)
    for who in (robot, door.application("app")[0]):
        with pytest.raises(Refused):
            door.run(entrance.passwords.set(who, Secret(GOOD)))


@pytest.mark.parametrize("password", ["short", "x" * 257, "Wil", "wil@signin.example"])
def test_a_weak_one_is_not_taken(entrance: Entrance, door: Door, password: str) -> None:
    wil = door.person(f"wil{door.house.clock.fresh_guid()}")
    if "@" in password:
        password = f"{door.run(_upn(door, wil))}".upper()
    with pytest.raises(Invalid):
        door.run(entrance.passwords.set(wil, Secret(password)))


async def _upn(door: Door, person: str) -> str:
    found = await door.house.listing.people()
    return str(next(one["upn"] for one in found if one["id"] == person))


def test_trying_ends_for_the_account_there_is_and_the_one_there_is_not(entrance: Entrance) -> None:
    eva = entrance.person("eva")
    for account in ("eva@signin.example", "no.eva@signin.example"):
        for _ in range(PER_ACCOUNT):
            assert str(Code.UNAUTHENTICATED) in entrance.refused(account, "wrong")
        assert str(Code.TOO_MANY_SIGN_INS) in entrance.refused(account, "wrong")
        assert str(Code.TOO_MANY_SIGN_INS) in entrance.refused(account.upper(), GOOD)
    try:
        entrance.door.clock.ahead = WINDOW + timedelta(minutes=1)
        assert entrance.enters("eva@signin.example") == eva
        assert str(Code.UNAUTHENTICATED) in entrance.refused("eva@signin.example", "wrong")
    finally:
        entrance.door.clock.ahead = timedelta(0)


def test_a_good_one_begins_the_count_anew(entrance: Entrance) -> None:
    fin = entrance.person("fin")
    for _ in range(3):
        for _ in range(PER_ACCOUNT - 1):
            entrance.refused("fin@signin.example", "wrong")
        assert entrance.enters("fin@signin.example") == fin


def test_trying_many_accounts_ends_for_the_address(entrance: Entrance) -> None:
    gil = entrance.person("gil")
    address = "198.51.100.7"
    for at in range(PER_ADDRESS):
        assert str(Code.UNAUTHENTICATED) in entrance.refused(f"x{at}@signin.example", "x", address)
        if at % 10 == 0:  # good ones do not count
            assert entrance.enters("gil@signin.example", GOOD, address) == gil
    assert str(Code.TOO_MANY_SIGN_INS) in entrance.refused("gil@signin.example", GOOD, address)
    assert entrance.enters("gil@signin.example", GOOD, "198.51.100.8") == gil


def test_trying_at_once_does_not_help(entrance: Entrance) -> None:
    entrance.person("hal")

    async def flood() -> list[object]:
        tries = [entrance.tries("hal@signin.example", f"wrong {at}") for at in range(40)]
        return await asyncio.gather(*tries, return_exceptions=True)

    ends = entrance.door.run(flood())
    assert sum(isinstance(end, AccessDenied) for end in ends) == PER_ACCOUNT
    assert sum(isinstance(end, Refused) for end in ends) == 40 - PER_ACCOUNT


def test_a_hash_of_old_parameters_is_made_anew(entrance: Entrance, door: Door) -> None:
    ida = entrance.person("ida")

    async def hash() -> str:
        async with door.house.database.connection() as connection:
            account = await kept.read_account(connection, "ida@signin.example")
            assert account is not None
            return account.hash

    before = door.run(hash())
    stronger = PasswordHasher(time_cost=2, memory_cost=64, parallelism=1)
    entrance.passwords = Passwords(door.house.database, door.clock, stronger)
    assert entrance.enters("ida@signin.example") == ida
    after = door.run(hash())
    assert "t=1" in before
    assert "t=2" in after
    assert entrance.enters("ida@signin.example") == ida
    assert door.run(hash()) == after


def test_one_that_is_taken_away_opens_nothing(entrance: Entrance, door: Door) -> None:
    jon = entrance.person("jon")
    assert door.run(entrance.passwords.changed(jon)) is not None
    assert door.run(entrance.passwords.remove(jon))
    assert not door.run(entrance.passwords.remove(jon))
    assert door.run(entrance.passwords.changed(jon)) is None
    entrance.refused("jon@signin.example")


def test_no_log_and_no_row_shows_it(entrance: Entrance, door: Door, caplog) -> None:
    caplog.set_level(logging.DEBUG)
    entrance.person("kim", "unseen by anybody")
    entrance.enters("kim@signin.example", "unseen by anybody")
    entrance.refused("kim@signin.example", "unseen as well")

    async def kept_rows() -> str:
        async with door.house.database.connection() as connection:
            account = await kept.read_account(connection, "kim@signin.example")
            return repr(account)

    shown = caplog.text + door.run(kept_rows())
    assert "unseen" not in shown
    assert "$argon2id$" in shown
