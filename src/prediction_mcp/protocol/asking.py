"""Asking the person through their client, in whichever way it can.

Two ways: the handshake era has a question from the server (elicitation) while the call waits; 2026-07-28 answers the
call with a request for input and is called again. A client that can't ask says so, and the safety layer decides.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import mcp_types
from fastmcp import Context
from fastmcp.server.dependencies import get_access_token, get_context, get_http_request
from mcp_types import ElicitRequest, ElicitRequestFormParams, InputRequiredResult

from prediction_mcp.safety.asking import Verdict
from prediction_mcp.safety.intents import Caller

KEY = "confirm"
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {KEY: {"type": "boolean", "title": "Yes, do exactly this", "default": True}},
    "required": [KEY],
}
MODERN = "2026-07-28"
LOCAL = "local"


def get_person() -> Client:
    """Who made the call under way."""
    return Client(get_context())


class Client:
    """The client of the call under way (a :class:`~prediction_mcp.safety.asking.Person`)."""

    def __init__(self, context: Context) -> None:
        self._context = context
        params = context.session.client_params
        self.can_ask = params is not None and params.capabilities.elicitation is not None
        info = params.client_info if params is not None else None
        self.caller = Caller(info.name if info else "unknown", info.version if info else "")
        request = context.request_context
        self.waits = request is None or str(request.protocol_version) < MODERN

    @property
    def anonymous(self) -> bool:
        return is_anonymous()

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
