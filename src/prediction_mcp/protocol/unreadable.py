"""Messages with half of a character in a text: answered with an error under their id, over stdio and HTTP.

JSON can spell one half of a surrogate pair (``\\ud800``), which is not Unicode. The SDK's parser refuses the whole
message then, so its sender would wait for an answer that never comes.
"""

from __future__ import annotations

import io
import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import mcp_types
from mcp.shared.exceptions import MCPError

if TYPE_CHECKING:
    from fastmcp import FastMCP
    from mcp.server.context import ServerRequestContext
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

METHOD = "prediction-mcp/unreadable"
SENTENCE = r"A text of this request holds half of a character (a lone surrogate like \ud800): send whole characters."
LARGEST = 4 << 20
"""Bytes of a body that is looked at; larger ones go on as they are."""
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]|\xed[\xa0-\xbf]")


def unreadable(body: bytes) -> dict[str, Any] | None:
    """Return a message that holds half of a character, with U+FFFD in the place of halves; None for any other."""
    if _SURROGATE.search(body) is None:
        return None
    try:
        message = json.loads(body.decode("utf-8", "surrogatepass"))
        text = json.dumps(message, ensure_ascii=False)
        with suppress(UnicodeEncodeError):
            text.encode()
            return None
        cleaned = json.loads(re.sub("[\ud800-\udfff]", "\ufffd", text))
    except (ValueError, RecursionError):
        return None
    return cleaned if isinstance(cleaned, dict) else None


def readable(line: bytes) -> bytes:
    """Return a line of stdin as it is; for a request with half of a character one that is answered with an error."""
    message = unreadable(line)
    if message is None:
        return line
    if "method" in message and "id" in message:
        params = message.get("params")
        meta = params.get("_meta") if isinstance(params, dict) else None
        message |= {"method": METHOD, "params": {} if meta is None else {"_meta": meta}}
    return json.dumps(message).encode() + b"\n"


def install(server: FastMCP) -> None:
    """Answer what :func:`readable` puts in the place of a request."""

    async def refuse(_: ServerRequestContext[Any, Any], __: mcp_types.RequestParams) -> mcp_types.EmptyResult:
        raise MCPError(mcp_types.INVALID_PARAMS, SENTENCE)

    server._mcp_server.add_request_handler(METHOD, mcp_types.RequestParams, refuse)


# -- over stdio --------------------------------------------------------------------------------------------------


class _Lines(io.RawIOBase):
    """Standard input line by line, each made readable."""

    def __init__(self, source: io.BufferedReader) -> None:
        self._source, self._rest = source, b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._rest:
            self._rest = readable(self._source.readline())
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size


class _Stdin:
    """As much of ``sys.stdin`` as the SDK takes."""

    def __init__(self, source: io.BufferedReader) -> None:
        self.buffer = io.BufferedReader(_Lines(source))


@contextmanager
def readable_stdin() -> Iterator[None]:
    """Have the SDK read standard input through :func:`readable`; children of this process read its end meanwhile."""
    before, own = sys.stdin, os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    sys.stdin = _Stdin(os.fdopen(own, "rb", closefd=False))  # a thread may still read it
    try:
        yield
    finally:
        os.dup2(own, 0)
        sys.stdin = before


# -- over HTTP -----------------------------------------------------------------------------------------------------


class ReadableBodies:
    """ASGI middleware: answers a request whose body holds half of a character."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        held: list[Message] = []
        body = b""
        while len(body) <= LARGEST:
            held.append(await receive())
            body += held[-1].get("body", b"")
            if not held[-1].get("more_body", False):
                break
        message = unreadable(body) if len(body) <= LARGEST else None
        if message is not None and "id" in message:
            await _answer(message["id"], send)
            return

        async def again() -> Message:
            return held.pop(0) if held else await receive()

        await self._app(scope, again, send)


async def _answer(request_id: Any, send: Send) -> None:
    error = {"code": mcp_types.INVALID_PARAMS, "message": SENTENCE}
    body = json.dumps({"jsonrpc": "2.0", "id": request_id, "error": error}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
