"""The page in a real browser: Chromium by Playwright, looked at by axe. ``make browser`` installs what it needs."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from prediction_mcp.kalshi import KalshiClient
from prediction_mcp.kalshi.models.orders import NewOrder
from tests.automation.conftest import hold, quote
from tests.conftest import MARKET, Served
from tests.safety.test_chaos import free_port
from tests.tools.conftest import settings_for

ROOT = Path(__file__).parents[2]
MODULES = ROOT / ".browser" / "node_modules"
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
HERE = CHROMIUM is not None and (MODULES / "axe-core").is_dir() and shutil.which("node") is not None
WITHOUT = "no browser answers at /usr/bin/chromium with what “make browser” installs"
TOKEN = "t" * 30


@pytest.mark.skipif(not HERE, reason=WITHOUT)
async def test_it_works_in_a_browser(served: Served, kalshi: KalshiClient, tmp_path: Path) -> None:
    hold(served, 12, 40)
    quote(served, 44, 46)
    await kalshi.orders.create(NewOrder(ticker=MARKET, side="bid", count="3.00", price="0.2000", client_order_id="x"))
    settings, port = settings_for(served, tmp_path), free_port()
    environment = {
        **os.environ, "KALSHI_BASE_URL": served.url, "KALSHI_API_KEY_ID": served.key_id, "HTTP_TOKEN": TOKEN,
        "KALSHI_PRIVATE_KEY_PATH": str(settings.private_key_path), "TOOLSETS": "automation", "CHROMIUM": str(CHROMIUM),
    }  # fmt: skip
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "prediction_mcp", "serve", "--http", "--port", str(port), env=environment,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    pictures = Path(os.environ.get("BROWSER_PICTURES", tmp_path))
    try:
        await _answers(port)
        node = await asyncio.create_subprocess_exec(
            "node", str(ROOT / "tests/web/browser.mjs"), f"http://127.0.0.1:{port}", TOKEN, str(pictures),
            str(MODULES), env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        out, err = await asyncio.wait_for(node.communicate(), 120)
    finally:
        server.terminate()
        await server.wait()
    assert node.returncode == 0, err.decode()[-2000:]
    seen = json.loads(out)
    assert seen["problems"] == []
    assert seen["errors"] == []
    assert seen["titles"] == ["Desk – prediction-mcp"] * 3
    assert (seen["lookedAgain"], seen["blockedByItself"], seen["inlineBlocked"]) == (200, 0, True)
    of, shown = seen["away"]
    assert datetime.fromisoformat(f"{of}Z") <= datetime.now(UTC)
    assert shown
    assert "Halted: no new orders. Cancelled 1 resting order" in seen["halted"]
    assert seen["signedOut"] == "Sign in"


async def _answers(port: int) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.1)
            else:
                writer.close()
                return
