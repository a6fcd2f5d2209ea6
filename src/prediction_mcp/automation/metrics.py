"""Figures for Prometheus: read off what counts them, when somebody asks. Nothing here counts by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from loguru import logger

from prediction_mcp.desk.kalshi.records.worth import valued
from prediction_mcp.net.errors import PlatformError
from prediction_mcp.net.measured import BOUNDS
from prediction_mcp.safety import usage
from prediction_mcp.safety.index import QUICK_S
from prediction_mcp.safety.journal import JournalError
from prediction_mcp.settings import SettingsError

if TYPE_CHECKING:
    from collections import Counter

    from prediction_mcp.records.workers import JobRow

    from .attending import Attendant
    from .crew import Crew
    from .desk import Desk

PREFIX = "prediction_mcp_"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass
class Figures:
    """What was read at one moment. What couldn't be is empty."""

    jobs: list[JobRow] = field(default_factory=list)
    messages: dict[tuple[str, str], int] = field(default_factory=dict)
    alerts: int = 0
    rules: int = 0
    writes: dict[tuple[str, str], int] = field(default_factory=dict)
    answers: dict[str, int] = field(default_factory=dict)
    worth: float | None = None


async def text(desk: Desk, attendant: Attendant | None = None, *, private: bool = False) -> bytes:
    """All figures in Prometheus' format.

    Args:
        attendant: of the worker in this process, whose feed and quotes are told.
        private: also what the account is worth.

    Raises:
        SettingsError: prometheus-client isn't installed.
    """
    _needed()
    return _printed(_Collected(desk, await _read(desk, private=private), attendant))


async def crew_text(crew: Crew, *, private: bool = False) -> bytes:
    """The same of many accounts, with their names as the label ``account``. Raises SettingsError."""
    _needed()
    working = {name: member.worker for name, member in crew.members.items() if member.worker is not None}
    read = await asyncio.gather(*(_read(worker.desk, private=private) for worker in working.values()))
    parts = {
        name: _Collected(worker.desk, figures, worker.attendant)
        for (name, worker), figures in zip(working.items(), read, strict=True)
    }
    return _printed(_Labelled(parts, {name: name in parts for name in crew.members}))


def _needed() -> None:
    if find_spec("prometheus_client") is None:
        raise SettingsError("Metrics need the extra: install prediction-mcp[automation].")


def _printed(collected: Any) -> bytes:
    from prometheus_client import CollectorRegistry, generate_latest

    registry = CollectorRegistry(auto_describe=False)
    registry.register(collected)
    return generate_latest(registry)


async def _read(desk: Desk, *, private: bool) -> Figures:
    found = Figures()
    try:
        found.jobs, found.messages = await desk.workers.jobs(), await desk.outbox.counts()
        found.alerts, found.rules = len(await desk.alerts.active()), len(await desk.rules.active())
        if private:
            worth, _ = await valued(desk.account)
            found.worth = None if worth.total is None else float(worth.total)  # a figure to look at, not to reckon with
    except PlatformError as error:
        logger.warning("not all figures can be read now: {}", error)
    home = desk.account.settings.safety_home
    if home is not None and home.exists():
        try:
            records = desk.account.records(QUICK_S)  # in no thread: only the one that opens it may use it
            found.writes, found.answers = usage.totals(records.db)
        except JournalError as error:
            logger.warning("the journal's figures can't be read now: {}", error)
    return found


class _Labelled:
    """Families of several accounts, each made one, with the account's name at every sample."""

    def __init__(self, parts: Mapping[str, _Collected], works: Mapping[str, bool]) -> None:
        self._parts, self._works = parts, works

    def collect(self) -> Iterable[Any]:
        from prometheus_client.core import GaugeMetricFamily

        families = dict[str, Any]()
        for name, part in self._parts.items():
            for family in part.collect():
                whole = families.setdefault(family.name, type(family)(family.name, family.documentation))
                whole.samples += [s._replace(labels={**s.labels, "account": name}) for s in family.samples]
        yield from families.values()
        works = GaugeMetricFamily(f"{PREFIX}account_works", "Whether this worker works for it.", labels=["account"])
        for name, does in self._works.items():
            works.add_metric([name], float(does))
        yield works


class _Collected:
    """What prometheus-client calls a collector: families made of what was read."""

    def __init__(self, desk: Desk, figures: Figures, attendant: Attendant | None) -> None:
        self._desk, self._figures, self._attendant = desk, figures, attendant

    def collect(self) -> Iterable[Any]:
        yield from self._requests()
        yield from self._feed()
        yield from self._work()

    def _requests(self) -> Iterable[Any]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

        transport = self._desk.account.kalshi.transport
        tries = CounterMetricFamily(
            f"{PREFIX}requests", "Tries of requests by endpoint and outcome.", labels=["endpoint", "outcome"]
        )
        for (name, outcome), number in transport.measured.outcomes.items():
            tries.add_metric([name, outcome], number)
        yield tries
        took = HistogramMetricFamily(f"{PREFIX}request_seconds", "Seconds that tries took.", labels=["endpoint"])
        for name, counts in transport.measured.times.items():
            total, buckets = 0, []
            for bound, count in zip((*map(str, BOUNDS), "+Inf"), counts, strict=True):
                total += count
                buckets.append((bound, total))
            took.add_metric([name], buckets, sum_value=transport.measured.seconds[name])
        yield took
        left = GaugeMetricFamily(f"{PREFIX}budget_tokens", "Tokens of the rate budget that are left.", labels=["lane"])
        for lane, bucket in transport.limiter.buckets.items():
            left.add_metric([lane], bucket.tokens)
        yield left
        hits = CounterMetricFamily(f"{PREFIX}cache_hits", "Reads answered from the cache.", labels=["kind"])
        for kind, number in (transport.cache.hits if transport.cache is not None else {}).items():
            hits.add_metric([kind], number)
        yield hits

    def _feed(self) -> Iterable[Any]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        if self._attendant is None:
            return
        live = GaugeMetricFamily(f"{PREFIX}feed_live", "Whether quotes come by themselves.")
        live.add_metric([], float(self._attendant.is_live))
        watched = GaugeMetricFamily(f"{PREFIX}watched_markets", "Markets of whose prices alerts or rules wait.")
        watched.add_metric([], len(self._attendant.board.tickers))
        yield from (live, watched)
        counters: Counter[str] = self._attendant.feed_counters
        events = CounterMetricFamily(f"{PREFIX}feed_events", "What the feed went through.", labels=["what"])
        for what, number in counters.items():
            events.add_metric([what], number)
        events.add_metric(["quotes"], self._attendant.quotes)
        yield events

    def _work(self) -> Iterable[Any]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        f = self._figures
        jobs = CounterMetricFamily(f"{PREFIX}job_runs", "Runs of jobs by outcome.", labels=["task", "outcome"])
        took = GaugeMetricFamily(f"{PREFIX}job_seconds", "Seconds that a job took the last time.", labels=["task"])
        failing = GaugeMetricFamily(f"{PREFIX}job_failures", "How often a job failed in a row.", labels=["task"])
        for job in f.jobs:
            jobs.add_metric([job.name, "done"], job.runs - job.failed)
            jobs.add_metric([job.name, "failed"], job.failed)
            took.add_metric([job.name], job.took / 1000)
            failing.add_metric([job.name], job.failures)
        yield from (jobs, took, failing)
        messages = GaugeMetricFamily(f"{PREFIX}messages", "Messages by channel and state.", labels=["channel", "state"])
        for (channel, state), number in f.messages.items():
            messages.add_metric([channel, state], number)
        writes = GaugeMetricFamily(
            f"{PREFIX}writes", "Writes in the journal by kind and state.", labels=["kind", "state"]
        )
        for (kind, state), number in f.writes.items():
            writes.add_metric([kind, state], number)
        answers = GaugeMetricFamily(
            f"{PREFIX}writes_answered", "Writes by what the person answered.", labels=["answer"]
        )
        for answer, number in f.answers.items():
            answers.add_metric([answer], number)
        yield from (messages, writes, answers)
        active = GaugeMetricFamily(f"{PREFIX}active", "What is watched and stands.", labels=["what"])
        active.add_metric(["alerts"], f.alerts)
        active.add_metric(["standing_orders"], f.rules)
        halted = GaugeMetricFamily(f"{PREFIX}halted", "Whether the kill switch is on.")
        halted.add_metric([], float(self._desk.account.halted_by() is not None))
        yield from (active, halted)
        if f.worth is not None:
            worth = GaugeMetricFamily(f"{PREFIX}portfolio_dollars", "What the account is worth, positions at the bid.")
            worth.add_metric([], f.worth)
            yield worth
