"""Half of a character in a message: an error with the request's id, over stdio and HTTP, in both protocol eras."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from prediction_mcp.protocol.unreadable import SENTENCE, readable, unreadable
from tests.cli.test_cli import COMMAND, _free_port, _until_it_answers

META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "x", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
HALF = "\ud800"
CALLS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("tools/call", {"name": "kalshi_get_market", "arguments": {"ticker": HALF}}),
    ("tools/call", {"name": f"kalshi_get_market{HALF}", "arguments": {"ticker": "X"}}),
    ("tools/call", {"name": "kalshi_search_markets", "arguments": {"query": "x", f"more{HALF}": [{"deep": HALF}]}}),
    ("resources/read", {"uri": f"kalshi://markets/{HALF}"}),
    ("prompts/get", {"name": "research_market", "arguments": {"ticker": HALF}}),
    (
        "completion/complete",
        {"ref": {"type": "ref/prompt", "name": HALF}, "argument": {"name": "ticker", "value": "K"}},
    ),
)


def message(number: int, method: str, params: dict[str, Any], *, modern: bool) -> bytes:
    """A request in ASCII, halves spelled as escapes."""
    meta = {"_meta": META} if modern else {}
    return json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": {**params, **meta}}).encode()


@contextmanager
def server() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait(30)
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()


@pytest.mark.parametrize("modern", [False, True])
def test_over_stdio(modern: bool) -> None:
    """The SDK reads no such message, and before nothing ever answered it."""
    with server() as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def ask(line: bytes) -> dict[str, Any]:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(line + b"\n")
            process.stdin.flush()
            answer: dict[str, Any] = json.loads(process.stdout.readline())
            return answer

        if not modern:
            client = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}
            assert ask(message(0, "initialize", client, modern=False))["id"] == 0
            process.stdin.write(b'{"jsonrpc":"2.0","method":"notifications/initialized"}\n')
        for number, (method, params) in enumerate(CALLS, 1):
            answer = ask(message(number, method, params, modern=modern))
            assert (answer["id"], answer["error"]["message"]) == (number, SENTENCE)
        whole = {"name": "kalshi_get_market", "arguments": {"ticker": "\U0001f600"}}
        answer = ask(message(99, "tools/call", whole, modern=modern))
        assert answer["id"] == 99
        assert "is no ticker" in json.dumps(answer["result"])


@pytest.mark.parametrize("modern", [False, True])
async def test_over_http(modern: bool) -> None:
    url = f"http://127.0.0.1:{_free_port()}/mcp"
    process = subprocess.Popen(
        [*COMMAND, "serve", "--http", "--port", str(httpx.URL(url).port)], stderr=subprocess.DEVNULL
    )
    try:
        await _until_it_answers(url)
        headers = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
        if modern:
            headers |= {"MCP-Protocol-Version": "2026-07-28"}
        async with httpx.AsyncClient(headers=headers) as http:
            for number, (method, params) in enumerate(CALLS, 1):
                answer = (await http.post(url, content=message(number, method, params, modern=modern))).json()
                assert (answer["id"], answer["error"]["message"]) == (number, SENTENCE)
    finally:
        process.terminate()
        process.wait(30)


@pytest.mark.parametrize(
    "line",
    [
        b'{"id": 1, "method": "x", "params": {"a": "\\ud83d\\ude00"}}\n', b"\n", b"",
        b'{"id": 1, "method": "\\\\ud800"}\n',
        b'{"id": 1, "method": "\\ud800"\n', b'["\\ud800"]\n', b"[" * 100_000 + b'"\\ud800"\n', b"\\ud800\n",
        '{"id": 1, "method": "\U0001f600"}\n'.encode(),
    ],
)  # fmt: skip
def test_other_lines_stay_as_they_are(line: bytes) -> None:
    assert readable(line) == line


def test_an_answer_of_the_client_keeps_its_meaning() -> None:
    """A person's yes with half of a character beside it is still a yes."""
    line = json.dumps(
        {"jsonrpc": "2.0", "id": 7, "result": {"action": "accept", "content": {"confirm": True, "n": HALF}}}
    )
    came = json.loads(readable(line.encode()))
    assert came["result"] == {"action": "accept", "content": {"confirm": True, "n": "\ufffd"}}


def test_raw_halves_count_too() -> None:
    assert unreadable(b'{"id": 1, "method": "x", "params": {"a": "\xed\xa0\x80"}}') is not None
    assert sys.getdefaultencoding() == "utf-8"
