"""The person at the terminal, as who is asked about a write."""

from __future__ import annotations

import asyncio
import sys

import typer

from prediction_mcp import __version__
from prediction_mcp.safety.asking import ComeBack, Verdict
from prediction_mcp.safety.intents import Caller


class Terminal:
    """Asks on the terminal; with ``yes`` the person said so with the command."""

    caller = Caller("prediction-mcp command", __version__)
    waits = True
    user = "local"
    anonymous = False
    number = None
    answered = False

    def __init__(self, *, yes: bool, as_json: bool) -> None:
        self._yes = yes
        self.can_ask = yes or (sys.stdin.isatty() and not as_json)

    def verdict(self) -> Verdict:
        return "cancel"

    def request(self, text: str, number: str) -> ComeBack:
        raise RuntimeError("the terminal is asked at once")

    async def ask(self, text: str, patience_s: float) -> Verdict:
        sys.stderr.write(f"{text}\n")
        if self._yes:
            return "accept"
        return "accept" if await asyncio.to_thread(typer.confirm, "Do exactly this?", err=True) else "decline"
