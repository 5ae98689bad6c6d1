"""The driver for Temporal: wakes are handed over to it, and it has workers look at runs.

A run is moved under its lease in PostgreSQL, as by the other driver, and whatever Temporal forgets,
does twice or does late is put right from there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from datetime import timedelta
from functools import cache

import structlog
from temporalio import activity
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.runtime import Runtime, TelemetryConfig
from temporalio.service import RPCError, TLSConfig
from temporalio.worker import Worker
from temporalio.workflow import NondeterminismError

from flowner.engine.dispatch import Means
from flowner.engine.grip import Grip
from flowner.engine.rounds import Rounds, pause_until
from flowner.engine.temporal.place import Place
from flowner.engine.temporal.workflow import ACTIVITY, SIGNAL, WORKFLOW, RunWorkflow
from flowner.journal.handing import Handing
from flowner.values import FlowId, RunId

_LOG = structlog.get_logger(__name__)
_AT_ONCE = 64
"""Runs that are handed over side by side."""
_CACHED = 100
"""Workflows kept in memory, 0.1 MB each; others are rebuilt from their few events."""
_AWAY_SECONDS = 1.0
"""A pause while Temporal does not answer."""
_ASK_SECONDS = 5.0
"""How often Temporal is asked whether it is there when there is nothing else to say."""
_SILENT_SECONDS = 30.0
"""Who has not heard from Temporal for so long moves nothing."""
_PARTING_SECONDS = 3.0
_PATIENCE = timedelta(seconds=5)
"""For one answer of Temporal's."""


class TemporalDispatcher:
    """Has Temporal say when runs are looked at, and moves those that it hands to this process."""

    def __init__(self, means: Means, place: Place) -> None:
        self._means, self._place, self._drain = means, place, means.drain
        self._handing = Handing(means.database, means.wakes, means.clock)
        self._rounds = Rounds(means)
        self._grip = Grip(means, self._handing.put_down)
        self._client: Client | None = None
        self._heard: float | None = None
        self._away = False
        self._worker: Worker | None = None
        self._telling: asyncio.Task[bool] | None = None

    @property
    def in_hand(self) -> int:
        return len(self._grip)

    @property
    def is_alive(self) -> bool:
        now = asyncio.get_running_loop().time()
        hears = self._heard is not None and now - self._heard < _SILENT_SECONDS
        return hears and self._client is not None and self._rounds.is_alive

    @property
    def claim(self) -> tuple[str, float] | None:
        return None  # every run is Temporal's to place

    def take_up(self, run: RunId, flow: FlowId, work: Awaitable[None]) -> None:  # noqa: ARG002 - Temporal places runs
        self._grip.take_up(run, work)

    async def run(self) -> None:
        helpers = [
            asyncio.create_task(self._rounds.hear(), name="wake listener"),
            asyncio.create_task(self._grip.renew(), name="lease renewal"),
            asyncio.create_task(self._serve(), name="temporal worker"),
        ]
        try:
            await self._rounds.go(self._look)
        finally:
            self._drain.asked.set()
            parting = asyncio.create_task(self._part(), name="temporal worker's end")
            try:
                await self._grip.come_to_rest()
                await asyncio.wait({parting}, timeout=_PARTING_SECONDS)
            finally:
                for helper in (*helpers, parting):
                    helper.cancel()
                await asyncio.gather(*helpers, parting, return_exceptions=True)

    async def _part(self) -> None:
        """Finish what is being told, and take nothing from Temporal any more."""
        if self._telling is not None:
            await asyncio.wait({self._telling})
        if self._worker is not None:
            await self._worker.shutdown()

    async def _serve(self) -> None:
        """Take from Temporal what it hands to this process, until told to end."""
        while not self._drain.asked.is_set():
            try:
                client = await self._connect()
                if self._drain.asked.is_set():
                    return
                self._worker = self._at(client)
                self._client = client
                self._rounds.nudge()
                await self._worker.run()
            except Exception as error:  # noqa: BLE001 - it may come back, whatever it says
                self._misses(error)
            finally:
                self._client = None
            await asyncio.sleep(_AWAY_SECONDS)

    async def _connect(self) -> Client:
        place = self._place
        tls = TLSConfig(
            server_root_ca_cert=_bytes(place.authorities),
            client_cert=_bytes(place.certificate),
            client_private_key=_bytes(place.certificate_key and place.certificate_key.reveal()),
        )
        client = await Client.connect(
            place.address,
            namespace=place.namespace,
            tls=tls if place.tls else False,
            api_key=place.api_key.reveal() if place.api_key else None,
            identity=self._means.wakes.owner,
            runtime=_runtime(),
        )
        # Says what is wrong in a word, where a worker would say it in a sentence.
        wanted = DescribeNamespaceRequest(namespace=place.namespace)
        await client.workflow_service.describe_namespace(wanted, timeout=_PATIENCE)
        return client

    def _at(self, client: Client) -> Worker:
        lease = self._means.wakes.lease_seconds
        return Worker(
            client,
            task_queue=self._place.task_queue,
            workflows=[RunWorkflow],
            activities=[self._activate],
            max_concurrent_activities=self._means.concurrency,
            max_cached_workflows=_CACHED,
            max_heartbeat_throttle_interval=timedelta(seconds=lease / 3),
            graceful_shutdown_timeout=timedelta(seconds=self._drain.seconds + 1),
            # One that a later version cannot go on with begins anew: its history means nothing.
            workflow_failure_exception_types=[NondeterminismError],
        )

    async def _look(self) -> float:
        """Hand over what is due and unknown to Temporal."""
        client = self._client
        if client is None:
            return _AWAY_SECONDS
        while runs := await self._handing.hand_over(_AT_ONCE):
            # Not broken off: who is told of them after us would be late by a lease.
            self._telling = asyncio.create_task(self._tell(client, runs), name="telling Temporal")
            if not await asyncio.shield(self._telling):
                return _AWAY_SECONDS
            if len(runs) < _AT_ONCE:
                break
        if not await self._answers(client):
            return _AWAY_SECONDS
        return pause_until(await self._handing.soonest())

    async def _tell(self, client: Client, runs: Sequence[RunId]) -> bool:
        told = await asyncio.gather(
            *(self._wake(client, run) for run in runs), return_exceptions=True
        )
        failed = [error for error in told if isinstance(error, BaseException)]
        if len(failed) < len(told):
            self._hears()
        if failed:
            self._misses(failed[0])
            lost = [run for run, one in zip(runs, told, strict=True) if one is not None]
            await self._handing.take_back(lost)
        return not failed

    async def _wake(self, client: Client, run: RunId) -> None:
        await client.start_workflow(
            WORKFLOW,
            args=[run, self._means.wakes.lease_seconds],
            id=f"flowner-run-{run}",
            task_queue=self._place.task_queue,
            start_signal=SIGNAL,
            rpc_timeout=_PATIENCE,
        )

    async def _answers(self, client: Client) -> bool:
        """Say whether Temporal is there; asked only when it was not heard of lately."""
        now = asyncio.get_running_loop().time()
        if self._heard is not None and now - self._heard < _ASK_SECONDS:
            return True
        try:
            await client.service_client.check_health(timeout=_PATIENCE)
        except (RPCError, TimeoutError) as error:
            self._misses(error)
            return False
        self._hears()
        return True

    def _hears(self) -> None:
        self._heard = asyncio.get_running_loop().time()
        if self._away:
            _LOG.info("Temporal answers again")
        self._away = False

    def _misses(self, error: BaseException) -> None:
        """Say once that Temporal is away, or what it refuses us for."""
        if not self._away:
            kind = error.status.name if isinstance(error, RPCError) else "no connection"
            about = {"address": self._place.address, "namespace": self._place.namespace}
            _LOG.warning("Temporal does not answer", because=kind, **about)
        self._away = True

    @activity.defn(name=ACTIVITY)
    async def _activate(self, run: int) -> float | None:
        """Move a run; answers in how many seconds to look at it again, None when it is over.

        Of an error Temporal learns the kind, and nothing else.
        """
        try:
            return await self._attend(RunId(run))
        except Exception as error:
            if isinstance(error, ApplicationError):
                raise
            raise _put_off(type(error).__name__) from None

    async def _attend(self, run: RunId) -> float | None:
        if self._drain.asked.is_set():
            raise _put_off("WorkerEnds")
        task = self._grip.find(run)
        if task is None and await self._handing.take(run):
            task = self._grip.take_up(run)
        # Temporal may give us up, when it was away itself: the run is ours, and is moved anyway.
        while task is not None and not task.done():
            await asyncio.wait({task}, timeout=self._means.wakes.lease_seconds / 3)
            activity.heartbeat()
        if task is not None and not task.cancelled() and not task.result():
            raise _put_off("RunPutOff")
        return await self._handing.answer(run)


def _put_off(kind: str) -> ApplicationError:
    return ApplicationError(
        "the run was put off", type=kind, category=ApplicationErrorCategory.BENIGN
    )


@cache
def _runtime() -> Runtime:
    """Return the SDK's own threads, which write nothing: what is wrong, we say in our log."""
    return Runtime(telemetry=TelemetryConfig(logging=None))


def _bytes(text: str | None) -> bytes | None:
    return text.encode() if text else None
