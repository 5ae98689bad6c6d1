"""People and applications: what each owns and lends, what breaks when they leave, hand-over."""

from __future__ import annotations

from collections import Counter

from starlette.responses import Response

from flowner.identity.marks import principal_mark
from flowner.identity.world import PrincipalKind
from flowner.portal.rendering import page
from flowner.portal.visiting import Form, Visit, get, go, post
from flowner.values import PrincipalId


async def _people(visit: Visit) -> Response:
    return await _listed(visit, "People", applications=False)


async def _applications(visit: Visit) -> Response:
    return await _listed(visit, "Applications", applications=True)


async def _listed(visit: Visit, title: str, *, applications: bool) -> Response:
    everybody = await visit.rooms.administering.people(visit.me)
    holdings = await visit.rooms.estate.everything(visit.me)
    owns = Counter(one.owner.id for one in holdings if one.owner)
    lends = Counter(
        person
        for one in holdings
        for person in {use.owner.id for use in one.uses if use.owner}
        if one.owner is None or person != one.owner.id
    )
    text = visit.query("text").casefold()
    return page(
        visit,
        "admin_people.html",
        title=title,
        text=visit.query("text"),
        people=[
            (one, principal_mark(one), owns[one.id], lends[one.id])
            for one in everybody
            if (one.kind is PrincipalKind.APPLICATION) == applications
            and text in f"{one.name} {one.mail}".casefold()
        ],
    )


async def _person(visit: Visit) -> Response:
    person = PrincipalId(visit.path("person"))
    leaving = await visit.rooms.estate.of(person, visit.me)
    return page(
        visit,
        "admin_person.html",
        leaving=leaving,
        one=await visit.rooms.roster.person(person),
        mark=principal_mark(leaving.who),
    )


async def _enable(visit: Visit, form: Form) -> Response:
    person, enabled = PrincipalId(visit.path("person")), form.text("enabled") == "yes"
    await visit.rooms.administering.set_enabled(person, visit.me, enabled=enabled)
    said = "They may act again." if enabled else "They act nowhere, from now on."
    return go(f"/admin/people/{person}", said=said)


async def _hand_over(visit: Visit, form: Form) -> Response:
    person, to = PrincipalId(visit.path("person")), PrincipalId(form.needed("to", "To"))
    flows = await visit.rooms.administering.hand_over_all(person, to, visit.me)
    name = (await visit.rooms.roster.person(to)).name
    number = f"{len(flows)} {'flow is' if len(flows) == 1 else 'flows are'}"
    return go(f"/admin/people/{person}", said=f"{number} {name}'s now.")


routes = [
    get("/admin/people", _people),
    get("/admin/apps", _applications),
    get("/admin/people/{person:uuid}", _person),
    post("/admin/people/{person:uuid}/enabled", _enable),
    post("/admin/people/{person:uuid}/hand-over", _hand_over),
]
