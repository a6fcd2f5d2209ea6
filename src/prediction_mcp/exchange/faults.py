"""What goes wrong, on demand: for people who want to see their client survive it.

A fault is asked for by a header on one request (``X-Paper-Fault: cut_after``), by rules at the start or by rules at the
control endpoint ``/paper/faults``, which only the paper exchange has. Rules are drawn with a seeded generator, so a run
can be repeated.
"""

from __future__ import annotations

import random
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Literal, get_args

RestFault = Literal["latency", "425", "429", "500", "503", "post_only", "cut_before", "cut_after", "twice"]
FeedFault = Literal["feed_drop", "feed_skip", "feed_twice", "feed_unknown", "feed_error", "feed_freeze", "feed_deltas"]
CommandFault = Literal["feed_timeout"]
ReadFault = Literal["read_lag"]
TradeFault = Literal["trade_fails"]
KINDS: dict[str, str] = {
    "latency": "the answer comes late (milliseconds after a colon, 200 if none)",
    "425": "Polymarket's engine is restarting; nothing was done",
    "429": "too many requests; nothing was done",
    "500": "internal error; nothing was done",
    "503": "unavailable; nothing was done",
    "post_only": "Polymarket takes only orders that rest, and cancels; nothing was done",
    "cut_before": "the connection is cut before the request was carried out",
    "cut_after": "the connection is cut after it was carried out, before the answer",
    "twice": "the answer comes twice",
    "feed_drop": "the WebSocket is cut",
    "feed_skip": "a sequence number is skipped: its message is lost",
    "feed_twice": "a frame comes twice",
    "feed_unknown": "a message of an unknown type comes before the frame",
    "feed_error": "a subscription ends with error 10 instead of the frame",
    "feed_freeze": "Polymarket's feed falls silent from here on, and still answers PING",
    "feed_deltas": "Polymarket's feed leaves out the books that a subscription begins with",
    "read_lag": "changed orders read as before for longer (milliseconds after a colon, 200 if none; 0 for not at all)",
    "trade_fails": "a matched trade of Polymarket fails on its way into the chain and is taken back",
    "feed_timeout": "a WebSocket command is answered with error 18; nothing was done",
}
DEFAULT_LATENCY_MS = 200


@dataclass(slots=True)
class Rule:
    """A fault that befalls a share of the requests (or feed messages) it matches.

    Args:
        kind: one of :data:`KINDS`.
        share: 0 to 1.
        method: HTTP method, or empty for all.
        path: beginning of the path after ``/trade-api/v2``, or empty for all.
        times: how often it may still strike; None for always.
        milliseconds: of latency.
    """

    kind: str
    share: float = 1.0
    method: str = ""
    path: str = ""
    times: int | None = None
    milliseconds: int = DEFAULT_LATENCY_MS

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"there is no fault {self.kind!r}: take one of {', '.join(KINDS)}")
        if not 0 <= self.share <= 1:
            raise ValueError("the share of a fault lies between 0 and 1")
        if self.milliseconds < 0 or (self.times is not None and self.times < 0):
            raise ValueError("times and milliseconds can't be negative")

    @classmethod
    def parse(cls, text: str) -> Rule:
        """``kind[:ms][@share][/METHOD[ path]]``: ``429@0.05``, ``latency:500``, ``cut_after@0.1/POST /portfolio``."""
        head, _, target = text.partition("/")
        head, _, share = head.partition("@")
        kind, _, milliseconds = head.partition(":")
        method, _, path = target.partition(" ")
        try:
            return cls(
                kind.strip(),
                float(share) if share else 1.0,
                method.strip().upper(),
                path.strip(),
                milliseconds=int(milliseconds) if milliseconds else DEFAULT_LATENCY_MS,
            )
        except ValueError as error:
            raise ValueError(f"the fault {text!r} can't be used: {error}") from None


@dataclass(slots=True)
class Faults:
    """The rules in force, and what they strike."""

    seed: int = 1
    rules: list[Rule] = field(default_factory=list)
    struck: dict[str, int] = field(default_factory=dict)
    _rng: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._rng = random.Random(f"faults/{self.seed}")

    def for_request(self, method: str, path: str, header: str | None, spared: Collection[str] = ()) -> list[Rule]:
        """The faults of one request: those of its header, and those of the rules that strike it.

        Args:
            spared: kinds that can't befall this request.

        Raises:
            ValueError: the header names a fault that there isn't.
        """
        asked = [Rule.parse(part) for part in header.split(",")] if header else []
        return [rule for rule in asked if rule.kind not in spared] + [
            rule
            for rule in self.rules
            if rule.kind in get_args(RestFault)
            and rule.kind not in spared
            and rule.method in ("", method)
            and path.startswith(rule.path)
            and self._strikes(rule)
        ]

    def for_message(self) -> list[str]:
        """The kinds of fault that strike one message of the feed."""
        if not self.rules:
            return []
        return [rule.kind for rule in self.rules if rule.kind in get_args(FeedFault) and self._strikes(rule)]

    @property
    def read_lag_ms(self) -> int | None:
        """How long changed orders shall read as before, where a rule says so."""
        return next((rule.milliseconds for rule in self.rules if rule.kind in get_args(ReadFault)), None)

    def for_trade(self) -> bool:
        """Whether a matched trade fails on its way into the chain."""
        return any(rule.kind in get_args(TradeFault) and self._strikes(rule) for rule in self.rules)

    def for_command(self) -> bool:
        """Whether a command of the WebSocket times out."""
        return any(rule.kind in get_args(CommandFault) and self._strikes(rule) for rule in self.rules)

    def _strikes(self, rule: Rule) -> bool:
        if rule.times == 0 or self._rng.random() >= rule.share:
            return False
        if rule.times is not None:
            rule.times -= 1
        self.struck[rule.kind] = self.struck.get(rule.kind, 0) + 1
        return True
