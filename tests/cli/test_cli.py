"""The command line as a person or an assistant starts it: real processes, real pipes."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastmcp import Client
from fastmcp.client.transports import StdioTransport

from prediction_mcp.cli.app import OF_TOOLSETS
from prediction_mcp.cli.inspect import parse_arguments
from prediction_mcp.kalshi import KalshiClient
from prediction_mcp.kalshi.auth import signer_from_file
from prediction_mcp.settings import SettingsError
from prediction_mcp.settings.whole import TOOLSETS
from tests.cli.forked import run
from tests.conftest import MARKET
from tests.tools.test_tools import TOOLS

COMMAND = [sys.executable, "-m", "prediction_mcp"]


def spawn(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, from the interpreter's start on."""
    return subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        check=False,
        timeout=120,
    )


@contextmanager
def exchange(*arguments: str) -> Iterator[dict[str, str]]:
    """``prediction-mcp exchange`` with what it printed, by name."""
    process = subprocess.Popen([*COMMAND, "exchange", *arguments], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    shown = {}
    for line in process.stdout:
        name, _, value = line.partition("  ")
        shown[name.strip()] = value.strip()
        if line.startswith("private key"):
            break
    try:
        yield shown
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        process.stdout.close()


@pytest.mark.parametrize("era", ["auto", "legacy"])
async def test_the_main_job_over_stdio_with_nothing_configured(era: Any, capfd: pytest.CaptureFixture[str]) -> None:
    """Find a market, read its book, place a paper order that is filled, read position and profit."""
    transport = StdioTransport(COMMAND[0], COMMAND[1:], env=dict(os.environ))
    async with Client(transport, mode=era) as client:

        async def call(tool: str, **arguments: Any) -> dict[str, Any]:
            answer: dict[str, Any] | None = (await client.call_tool(tool, arguments)).structured_content
            assert answer is not None
            return answer

        market = (await call("kalshi_get_markets", series_ticker="KXFEDDECISION", limit=1))["markets"][0]
        (book,) = (await call("kalshi_get_orderbook", ticker=market["ticker"]))["books"]
        placed = await call(
            "kalshi_create_order", ticker=market["ticker"], side="yes", action="buy", count=5, order_type="market"
        )
        assert (placed["status"], placed["average_price"]) == ("filled", pytest.approx(book["asks"][0][0], abs=0.05))
        position = await call("kalshi_get_position", ticker=market["ticker"])
        assert position["position"]["count"] == 5
        assert position["net_pnl"] < 0
    assert "mode paper" in capfd.readouterr().err


def test_stdout_of_the_stdio_server_carries_nothing_but_frames() -> None:
    hello = {
        "jsonrpc": "2.0", "id": 1, "method": "initialize",
        "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
    }  # fmt: skip
    call = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "kalshi_get_market", "arguments": {}}}
    lines = [hello, {"jsonrpc": "2.0", "method": "notifications/initialized"}, call]
    done = subprocess.run(
        COMMAND, input="".join(json.dumps(line) + "\n" for line in lines), capture_output=True, text=True, check=True,
        env={**os.environ, "LOG_LEVEL": "DEBUG"}, timeout=60,
    )  # fmt: skip
    frames = [json.loads(line) for line in done.stdout.splitlines()]
    assert {frame["id"] for frame in frames} >= {1}
    assert all(frame["jsonrpc"] == "2.0" for frame in frames)


async def test_the_exchange_alone_serves_any_client_and_removes_its_key() -> None:
    with exchange("--tier", "expert", "--deposit", "500", "--algorithm", "rsa") as shown:
        path = Path(shown["private key"])
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        async with KalshiClient(shown["base URL"], signer_from_file(shown["key id"], path)) as kalshi:
            assert (await kalshi.portfolio.balance()).balance == 50_000
            assert (await kalshi.account.limits()).usage_tier == "expert"
            assert (await kalshi.markets.get(MARKET)).is_open
    assert not path.exists()


async def test_a_server_can_be_pointed_at_the_exchange_alone() -> None:
    with exchange() as shown:
        done = run(
            "call", "get_balance", KALSHI_BASE_URL=shown["base URL"], KALSHI_API_KEY_ID=shown["key id"],
            KALSHI_PRIVATE_KEY_PATH=shown["private key"],
        )  # fmt: skip
        assert json.loads(done.stdout)["available"] == 10_000


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--tier", "gold"], "no tier 'gold'"),
        (["--deposit", "lots"], "deposit"),
        (["--deposit", "0.001"], "whole cents"),
        (["--algorithm", "dsa"], "ed25519 or rsa"),
        (["--scope", "admin"], "read and write"),
    ],
)
def test_exchange_options_are_checked(arguments: list[str], said: str) -> None:
    done = run("exchange", *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_an_existing_key_file_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_text("precious")
    done = run("exchange", "--key-file", str(path))
    assert (done.returncode, path.read_text()) == (2, "precious")


def test_the_demo_tells_the_whole_story() -> None:
    done = run("demo", COLUMNS="120")
    assert done.returncode == 0, done.stderr
    for said in ("filled", "What would", "How do I stand", "Cancelled, 10", "Result of the round trip"):
        assert said in done.stdout
    assert "Traceback" not in done.stderr


def test_tools_and_version() -> None:
    done = run("tools", COLUMNS="160")
    assert len(re.findall(r"^\s*kalshi_\w+", done.stdout, re.MULTILINE)) == len(TOOLS)
    assert "context:" in done.stdout
    assert run("--version").stdout.startswith("prediction-mcp 0.")


def test_call_prints_answers_and_errors() -> None:
    done = run("call", "get_market", f"ticker={MARKET}")
    assert json.loads(done.stdout)["ticker"] == MARKET
    done = run("call", "get_market", "ticker=NOPE")
    assert (done.returncode, done.stdout) == (1, "")
    assert "There is no market NOPE" in done.stderr.replace("\n", " ")
    assert "There is no tool" in run("call", "nothing").stderr
    assert run("call", "get_market", "oops").returncode == 2


def test_arguments_of_call() -> None:
    parsed = parse_arguments(["count=2.50", 'tickers=["A","B"]', "post_only=true", "ticker=KX-1", "price=7"])
    assert parsed == {"count": "2.50", "tickers": ["A", "B"], "post_only": True, "ticker": "KX-1", "price": 7}
    with pytest.raises(SettingsError, match="name=value"):
        parse_arguments(["nothing"])


def test_a_wrong_setting_is_one_sentence() -> None:
    done = spawn(KALSHI_ENV="liev")
    assert done.returncode == 2
    assert done.stderr.startswith("prediction-mcp: The settings can't be used: KALSHI_ENV")
    assert done.stderr.count("\n") == 1


def test_http_listens_on_this_machine_only() -> None:
    done = spawn("serve", "--http", "--host", "0.0.0.0")  # noqa: S104
    assert done.returncode == 2
    assert "this machine only" in done.stderr


@pytest.mark.parametrize("era", ["auto", "legacy"])
async def test_http_serves_tools_and_checks_the_host(era: Any) -> None:
    url = f"http://127.0.0.1:{_free_port()}/mcp"
    port = str(httpx.URL(url).port)
    process = subprocess.Popen([*COMMAND, "serve", "--http", "--port", port], stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        assert url in process.stderr.readline()
        await _until_it_answers(url)
        async with Client(url, mode=era) as client:
            answer = await client.call_tool("kalshi_get_balance", {})
            assert answer.structured_content is not None
            assert answer.structured_content["available"] == 10_000
        async with httpx.AsyncClient() as http:
            rebound = await http.post(url, headers={"Host": "evil.example"}, json={})
            foreign = await http.post(url, headers={"Origin": "https://evil.example"}, json={})
        assert rebound.status_code in (403, 421)
        assert foreign.status_code in (403, 421)
    finally:
        process.terminate()
        process.wait(30)
        assert process.stderr is not None
        process.stderr.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def _until_it_answers(url: str) -> None:
    async with httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(retries=8)) as http:
        await http.get(url)


def test_fastmcp_json_names_a_server_that_loads() -> None:
    root = Path(__file__).parents[2]
    config = json.loads((root / "fastmcp.json").read_text())
    done = subprocess.run(
        [sys.executable, "-m", "fastmcp.cli", "inspect", "--skip-env", str(root / "fastmcp.json")],
        capture_output=True, text=True, cwd=root, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "prediction-mcp" in done.stdout
    assert config["source"]["entrypoint"] == "from_environment"


def test_watch_draws_books_and_trades() -> None:
    done = run("watch", MARKET.lower(), "--seconds", "0.5", COLUMNS="120")
    assert done.returncode == 0, done.stderr
    for said in (MARKET, "Football champion", "bid", "14¢", "trades", "q quits"):
        assert said in done.stdout
    missing = run("watch", "NOPE")
    assert (missing.returncode, "no market NOPE" in missing.stderr) == (1, True)


def test_q_quits_the_watch_at_a_terminal() -> None:
    """A pseudo-terminal, a key, and the terminal is as it was."""
    import pty
    import termios

    master, slave = pty.openpty()
    before = termios.tcgetattr(slave)
    process = subprocess.Popen(
        [*COMMAND, "watch", MARKET], stdin=slave, stdout=slave, stderr=slave, env=os.environ.copy()
    )
    seen = b""
    while b"q quits" not in seen:
        seen += os.read(master, 4096)
    os.write(master, b"q")
    while process.poll() is None:
        import select

        if select.select([master], [], [], 0.1)[0]:
            os.read(master, 4096)
    assert process.returncode == 0
    assert termios.tcgetattr(slave) == before
    os.close(master)
    os.close(slave)


def test_the_help_names_every_toolset() -> None:
    assert set(OF_TOOLSETS.partition(": ")[2].rstrip(".").split(", ")) == TOOLSETS


def test_at_a_terminal_the_server_says_what_it_waits_for() -> None:
    """And Ctrl-C ends it without a word more."""
    import pty

    master, slave = pty.openpty()
    process = subprocess.Popen(COMMAND, stdin=slave, stdout=slave, stderr=subprocess.PIPE, env=os.environ.copy())
    assert process.stderr is not None
    assert b"mode paper" in process.stderr.readline()
    assert b"install CLIENT" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=30)[1] == b""
    os.close(master)
    os.close(slave)


@pytest.mark.parametrize("how", ["eof", signal.SIGTERM, signal.SIGINT])
async def test_a_server_that_watches_ends_by_itself(how: Any) -> None:
    """Nothing keeps it: not the feed, not its books, not the exchange it started."""
    process = subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None

    def say(message: dict[str, Any]) -> None:
        assert process.stdin is not None
        process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
        process.stdin.flush()

    info = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    say({"id": 1, "method": "initialize", "params": info})
    process.stdout.readline()
    say({"method": "notifications/initialized"})
    call = {"name": "kalshi_subscribe_orderbook", "arguments": {"ticker": MARKET}}
    say({"id": 2, "method": "tools/call", "params": call})
    assert b"subscription_id" in process.stdout.readline()
    if how == "eof":
        process.stdin.close()
    else:
        process.send_signal(how)
    process.wait(60)
    process.stdout.close()
    assert process.stderr is not None
    assert b"Traceback" not in process.stderr.read()
    process.stderr.close()
