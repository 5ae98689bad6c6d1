"""Moves one run: load, fold, plan, carry out, append; until nothing is left to do now.

What must be durable before what: a call that may do harm twice goes out after its own
`ActionStarted` is in the journal; a reply is given after the events that led to it are. All else
waits for the next append, and is asked again if we die before it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import assert_never

import structlog
from structlog.contextvars import bound_contextvars

from flowner.clock import Clock
from flowner.definitions.flow import Status
from flowner.engine.children import CHILD, Children, Told, told_parent
from flowner.engine.invoke import Called, InHand, Invoker
from flowner.engine.patience import when_back
from flowner.engine.replies import Replies
from flowner.engine.writing import Writing
from flowner.errors import Code, Unavailable
from flowner.identity.record import read_plan
from flowner.identity.verdict import Refusal
from flowner.journal.records import Append, Loaded, RunHeader
from flowner.journal.store import Journal
from flowner.runs.commands import Failure, Finish, Invoke, Reply, Step, Throttled, World
from flowner.runs.events import decode
from flowner.runs.messages import DECODER, Answered, CancelAsked, Message, SignedIn
from flowner.runs.run import STEP_EVENTS, Run
from flowner.sdk.connector import Repeat
from flowner.telemetry.telemetry import Telemetry
from flowner.telemetry.tracing import about_run
from flowner.triggers.admitting import limits_of
from flowner.triggers.holding import HeldStarts
from flowner.triggers.published import Published, Version
from flowner.values import JsonObject, RunId

_LOG = structlog.get_logger(__name__)
_GLANCE_SECONDS = 5.0
"""How often a run whose calls are out looks at the clock, which may have been set."""
_NEVER = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """Activates runs that this process holds the lease of."""

    journal: Journal
    published: Published
    invoker: Invoker
    children: Children
    held: HeldStarts
    replies: Replies
    clock: Clock
    owner: str
    callback_url: Callable[[RunId, str], str]
    """The address at which an action of a run is answered."""
    draining: asyncio.Event = field(default_factory=asyncio.Event)
    """Set: take in the answers of calls that are out, begin no others, and put the runs down."""
    telemetry: Telemetry = field(default_factory=Telemetry)

    async def activate(self, run: RunId) -> None:
        """Move a run until it waits or is over. Raises `Conflict` when the lease is lost."""
        loaded = await when_back(lambda: self.journal.load(run))
        if not loaded.entries and loaded.snapshot is None:
            await self.held.look(loaded)
            return
        waits = loaded.queued and not loaded.cancelled_in_the_queue
        if not waits or await self._its_turn(loaded):
            await self._move(loaded)

    async def _its_turn(self, loaded: Loaded) -> bool:
        """Let a run that waits for others of its flow, or of its row, begin, or put it off."""
        header = loaded.header
        version = await self.published.get(header.flow, header.flow_version)
        limits = limits_of(version.flow.trigger)
        later = await self.journal.look_again(header.id, header.flow, limits)
        if later is None:
            return True
        await self.journal.append(
            Append(
                run=header.id,
                owner=self.owner,
                expected=loaded.next_seq,
                entries=(),
                status=header.status,
                release_until=self.clock.now() + later,
                posted=loaded.posted,
            )
        )
        return False

    async def begin(self, header: RunHeader, first: bytes) -> None:
        """Move a run that this process has just made and holds the lease of."""
        await self._move(Loaded(header=header, snapshot=None, entries=(first,), next_seq=1))

    async def _move(self, loaded: Loaded) -> None:
        header = loaded.header
        version = await when_back(lambda: self.published.get(header.flow, header.flow_version))
        about = about_run(header.id, header.flow, header.initiator, header.principal, header.rule)
        moving = _Moving(self, loaded, version)
        tracing = self.telemetry.tracing
        with (
            bound_contextvars(run=header.id, flow=header.flow),
            tracing.span("run", about, parent=moving.trace) as say,
        ):
            try:
                await moving.go()
            finally:
                moving.abandon()
                say({"flowner.status": moving.status})


class _Moving:
    """One activation."""

    def __init__(self, worker: Worker, loaded: Loaded, version: Version) -> None:
        self._worker, self._loaded = worker, loaded
        self._id = loaded.header.id
        header = loaded.header
        self._hand = InHand(self._id, version, read_plan(header.plan), header.plan_hash)
        self._run = _rebuild(loaded, version)
        self._written = Writing(worker.journal, worker.owner, loaded, self._hand, self._run)
        self._tasks: dict[asyncio.Task[Called], Invoke] = {}
        self._open: frozenset[str] = frozenset()
        self._replied = False
        self._over = False
        self._left = False

    async def go(self) -> None:
        self._open = frozenset(self._run.open_calls())
        rest = list(self._loaded.inbox)
        if not self._loaded.cancelled_in_the_queue:
            if self._run.events_folded <= 1 + self._run.started.taken_over:
                self._worker.telemetry.metrics.run_started(self._loaded.header.flow)
                await self._take(self._run.advance(self._world()))
            else:
                rest = await self._answers(rest)
                if not self._over:
                    await self._take(self._run.resume(self._world()))
        self._open = frozenset()
        await self._hear(rest)
        while self._tasks and not self._over:
            await self._wait()
        if not self._over:
            until = self._worker.clock.now() if self._left else self._run.next_wake
            await self._written.append(release=until or _NEVER)

    @property
    def trace(self) -> str:
        """The `traceparent` that the run began with; '' where there was none."""
        return self._run.started.trace

    @property
    def status(self) -> str:
        """How the run stands."""
        return self._run.status.value

    @property
    def _resting(self) -> bool:
        return self._worker.draining.is_set()

    def abandon(self) -> None:
        """Stop what is still under way: the run is over, or somebody else's."""
        for task in self._tasks:
            task.cancel()

    async def _answers(self, inbox: list[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
        """Take in the answers that came before anything else, and return what is left.

        Time is looked at afterwards: an answer that came in time is in time, however late it is
        read. The calls that follow from it go out with those that are asked again.
        """
        for at, (id, message) in enumerate(inbox):
            found = DECODER.decode(message)
            if self._over or isinstance(found, CancelAsked):
                return inbox[at:]
            self._written.consumed = id
            if isinstance(found, SignedIn):
                # It was asked for before it went out: nothing of it is unknown.
                self._open -= {found.path}
            await self._take(await self._read(found), calling=False)
        return []

    async def _hear(self, inbox: Sequence[tuple[int, bytes]]) -> None:
        for id, message in inbox:
            if self._over:
                return
            if self._resting:
                self._left = True
                return
            self._written.consumed = id
            await self._take(await self._read(DECODER.decode(message)))

    async def _read(self, found: Message) -> Step:
        match found:
            case Answered():
                return await self._answered(found)
            case SignedIn(path=path):
                return self._run.retry(path, self._world())
            case CancelAsked(by=by, reason=reason):
                return self._run.cancel(self._world(), by=by, reason=reason)
            case _:
                assert_never(found)

    async def _answered(self, found: Answered) -> Step:
        """Take an answer in; one to a call through a connection is proved again, now."""
        name, outcome = self._written.name(found.path), found.outcome()
        acting = self._written.acting(found.path)
        if acting is None and name:
            inputs, waited = self._run.waiting(found.path)
            verdict, acting = await self._worker.invoker.proved(name, self._hand, inputs)
            if isinstance(verdict, Refusal):
                outcome = Failure(code=verdict.code.value, message=verdict.message)
            else:
                # Who asked is who acted; nobody wrote it down if that worker died.
                acting = waited if isinstance(waited, dict) else acting
                self._written.use(verdict.account)
        if acting is not None and found.child:
            acting = acting | {"child": str(found.child)}
        if acting is not None:
            noted: JsonObject = found.noted  # type: ignore[assignment] # decoded from JSON
            acting = acting | noted
        return self._run.answer(found.path, outcome, self._world(), acting=acting)

    async def _wait(self) -> None:
        until = None if self._resting else self._run.next_wake
        seconds = None
        if until is not None:
            left = (until - self._worker.clock.now()).total_seconds()
            seconds = min(max(left, 0.0), _GLANCE_SECONDS)
        done, _ = await asyncio.wait(
            self._tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
        )
        if not done and not self._resting:
            journal, after = self._worker.journal, self._written.consumed
            await self._hear(await when_back(lambda: journal.inbox(self._id, after=after)))
            if not self._over:
                await self._take(self._run.wake(self._world()))
        for task in done:
            command = self._tasks.pop(task)
            called = task.result()
            self._written.use(called.account)
            limit = 0 if self._resting else STEP_EVENTS
            await self._take(
                self._run.answer(
                    command.path, called.outcome, self._world(), acting=called.acting, limit=limit
                )
            )
            if isinstance(called.outcome, Throttled) and not self._over:
                # It was noted before as going out; whoever takes over must know that it has not.
                await self._written.append()

    async def _take(self, step: Step, *, calling: bool = True) -> None:
        """Keep what a step decided, and carry it out; ``calling`` False leaves its calls."""
        while True:
            self._written.add(step.events)
            await self._carry_out(step, calling=calling)
            if not step.more or self._over:
                return
            if self._resting:
                self._left = True
                return
            step = self._run.advance(self._world())

    async def _carry_out(self, step: Step, *, calling: bool) -> None:
        calls = [one for one in step.commands if isinstance(one, Invoke) and calling]
        if any(self._must_be_noted(command) for command in calls):
            await self._written.append()
        for command in calls:
            if not await self._settle_unknown(command):
                self._go_out(command)
        for other in step.commands:
            if isinstance(other, Reply):
                await self._reply(other)
            elif isinstance(other, Finish):
                await self._finish(other)

    def _must_be_noted(self, command: Invoke) -> bool:
        if command.connector == CHILD:
            return True
        return self._worker.invoker.repeat(command, self._hand.version) is not Repeat.HARMLESS

    async def _settle_unknown(self, command: Invoke) -> bool:
        """Stop a call that was out when a worker died, if it must never be made twice."""
        if command.path not in self._open:
            return False
        repeat = self._worker.invoker.repeat(command, self._hand.version)
        if command.connector == CHILD or repeat is not Repeat.NEVER:
            return False
        sign_ins = self._worker.invoker.sign_ins
        if await when_back(lambda: sign_ins.waits(self._id, command.path)):
            return False  # it was held back for a sign-in, and never went out
        failure = Failure(
            code=Code.OUTCOME_UNKNOWN.value,
            message="the server stopped while this call was out; it cannot be made twice, so a"
            " person has to look whether it was carried out",
        )
        step = self._run.answer(command.path, failure, self._world())
        self._open -= {command.path}
        await self._take(step)
        return True

    def _go_out(self, command: Invoke) -> None:
        repeated = command.attempt > 1 or command.path in self._open
        work = (
            self._worker.children.call(command, self._hand, again=command.path in self._open)
            if command.connector == CHILD
            else self._worker.invoker.call(command, self._hand, repeated=repeated)
        )
        self._tasks[asyncio.create_task(work)] = command

    async def _reply(self, reply: Reply) -> None:
        if self._replied:
            return
        self._replied = True
        await self._written.append(tells=told_parent(self._loaded.header, reply))
        if not self._worker.replies.reply(self._id, reply):
            await self._tell_others()

    async def _finish(self, finish: Finish) -> None:
        await self._written.append(finish=finish, tells=self._last_words(finish))
        self._over = True
        status = finish.status.value
        self._worker.telemetry.metrics.run_finished(self._loaded.header.flow, status)
        _LOG.info("run ended", status=status)
        heard = self._worker.replies.finish(self._id, finish)
        if not (heard or self._replied or self._run.replied):
            await self._tell_others()

    def _last_words(self, finish: Finish) -> Told:
        """Return what the parent hears of a run that ends, unless it was answered before."""
        if self._replied or self._run.replied:
            return ()
        said = None
        if finish.status is not Status.SUCCEEDED:
            message = finish.error.message if finish.error else "the child flow failed"
            said = Failure(code=finish.code or "ActionFailed", message=message, status=502)
        return told_parent(self._loaded.header, said)

    async def _tell_others(self) -> None:
        """Let the process hear of it where somebody waits for the run, if anybody does."""
        if self._run.started.answers and self._loaded.header.parent is None:
            with suppress(Unavailable):  # they look by themselves, a little later
                await self._worker.journal.tell(self._id)

    def _world(self) -> World:
        clock = self._worker.clock
        return World(
            now=clock.now(),
            chance=clock.chance,
            guid=clock.fresh_guid,
            callback_url=lambda path: self._worker.callback_url(self._id, path),
        )


def _rebuild(loaded: Loaded, version: Version) -> Run:
    events = [decode(data) for data in loaded.entries]
    if loaded.snapshot is not None:
        run = Run.restore(version.compiled, loaded.snapshot)
        for event in events:
            run.fold(event)
        return run
    return Run.replay(version.compiled, events)
