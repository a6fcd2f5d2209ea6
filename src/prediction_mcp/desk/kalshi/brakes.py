"""What the brakes answer."""

import time
from typing import Self

from prediction_mcp.safety.guard import Guard
from prediction_mcp.safety.limits import JOINS

from ..results import Answer, Number


class HaltAnswer(Answer):
    """``left`` orders still rest: cancel them again."""

    halted: bool
    cancelled: int
    contracts: Number
    left: int | None = None
    note: str


class LimitsAnswer(Answer):
    """What holds now, the tighter of settings and run time; dollars, contracts, cents. ``used`` today (UTC)."""

    limits: dict[str, int | Number | list[str]]
    orders_last_minute: int
    orders_today: int
    spent_today: Number
    halted_by: str | None = None

    @classmethod
    def of(cls, guard: Guard, source: str) -> Self:
        records = guard.records()
        limits, used, halted = guard.in_force(records), records.used("", time.time()), records.halted()
        shown = {name: getattr(limits, name) for name in JOINS}
        return cls(
            source=source,
            limits={
                name: sorted(value) if isinstance(value, frozenset) else value
                for name, value in shown.items()
                if value not in (None, frozenset())
            },
            orders_last_minute=used.minute_orders,
            orders_today=used.day_orders,
            spent_today=used.day_spent,
            halted_by=None if halted is None else f"{halted['by']} at {halted['at']}",
        )
