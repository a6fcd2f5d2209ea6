"""A condition that turned, written down: the firing, its message and what was seen in one transaction, once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from prediction_mcp.records.outbox import Message
from prediction_mcp.records.watching import ACTIVE, DONE, EXPIRED, AlertRow, Firing

from ..notices.wording import harmless
from .kinds import AlertSpec, described, may_fire

if TYPE_CHECKING:
    from ..desk import Desk

LATE = timedelta(minutes=2)
"""From this age on a firing says when it became true."""


def spec_of(alert: AlertRow) -> AlertSpec:
    return AlertSpec.model_validate({**alert.spec, "kind": alert.kind, "ticker": alert.ticker})


async def turned(
    desk: Desk, alert: AlertRow, *, true: bool, said: str, since: datetime | None = None, **seen: Any
) -> AlertRow | None:
    """What is true of a condition now; it is told when it becomes true and its pause is over.

    Args:
        said: what happened, in our words.
        since: when it became true, where that is known better than "now".
        seen: what else is to be remembered.

    Returns:
        The alert as it is written now; None where somebody else wrote it since it was read.
    """
    spec, now = spec_of(alert), desk.clock()
    was, fresh = bool(alert.seen.get("true")), {**alert.seen, "true": true, **seen}
    if not true or was or not may_fire(spec, alert.last, now):
        return alert if fresh == alert.seen else await desk.alerts.write(alert, fresh)
    return await fire(desk, alert, said, since or now, fresh)


async def fire(desk: Desk, alert: AlertRow, said: str, since: datetime, seen: dict[str, Any]) -> AlertRow | None:
    """Tell it, whatever it was before: once in the database and once a channel, however often the process dies."""
    spec, now = spec_of(alert), desk.clock()
    since = min(since, now)
    late = f" (since {since:%Y-%m-%d %H:%M} UTC)" if now - since >= LATE else ""
    firing = Firing(alert.id, alert.fired + 1, since, now, f"{said}{late}")
    title = f" “{harmless(spec.title)}”" if spec.title else ""
    body = f"{firing.said}.{title}" + (f" Your note: {harmless(spec.note)}" if spec.note else "")
    message = Message(f"alert:{alert.id}:{firing.number}", f"Alert: {described(spec)}", body, spec.importance)
    return await desk.alerts.write(
        alert, seen, state=ACTIVE if spec.pause_s is not None else DONE, firing=firing, messages=[message],
        channels=desk.channels,
    )  # fmt: skip


async def expire(desk: Desk, alert: AlertRow) -> bool:
    """End one whose date has come; whether it was."""
    if alert.until is None or alert.until > desk.clock():
        return False
    await desk.alerts.write(alert, alert.seen, state=EXPIRED)
    return True
