"""The demo, against a truth written down by hand: who each action must have acted as."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from flowner.demo.main import tell
from flowner.demo.report import RunReport
from flowner.settings import Settings

ADA, BOB, MIA, NOOR = "Ada Brand", "Bob Keller", "Mia Lindt", "Noor Aziz"
OFFICE, BOT = "Office mail", "Nightly bot"

TRUTH = [
    ("Greet a customer", BOB, "instant.invoker", {"My_profile": BOB, "Send_greeting": BOB}),
    ("Greet a customer", MIA, "instant.invoker", {"My_profile": MIA, "Send_greeting": MIA}),
    ("Announce from the office", BOB, "instant.invoker",
     {"Subject": BOB, "Send_announcement": ADA}),
    ("Announce from the office", BOB, "instant.invoker",
     {"Subject": BOB, "Send_announcement": OFFICE}),
    ("Log a visit", MIA, "instant.invoker",
     {"Add_request": (MIA, ADA), "Thank": MIA, "Respond_to_the_app": MIA}),
    ("Note it as the flow owner", ADA, "automated.owner",
     {"Add_note": ADA, "Tell_the_desk": OFFICE, "Is_it_done": ADA}),
    ("Note it as who changed it", NOOR, "automated.modifying-user",
     {"Add_note": (NOOR, ADA), "Tell_the_desk": OFFICE, "Is_it_done": NOOR}),
    ("Note it as the row owner", BOB, "automated.row-owner",
     {"Add_note": (BOB, ADA), "Tell_the_desk": OFFICE, "Is_it_done": BOB}),
    ("Note it as the flow owner", ADA, "automated.owner",
     {"Add_note": ADA, "Tell_the_desk": OFFICE, "Is_it_done": ADA}),
    ("Note it as who changed it", NOOR, "automated.modifying-user",
     {"Add_note": (NOOR, ADA), "Tell_the_desk": OFFICE, "Is_it_done": NOOR}),
    ("Note it as the row owner", ADA, "automated.row-owner",
     {"Add_note": ADA, "Tell_the_desk": OFFICE, "Is_it_done": ADA}),
    ("Summary for the desk", BOT, "scheduled.owner",
     {"Open_requests": BOT, "Lines": BOT, "Send_summary": OFFICE}),
    ("Intake from the website", ADA, "http.owner", {"Add_request": ADA, "Response": ADA}),
    ("Ask before buying", BOB, "instant.invoker", {"Ask_the_desk": ADA, "Outcome": BOB}),
    ("Remind the customer", BOB, "instant.invoker", {"Send_reminder": None}),
    ("Greet a customer", None, None, {}),
]  # fmt: skip


@pytest.fixture(scope="module")
def reports() -> list[RunReport]:
    found, mail = asyncio.run(tell(Settings(), [].append))
    assert len(mail) == 12
    return found


def test_everybody_acted_as_they_should(reports: list[RunReport]) -> None:
    told = [
        (
            one.flow,
            one.ran_as,
            one.rule,
            {a.action: (a.acting_as, a.actor) if a.actor else a.acting_as for a in one.actions},
        )
        for one in reports
    ]
    assert told == TRUTH


def test_expected_recorded_and_seen_agree(reports: list[RunReport]) -> None:
    assert [one.flow for one in reports if not one.agrees] == []
    assert sum(action.seen is not None for one in reports for action in one.actions) == 23


def test_a_difference_would_be_noticed(reports: list[RunReport]) -> None:
    action = reports[0].actions[0]
    assert action.agrees
    assert not replace(action, seen="Somebody else").agrees
    assert not replace(action, expected="Somebody else").agrees
    assert not replace(action, seen_actor="Somebody else").agrees
    assert not replace(action, seen=None, seen_actor=None).agrees


def test_refusals_say_why(reports: list[RunReport]) -> None:
    reminder, stranger = reports[-2:]
    assert reminder.status == "Failed"
    assert "Leo Past" in reminder.actions[0].because
    assert stranger.status == "Refused"
