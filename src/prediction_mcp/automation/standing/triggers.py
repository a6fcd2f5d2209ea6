"""Rules that wait for a price: kept on the board, and made due when their price was reached for long enough.

That a price was reached is written before anything is sent: whichever worker comes next carries it out. A price that
must hold is watched from the moment it was reached; where nobody looked for a while, it begins to hold anew.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from prediction_mcp.records.rules import ACTIVE, Rule

from ..board import Board, Turn
from .kinds import TRIGGERED, RuleSpec, as_side, levels_of, reached, watcher_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..desk import Desk

BLIND = timedelta(seconds=120)
"""Where nobody looked for so long, a price that must hold begins anew."""
NOTED = timedelta(seconds=20)
"""How often it is written that a price still holds."""


def spec_of(rule: Rule) -> RuleSpec:
    return RuleSpec.model_validate({**rule.spec, "kind": rule.kind, "ticker": rule.ticker})


def is_triggered(rule: Rule) -> bool:
    return "triggered" in rule.seen


class Triggers:
    """The rules of an account that wait for prices."""

    def __init__(self, desk: Desk, board: Board) -> None:
        self.desk, self.board = desk, board
        self.rules: dict[int, Rule] = {}
        self._prices: dict[int, Decimal] = {}
        """The last price of the rule's side that made it true."""

    def take(self, rules: Iterable[Rule]) -> set[str]:
        """What is active now; the markets of those that are new or were changed."""
        anew = set[str]()
        fresh = {r.id: r for r in rules if r.kind in TRIGGERED and r.state == ACTIVE and not is_triggered(r)}
        for rule_id in self.rules.keys() - fresh.keys():
            self._forget(rule_id)
        for rule_id, rule in fresh.items():
            known = self.rules.get(rule_id)
            if known is None or known.version != rule.version:
                self._put(rule)
                anew.add(rule.ticker)
        return anew

    @property
    def holds(self) -> bool:
        """Whether a price was reached that must stay for a while."""
        return any("since" in rule.seen for rule in self.rules.values())

    def _put(self, rule: Rule) -> None:
        self.rules[rule.id] = rule
        watcher = watcher_of(rule.id, spec_of(rule), rule.seen)
        if watcher is not None:
            self.board.put(watcher)

    def _forget(self, rule_id: int) -> None:
        self.rules.pop(rule_id, None)
        self._prices.pop(rule_id, None)
        self.board.drop(("rule", rule_id))

    # -- what quotes do --------------------------------------------------------------------------------------------

    async def on(self, turn: Turn) -> Rule | None:
        """A price was reached, or left again; the rule, if it is due now."""
        rule = self.rules.get(turn.watcher.key[1])
        if rule is None:
            return None
        spec = spec_of(rule)
        value = as_side(spec, turn.value)
        said = reached(spec, rule.seen, value)
        if said is None:
            await self._left(rule, spec, value)
            return None
        self._prices[rule.id] = value
        if not spec.hold_s:
            return await self._trigger(rule, said)
        if rule.seen.get("true"):
            return None
        now = self.desk.clock().isoformat()
        await self._write(rule, {**rule.seen, "true": True, "since": now, "noted": now})
        return None

    async def _left(self, rule: Rule, spec: RuleSpec, value: Decimal) -> None:
        """The price isn't there any more; a trailing stop may have a new high."""
        seen = {name: v for name, v in rule.seen.items() if name not in ("true", "since", "noted")}
        if spec.kind == "trailing_stop":
            highest = seen.get("highest")
            if highest is None or value > Decimal(highest):
                seen["highest"] = str(value)
        if seen != rule.seen:
            await self._write(rule, seen)
        else:
            self._put(rule)

    async def holding(self, looked: datetime) -> list[Rule]:
        """Rules whose price has held for long enough when prices were last looked at; asked every second or so."""
        due: list[Rule] = []
        for rule in [r for r in self.rules.values() if r.seen.get("true")]:
            spec, watcher = spec_of(rule), self.board.get(("rule", rule.id))
            since, noted = (datetime.fromisoformat(rule.seen[name]) for name in ("since", "noted"))
            if watcher is None or watcher.was is not True:
                continue
            if looked - noted > BLIND:  # nobody looked: what the price did meanwhile isn't known
                await self._write(rule, {**rule.seen, "since": looked.isoformat(), "noted": looked.isoformat()})
            elif (looked - since).total_seconds() >= spec.hold_s:
                price = self._prices.get(rule.id)
                said = (price is not None and reached(spec, rule.seen, price)) or "its price held"
                if (done := await self._trigger(rule, f"{said}, for {spec.hold_s} s")) is not None:
                    due.append(done)
            elif looked - noted > NOTED:
                await self._write(rule, {**rule.seen, "noted": looked.isoformat()})
        return due

    async def _trigger(self, rule: Rule, said: str) -> Rule | None:
        """Write that it is due; the rule, if it was this worker that did."""
        now = self.desk.clock()
        kept = {name: v for name, v in rule.seen.items() if name not in ("true", "since", "noted")}
        after = await self.desk.rules.change(
            rule, now=now, due=now, seen={**kept, "triggered": {"at": now.isoformat(), "said": said}}
        )
        self._forget(rule.id)
        if after is None:
            await self._again(rule)
        return after

    async def _write(self, rule: Rule, seen: dict[str, Any]) -> None:
        after = await self.desk.rules.change(rule, now=self.desk.clock(), seen=seen)
        if after is None:
            await self._again(rule)
        else:
            self._put(after)

    async def _again(self, rule: Rule) -> None:
        """Somebody else wrote it since it was read."""
        current = await self.desk.rules.get(rule.id)
        if current is None or current.state != ACTIVE or is_triggered(current):
            self._forget(rule.id)
        else:
            self._put(current)


def best_so_far(spec: RuleSpec, seen: dict[str, Any]) -> Decimal | None:
    """Where a trailing stop stands now, in dollars of its side."""
    return levels_of(spec, seen)[0] if spec.kind == "trailing_stop" and "highest" in seen else None
