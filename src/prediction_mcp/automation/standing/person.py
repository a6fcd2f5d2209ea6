"""Who sends what a standing order sends: nobody who could be asked. The person said yes to the rule."""

from __future__ import annotations

from prediction_mcp import __version__
from prediction_mcp.safety.asking import ComeBack, Verdict
from prediction_mcp.safety.intents import Caller


class Agreed:
    """The asker of a worker, which asks nobody."""

    caller = Caller("prediction-mcp worker", __version__)
    can_ask = False
    waits = False
    user = "worker"
    anonymous = False
    number = None
    answered = False

    def verdict(self) -> Verdict:
        return "cancel"

    def request(self, text: str, number: str) -> ComeBack:
        raise RuntimeError("a worker asks nobody")

    async def ask(self, text: str, patience_s: float) -> Verdict:
        return "cancel"
