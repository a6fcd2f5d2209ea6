"""Asking the person, in whichever way the client can, and taking only an accept of exactly what was shown.

Three ways (MCP.md): the handshake era has a question from the server (elicitation); 2026-07-28 answers the call with
a request for input and is called again; a client that can't ask gets a preview and a one-time token. Where a second
call brings the answer, what was shown is kept here, under a number used once, bound to tool, arguments, user and time.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from time import monotonic
from typing import Any, Literal

import mcp_types
from fastmcp import Context
from fastmcp.server.dependencies import get_access_token, get_http_request
from mcp_types import ElicitRequest, ElicitRequestFormParams, InputRequiredResult

from .plan import Terms
from .policy import RefusedError
from .records import Caller

KEY = "confirm"
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {KEY: {"type": "boolean", "title": "Yes, do exactly this", "default": True}},
    "required": [KEY],
}
MOST_OPEN = 100
MODERN = "2026-07-28"
LOCAL = "local"
Verdict = Literal["accept", "decline", "cancel", "timeout"]


class NotConfirmedError(RefusedError):
    """The person didn't say yes, or not to this. Nothing was sent."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a person was shown, and what an accept of it allows."""

    tool: str
    fingerprint: str
    user: str
    until: float
    terms: Terms
    binding: Mapping[str, Any]
    best: Decimal | None
    text: str
    id: str


class Pending:
    """Questions that are open, by their number; each is taken once."""

    def __init__(self) -> None:
        self._open: OrderedDict[str, Question] = OrderedDict()

    def ask(self, question: Question) -> str:
        number = secrets.token_urlsafe(18)
        self._open[number] = question
        while len(self._open) > MOST_OPEN:
            self._open.popitem(last=False)
        return number

    def take(self, number: str | None, tool: str, fingerprint: str, user: str) -> Question:
        """The question of a number, which is then gone whatever comes of it.

        Raises:
            NotConfirmedError: there is none, it is too old, or it was asked of someone else or about something else.
        """
        question = self._open.pop(number, None) if number else None
        if question is None:
            raise NotConfirmedError(
                "This confirmation is unknown or was used already, so nothing was sent: call again without it."
            )
        if question.user != user:
            raise NotConfirmedError("This confirmation is somebody else's, so nothing was sent.")
        if question.tool != tool or question.fingerprint != fingerprint:
            raise NotConfirmedError(
                "The confirmation was for other arguments, so nothing was sent: call again without it."
            )
        if question.until < monotonic():
            raise NotConfirmedError("The confirmation came too late, so nothing was sent: call again to be asked anew.")
        return question


def fingerprint(arguments: Mapping[str, Any]) -> str:
    """The arguments of a call, however they were ordered or spelt as JSON."""
    text = json.dumps(arguments, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


class Client:
    """The client of the call under way: who it is, what it can do, and asking its user."""

    def __init__(self, context: Context) -> None:
        self._context = context
        params = context.session.client_params
        self.can_ask = params is not None and params.capabilities.elicitation is not None
        info = params.client_info if params is not None else None
        self.caller = Caller(info.name if info else "unknown", info.version if info else "")
        request = context.request_context
        self.modern = request is not None and str(request.protocol_version) >= MODERN

    @property
    def user(self) -> str:
        """Whose call this is: the token's subject over HTTP, the machine's own user over stdio."""
        token = get_access_token()
        return LOCAL if token is None else f"{token.client_id}/{getattr(token, 'subject', None) or ''}"

    @property
    def number(self) -> str | None:
        """The number of the question that this call answers (2026-07-28)."""
        return self._context.request_state

    @property
    def answers(self) -> Mapping[str, Any] | None:
        return self._context.input_responses

    @property
    def answered(self) -> bool:
        """Whether this call brings an answer to a question (2026-07-28)."""
        return self.number is not None or self.answers is not None

    def verdict(self) -> Verdict:
        """What the person answered (2026-07-28)."""
        given = (self.answers or {}).get(KEY)
        if not isinstance(given, mcp_types.ElicitResult):
            return "cancel"
        return _verdict(given.action, given.content)

    def request(self, text: str, number: str) -> InputRequiredResult:
        """The answer that has the client ask its user and call again (2026-07-28)."""
        params = ElicitRequestFormParams(mode="form", message=text, requested_schema=SCHEMA)
        asked = ElicitRequest(method="elicitation/create", params=params)
        return InputRequiredResult(input_requests={KEY: asked}, request_state=number)

    async def ask(self, text: str, patience_s: float) -> Verdict:
        """Ask the user now (handshake era)."""
        try:
            given = await asyncio.wait_for(
                self._context.session.elicit(
                    message=text, requested_schema=SCHEMA, related_request_id=self._context.request_id
                ),
                patience_s,
            )
        except TimeoutError:
            return "timeout"
        return _verdict(given.action, given.content)


def is_anonymous() -> bool:
    """Whether the call came over HTTP from somebody who showed no token."""
    try:
        get_http_request()
    except RuntimeError:
        return False
    return get_access_token() is None


def _verdict(action: str, content: Mapping[str, Any] | None) -> Verdict:
    """An accept counts only with the box ticked: a form that came back empty is no yes."""
    if action == "accept":
        return "accept" if content is not None and content.get(KEY) is True else "decline"
    return "decline" if action == "decline" else "cancel"
