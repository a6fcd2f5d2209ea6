"""What all work of this room has at hand: the account, its tables, whom messages reach, and what time it is."""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from prediction_mcp.records.outbox import Outbox
from prediction_mcp.records.rules import Rules
from prediction_mcp.records.watching import Alerts
from prediction_mcp.records.workers import Workers

from .notices.channels import names_of

if TYPE_CHECKING:
    from prediction_mcp.desk.kalshi.account import Account

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    return datetime.now(UTC)


class Desk:
    """The automation of one account. ``name`` tells this worker from all others that may hold the same work.

    Args:
        account: open.
        clock: what time it is; a simulation has its own.
    """

    def __init__(self, account: Account, clock: Clock = utc_now) -> None:
        ledger = account.history.ledger
        self.account, self.clock = account, clock
        self.alerts, self.rules = Alerts(ledger), Rules(ledger)
        self.outbox, self.workers = Outbox(ledger), Workers(ledger)
        self.channels = names_of(account.settings)
        self.feed_down: datetime | None = None
        """Since when this worker's feed is down; None where it isn't, or where it has none."""
        self.name = f"{socket.gethostname()[:40]}-{os.getpid()}-{uuid.uuid4().hex[:8]}"

    @property
    def environment(self) -> str:
        return self.account.environment
