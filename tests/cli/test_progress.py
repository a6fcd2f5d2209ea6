"""Long work at the command line: a line on a terminal, nothing in a pipe, and an end by Ctrl-C that is one sentence."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.automation.conftest import hold
from tests.conftest import Served
from tests.tools.conftest import settings_for

pty = pytest.importorskip("pty", reason="of systems with terminals like these")


def environment(served: Served, tmp_path: Path) -> dict[str, str]:
    settings = settings_for(served, tmp_path)
    return {
        **os.environ, "KALSHI_BASE_URL": served.url, "KALSHI_API_KEY_ID": served.key_id, "TERM": "xterm-256color",
        "KALSHI_PRIVATE_KEY_PATH": str(settings.private_key_path), "RECORDS_FOLDER": str(tmp_path / "records"),
    }  # fmt: skip


async def on_a_terminal(served: Served, tmp_path: Path, *words: str) -> tuple[str, str]:
    """What a person sees on stderr, and stdout beside it."""
    ours, theirs = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "prediction_mcp", *words, env=environment(served, tmp_path), stderr=theirs,
        stdout=subprocess.PIPE,
    )  # fmt: skip
    os.close(theirs)
    seen = b""

    def read() -> None:
        nonlocal seen
        try:
            while part := os.read(ours, 4_096):
                seen += part
        except OSError:  # the other end was closed
            return

    reading = asyncio.create_task(asyncio.to_thread(read))
    out, _ = await asyncio.wait_for(process.communicate(), 60)
    await reading
    os.close(ours)
    assert process.returncode == 0, seen
    return seen.decode(errors="replace"), out.decode()


@pytest.mark.parametrize(
    "words", [("records", "sync"), ("call", "find_arbitrage", "category=Sports")], ids=lambda words: words[0]
)
async def test_a_line_on_a_terminal_and_nothing_in_a_pipe(words: Any, served: Served, tmp_path: Path) -> None:
    hold(served, 3)
    seen, _ = await on_a_terminal(served, tmp_path, *words)
    assert "\x1b[2K" in seen  # the line was there, and is gone
    seen, out = await on_a_terminal(served, tmp_path, *words, "--json")
    assert "\x1b" not in seen
    json.loads(out)
    piped = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "prediction_mcp", *words, env=environment(served, tmp_path), stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )  # fmt: skip
    _, err = await asyncio.wait_for(piped.communicate(), 60)
    assert b"\x1b" not in err


async def test_ctrl_c_ends_it_and_leaves_everything_whole(served: Served, tmp_path: Path) -> None:
    """Typer ends the command with 130; what was written is whole, and the next one goes on from there."""
    hold(served, 3)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "prediction_mcp", "worker", env=environment(served, tmp_path), stderr=subprocess.PIPE
    )
    assert process.stderr is not None
    assert b"working" in await asyncio.wait_for(process.stderr.readline(), 60)
    process.send_signal(signal.SIGINT)
    _, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode in (0, 130)
    assert b"Traceback" not in err
    sync = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "prediction_mcp", "records", "sync", env=environment(served, tmp_path),
        stderr=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    await asyncio.sleep(1.0)
    sync.send_signal(signal.SIGINT)
    _, err = await asyncio.wait_for(sync.communicate(), 60)
    assert sync.returncode in (0, 130, -signal.SIGINT)  # it may have been done, or not begun yet
    _, shown = await on_a_terminal(served, tmp_path, "records", "check", "--json")
    assert json.loads(shown)["rows"] == 2
    assert json.loads(shown)["adds_up"] is True
