"""From a plan to a yes: ask, hold what was shown against what is true afterwards, ask anew if it moved."""

from __future__ import annotations

import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal, Protocol

from loguru import logger

from prediction_mcp.net.deadline import paused
from prediction_mcp.net.words import cents

from .confirmation import NotConfirmedError, Pending, Question, fingerprint
from .intents import Caller
from .journal import JournalError
from .plan import Plan, Terms
from .policy import Policy
from .records import Records

ROUNDS = 3
"""Times a person is asked in one call while the price runs away."""
TOKEN_S = 120.0
"""How long the token of a preview is good."""
_NO = {
    "decline": "You declined, so nothing was sent.",
    "cancel": "The question was closed without an answer, so nothing was sent.",
    "timeout": "Nobody answered in {patience:.0f} seconds, so nothing was sent: call again to be asked anew.",
}


Verdict = Literal["accept", "decline", "cancel", "timeout"]
ComeBack = Any
"""What whoever called has to be given so that the person is asked and the call comes again."""


class Person(Protocol):
    """Who is asked, and how. A call that waits asks in its midst; one that doesn't is made again with the answer.

    Attributes:
        caller: through what they speak.
        can_ask: whether they can be asked at all.
        waits: whether :meth:`ask` is the way; else it is :meth:`request`, and a call that brings the answer.
    """

    caller: Caller
    can_ask: bool
    waits: bool

    @property
    def user(self) -> str:
        """Who they are: a confirmation of one is no confirmation of another."""

    @property
    def anonymous(self) -> bool:
        """Whether they showed nobody who they are, where that is needed."""

    @property
    def number(self) -> str | None:
        """The number of the question that this call answers."""

    @property
    def answered(self) -> bool:
        """Whether this call brings an answer."""

    def verdict(self) -> Verdict:
        """The answer that this call brings."""

    def request(self, text: str, number: str) -> ComeBack:
        """What has the person asked and the call made again."""

    async def ask(self, text: str, patience_s: float) -> Verdict:
        """Ask now, and wait."""


@dataclass(frozen=True, slots=True)
class WriteCall:
    """A call of what writes, and how to plan it again."""

    tool: str
    arguments: Mapping[str, Any]
    make: Callable[[], Awaitable[Plan[Any]]]
    token: str | None = None
    agreed: str | None = None
    """What the person said yes to before that covers this: a standing order, by name. They aren't asked again."""


@dataclass(frozen=True, slots=True)
class Yes:
    """A go-ahead for these terms; ``plan`` is the newest one, which sends them."""

    plan: Plan[Any]
    terms: Terms
    preview: str | None = None
    answer: str | None = None
    question: str | None = None


Preview = dict[str, Any]
"""For a client that can't ask: what would be done, and the token to call again with."""


@dataclass
class Asker:
    """The question of one call."""

    policy: Policy
    pending: Pending
    records: Records | None
    person: Person
    call: WriteCall
    id: str = field(default_factory=lambda: uuid.uuid4().hex)

    async def confirm(self, plan: Plan[Any]) -> Yes | ComeBack | Preview:
        """A yes, or what the client has to do before there can be one.

        Raises:
            NotConfirmedError: no yes, or not to this; nothing was sent.
        """
        if self.person.can_ask and self.person.waits:
            return await self._ask_now(plan)
        if self.person.can_ask:
            return await (self._answered(plan) if self.person.answered else self._request(plan))
        if self.policy.fallback == "refuse":
            raise self._no(
                "This client can't ask its user to confirm, so nothing was sent: use one that can (elicitation), or "
                "the owner of this server sets CONFIRM_FALLBACK=token.",
                "refused",
            )
        return await (self._preview(plan) if self.call.token is None else self._redeemed(plan))

    # -- the three ways ----------------------------------------------------------------------------------------

    async def _ask_now(self, plan: Plan[Any]) -> Yes:
        """Handshake era: the question goes out while the call waits."""
        news = ""
        for _ in range(ROUNDS):
            text = await self._said(plan, news)
            with paused():
                verdict = await self.person.ask(text, self.policy.patience_s)
            if verdict != "accept":
                raise self._no(_NO[verdict].format(patience=self.policy.patience_s), verdict)
            now = await self.call.make()
            news = self._changed(plan.binding, plan.bests, now)
            if not news:
                return self._yes(now, plan.terms, text)
            plan = now
        raise self._no(f"{news} It keeps moving, so nothing was sent: try again.", "moved")

    async def _request(self, plan: Plan[Any], news: str = "") -> ComeBack:
        """2026-07-28: the answer is a question, and the client calls again with the user's word."""
        text = await self._said(plan, news)
        return self.person.request(text, self._keep(plan, text, self.policy.patience_s))

    async def _answered(self, plan: Plan[Any]) -> Yes | ComeBack:
        question = self._take(self.person.number)
        verdict = self.person.verdict()
        if verdict != "accept":
            raise self._no(_NO[verdict], verdict)
        news = self._changed(question.binding, question.bests, plan)
        return await self._request(plan, news) if news else self._yes(plan, question.terms, question.text)

    async def _preview(self, plan: Plan[Any], news: str = "") -> Preview:
        """No way to ask: the preview and a token, for a model that shows it to its user."""
        text = await self._said(plan, news)
        return {
            "status": "nothing was sent yet",
            "preview": text,
            "confirmation": self._keep(plan, text, TOKEN_S),
            "expires_in_seconds": int(TOKEN_S),
            "next": "Show the preview to your user. Only if they say yes, call again with the same arguments and this "
            "confirmation.",
        }

    async def _redeemed(self, plan: Plan[Any]) -> Yes | Preview:
        question = self._take(self.call.token)
        news = self._changed(question.binding, question.bests, plan)
        return await self._preview(plan, news) if news else self._yes(plan, question.terms, question.text, "token")

    # -- steps -------------------------------------------------------------------------------------------------

    async def _said(self, plan: Plan[Any], news: str) -> str:
        text = "\n".join(filter(None, (news, await plan.words())))
        self._note(
            "asked", plan.kind == "cancel", client=str(self.person.caller), tool=self.call.tool,
            arguments=dict(self.call.arguments), preview=text,
        )  # fmt: skip
        return text

    def _note(self, what: str, takes_risk_away: bool = True, **details: Any) -> None:
        """Into the journal; where it can't be written only what adds risk stops at that."""
        try:
            if self.records is not None:
                self.records.note(what, self.id, quick=takes_risk_away, **details)
        except JournalError as error:
            if not takes_risk_away:
                raise
            logger.error("not in the journal ({}): {}", what, error)

    def _keep(self, plan: Plan[Any], text: str, seconds: float) -> str:
        return self.pending.ask(
            Question(
                tool=self.call.tool,
                fingerprint=fingerprint(self.call.arguments),
                user=self.person.user,
                until=time.monotonic() + seconds,
                terms=plan.terms,
                binding=plan.binding,
                bests=plan.bests,
                text=text,
                id=self.id,
            )
        )

    def _take(self, number: str | None) -> Question:
        try:
            question = self.pending.take(number, self.call.tool, fingerprint(self.call.arguments), self.person.user)
        except NotConfirmedError as error:
            raise self._no(str(error), "invalid") from None
        self.id = question.id
        return question

    def _changed(self, binding: Mapping[str, Any], bests: Sequence[Decimal | None], now: Plan[Any]) -> str:
        """What is no longer as it was shown; empty if an accept still holds."""
        if dict(binding) != now.binding:
            return "What would be sent has changed since you were asked."
        for best, new in zip(bests, now.bests, strict=True):
            near = best is not None and new is not None and abs(best - new) <= self.policy.tolerance
            if best != new and not near:
                return f"The best price moved from {cents(best)} to {cents(new)} since you were asked."
        return ""

    def _yes(self, plan: Plan[Any], terms: Terms, text: str, answer: str = "accept") -> Yes:
        self._note("answered", plan.kind == "cancel", answer=answer)
        return Yes(plan, terms, text, answer, self.id)

    def _no(self, text: str, answer: str) -> NotConfirmedError:
        self._note("answered", answer=answer, tool=self.call.tool, said=text)
        return NotConfirmedError(text)
