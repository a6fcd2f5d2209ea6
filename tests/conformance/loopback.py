"""A plugin for kalshi-sdk's own integration tests: their demo exchange is ours, on this machine.

Those tests refuse to run against anything but Kalshi's demo host; what they are told of it comes by PAPER_ variables,
since their conftest clears their own. Their tests of perpetual futures need another exchange and are left out. Their
models require a field of markets that production no longer sends: it is added to what they read.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

import httpx
import pytest

_json = httpx.Response.json


def _with_liquidity(value: Any) -> Any:
    """An answer whose markets have ``liquidity_dollars``, which this SDK requires: gone since 2026-10-01."""
    if isinstance(value, list):
        return [_with_liquidity(item) for item in value]
    if isinstance(value, dict):
        gone = {"liquidity_dollars": "0.0000"} if "yes_sub_title" in value else {}
        return gone | {name: _with_liquidity(part) for name, part in value.items()}
    return value


httpx.Response.json = lambda self, **options: _with_liquidity(_json(self, **options))  # type: ignore[method-assign]

for module in map(
    importlib.import_module, ("kalshi.config", "kalshi.client", "kalshi.async_client", "kalshi.ws.client")
):
    for name in ("DEMO_BASE_URL", "DEMO_WS_URL"):
        if hasattr(module, name):
            setattr(module, name, os.environ[f"PAPER_{name}"])


def pytest_collection_modifyitems() -> None:
    for name in ("KALSHI_KEY_ID", "KALSHI_PRIVATE_KEY_PATH", "KALSHI_DEMO"):
        os.environ[name] = os.environ[f"PAPER_{name}"]
    for module in list(sys.modules.values()):
        if hasattr(module, "DEMO_HOST"):
            setattr(module, "DEMO_HOST", "127.0.0.1")  # noqa: B010


@pytest.hookimpl(tryfirst=True)
def pytest_fixture_setup(fixturedef: Any, request: Any) -> bool | None:
    if "perps" not in fixturedef.argname:
        return None
    fixturedef.cached_result = (None, fixturedef.cache_key(request), None)
    return True
