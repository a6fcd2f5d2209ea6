"""The outbox emptied: each message to each channel, held back in quiet hours, gathered where there are too many.

A message is taken in hand before it is sent and written off after. A process that dies in between has it sent a second
time, by whoever comes later: a lost answer can't be told from a lost message.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import time, timedelta
from typing import TYPE_CHECKING

from loguru import logger

from prediction_mcp.settings import SettingsError

from .channels import Channel, channels_of

if TYPE_CHECKING:
    from prediction_mcp.records.outbox import Posted

    from ..desk import Desk

HELD = timedelta(minutes=2)
"""How long a message is its sender's."""
BACKOFF = (10, 30, 60, 300, 900, 1_800, 3_600)
"""Seconds between tries; the last one again and again."""
TRIES = 24
PATIENCE_S = 20.0
"""How long a channel may take for one message."""
WHILE_S = 60.0
"""How long one round takes for a channel; a job that was cut off in its midst would send a message twice."""
DIGEST = 25
"""Messages that a digest names."""
HOUR = timedelta(hours=1)


async def deliver(desk: Desk) -> int:
    """Send what waits; returns how many messages left."""
    now = desk.clock()
    known = {channel.name: channel for channel in channels_of(desk.account.settings)}
    waiting = await desk.outbox.waiting(tuple(known), now) if known else []
    by_channel: dict[str, list[Posted]] = {}
    for message in waiting:
        by_channel.setdefault(message.channel, []).append(message)
    results = await asyncio.gather(*(_channel(desk, known[name], mine) for name, mine in by_channel.items()))
    return sum(results)


async def _channel(desk: Desk, channel: Channel, waiting: Sequence[Posted]) -> int:
    """What waits for one channel: important ones always, others outside of quiet hours and within an hour's number."""
    now, settings = desk.clock(), desk.account.settings
    high = [message for message in waiting if message.importance == "high"]
    others = [message for message in waiting if message.importance != "high"]
    if is_quiet(settings.quiet_hours, now.astimezone(settings.zone).time()):
        others = []
    left = settings.notify_per_hour - len(await desk.outbox.sent_since(channel.name, now - HOUR))
    batches = [[message] for message in high]
    if others and left > 0:
        batches += [[message] for message in others] if len(others) <= left - 1 or len(others) == 1 else [others]
    sent, end = 0, asyncio.get_running_loop().time() + WHILE_S
    for batch in batches:
        if asyncio.get_running_loop().time() > end:  # the rest goes with the next round
            break
        sent += await _send(desk, channel, batch)
    return sent


def is_quiet(hours: tuple[time, time] | None, at: time) -> bool:
    """Whether a time of day lies in the quiet hours, which may go over midnight."""
    if hours is None:
        return False
    begin, end = hours
    return begin <= at < end if begin <= end else at >= begin or at < end


async def _send(desk: Desk, channel: Channel, batch: Sequence[Posted]) -> int:
    now = desk.clock()
    mine = set(await desk.outbox.take([m.id for m in batch], desk.name, now, now + HELD))
    batch = [message for message in batch if message.id in mine]
    if not batch:
        return 0
    ids, (title, body) = [message.id for message in batch], worded(batch, desk.environment)
    problem = await notify(channel, title, body)
    if problem is None:
        await desk.outbox.delivered(ids, desk.clock())
        return 1
    tries = max(message.tries for message in batch)
    wait = None if tries + 1 >= TRIES else timedelta(seconds=BACKOFF[min(tries, len(BACKOFF) - 1)])
    logger.warning("a message by {} wasn't delivered ({}. try): {}", channel.name, tries + 1, problem)
    await desk.outbox.failed(ids, None if wait is None else desk.clock() + wait, problem, desk.clock())
    return 0


def worded(batch: Sequence[Posted], environment: str) -> tuple[str, str]:
    """(title, body) of one message, or of a digest of several."""
    mode = "" if environment == "live" else f" [{environment}]"
    if len(batch) == 1:
        return f"{batch[0].title}{mode}", batch[0].body
    lines = [f"- {message.created:%H:%M} UTC {message.title}: {message.body}" for message in batch[:DIGEST]]
    if len(batch) > DIGEST:
        lines.append(f"- and {len(batch) - DIGEST} more: see get_alerts, or prediction-mcp alerts list.")
    return f"{len(batch)} messages{mode}", "\n".join(lines)


async def notify(channel: Channel, title: str, body: str) -> str | None:
    """Send one message; None where it was taken, else why not, without the channel's address."""
    work = asyncio.to_thread(_notify, channel.url, title, body)
    try:
        return await asyncio.wait_for(asyncio.shield(asyncio.ensure_future(work)), PATIENCE_S)
    except TimeoutError:
        return f"no answer within {PATIENCE_S:.0f} s"


def _notify(url: str, title: str, body: str) -> str | None:
    try:
        import apprise
    except ModuleNotFoundError:
        raise SettingsError("NOTIFY_URLS needs the extra: install prediction-mcp[automation].") from None
    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)  # its debug lines hold addresses
    sender = apprise.Apprise()
    if not sender.add(url):
        return "its address isn't one that apprise knows"
    taken = sender.notify(body=body, title=title, body_format=apprise.NotifyFormat.TEXT)
    return None if taken else "it was refused, or nothing answered"
