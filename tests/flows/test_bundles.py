"""Bundles of apps: who may change one, who may have its files, and for how long."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from flowner.clock import HeldClock
from flowner.definitions.bundles import Bundle, bundle_of, read_bundle
from flowner.errors import AccessDenied, NotFound
from flowner.flows.bundles import KEPT, Bundles
from flowner.values import AppId
from worlds.living import BUTTON, NOTE, Living


def page(text: str) -> Bundle:
    return bundle_of([("index.html", text.encode()), ("é.css", b"")])


async def shared(living: Living, *people: str) -> AppId:
    """Return an app of Olga's with a bundle, shared with these people."""
    olga = await living.person("olga")
    app = await living.house.apps.make("Desk", olga)
    for name in people:
        await living.house.apps.share(app, await living.person(name), olga)
    await living.house.bundles.put(app, page("one"), "one.zip", olga)
    return app


def test_only_the_owner_changes_it_and_only_those_who_may_open_it_know(run, living, refused):
    app, house, one = run(shared(living, "ann")), living.house, page("one")
    olga, ann, bea = (run(living.person(name)) for name in ("olga", "ann", "bea"))
    assert run(house.apps.open(app, ann)).bundle.digest == one.digest
    assert run(house.bundles.file(app, one.digest, "index.html", ann)) == b"one"
    assert run(house.bundles.file(app, one.digest, "e\u0301.css", ann)) == b"", "however composed"
    for who, kind in ((ann, AccessDenied), (bea, NotFound)):
        for work in (
            house.bundles.put(app, page("two"), "two.zip", who),
            house.bundles.remove(app, who),
            house.bundles.packed(app, who),
        ):
            assert isinstance(refused(work), kind)
    for who, path in ((bea, "index.html"), (ann, "none.js"), (ann, "\0.js"), (ann, "INDEX.html")):
        assert isinstance(refused(house.bundles.file(app, one.digest, path, who)), NotFound), path
    assert dict(read_bundle(run(house.bundles.packed(app, olga))).files) == dict(one.files)
    run(house.apps.unshare(app, ann, olga))
    assert isinstance(refused(house.bundles.file(app, one.digest, "index.html", ann)), NotFound)


def test_somebody_disabled_gets_nothing(run, living, refused):
    app, house = run(shared(living, "cleo")), living.house
    cleo = run(living.person("cleo"))
    assert run(house.bundles.file(app, page("one").digest, "index.html", cleo)) == b"one"
    run(house.directory.set_enabled(cleo, enabled=False))
    error = refused(house.bundles.file(app, page("one").digest, "index.html", cleo))
    assert isinstance(error, NotFound)


def test_a_digest_opens_files_of_its_own_app_alone(run, living, refused):
    mine, other = run(shared(living, "ann")), run(shared(living))
    run(living.house.bundles.put(other, page("kept back"), "b.zip", run(living.person("olga"))))
    ann = run(living.person("ann"))
    wrong = living.house.bundles.file(mine, page("kept back").digest, "index.html", ann)
    assert isinstance(refused(wrong), NotFound)


def test_what_was_replaced_is_served_for_a_while_and_then_gone(run, living, refused):
    app, olga, clock = run(shared(living)), run(living.person("olga")), HeldClock()
    bundles = Bundles(living.house.database, clock)
    one, two, three = page("one"), page("two"), page("three")
    clock.moment = living.house.clock.now()
    run(bundles.put(app, two, "two.zip", olga))
    assert run(bundles.file(app, one.digest, "index.html", olga)) == b"one"
    clock.move(KEPT + timedelta(seconds=1))
    run(bundles.put(app, three, "three.zip", olga))
    assert isinstance(refused(bundles.file(app, one.digest, "index.html", olga)), NotFound)
    assert run(bundles.file(app, two.digest, "index.html", olga)) == b"two"
    run(bundles.put(app, two, "\0again.zip", olga))
    shown = run(living.house.apps.open(app, olga)).bundle
    assert (shown.digest, shown.name, shown.files) == (two.digest, "again.zip", 2)
    assert run(bundles.remove(app, olga)) is True
    assert run(bundles.remove(app, olga)) is False
    assert run(living.house.apps.open(app, olga)).bundle is None
    assert isinstance(refused(bundles.file(app, two.digest, "index.html", olga)), NotFound)


def test_two_who_upload_at_once_leave_one_bundle(run, living):
    app, olga = run(shared(living)), run(living.person("olga"))

    async def both() -> None:
        put = living.house.bundles.put
        await asyncio.gather(*(put(app, page(str(n)), f"{n}.zip", olga) for n in range(6)))

    run(both())
    assert run(living.house.apps.open(app, olga)).bundle is not None


@pytest.mark.parametrize("name", ["Fits", "fits ", "FITS"])
def test_a_flow_is_called_by_its_name_in_any_case(run, living, name):
    olga = run(living.person("olga"))
    flow = run(living.flow("olga", BUTTON, NOTE, {}))
    run(living.house.publishing.rename(flow, "Fits", olga))
    app = run(living.house.apps.make("Caller", olga))
    run(living.house.apps.carry(app, flow, olga))
    opened = run(living.house.apps.open(app, olga))
    assert opened.called(name).flow == opened.called(flow.upper()).flow == flow
    with pytest.raises(NotFound, match="it carries `Fits`"):
        opened.called("Fit")
