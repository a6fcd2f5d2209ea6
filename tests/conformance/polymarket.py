"""Polymarket's official SDK pointed at our front. It lives in a folder of its own: its needs clash with ours."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[2] / ".conformance" / "polymarket"
KEY = "0x" + f"{1:064x}"
"""The number 1: never fund it."""
WALLET = "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf"


def reachable() -> None:
    """Let the SDK be imported, after everything of ours."""
    if str(FOLDER) not in sys.path:
        sys.path.append(str(FOLDER))


def urls_of(kalshi_url: str) -> dict[str, str]:
    """Addresses of the second front's services, for our client; "ws" is where its feeds are."""
    base = kalshi_url.partition("/trade-api")[0]
    services = {name: f"{base}/polymarket/{name}" for name in ("gamma", "clob", "data", "site")}
    return {**services, "ws": f"{base.replace('http', 'ws', 1)}/polymarket/ws"}


def environment(kalshi_url: str) -> Any:
    """The SDK's environment for our front."""
    reachable()
    from polymarket._internal.environment import (  # type: ignore[import-not-found,unused-ignore]
        PRODUCTION_CONFIG,
        create_environment,
    )

    urls = urls_of(kalshi_url)
    unused = dict.fromkeys(("relayer_url", "rfq_url", "rpc_url"), urls["site"])
    config = dataclasses.replace(
        PRODUCTION_CONFIG, clob_url=urls["clob"], gamma_url=urls["gamma"], data_url=urls["data"],
        clob_market_ws_url=f"{urls['ws']}/market", clob_user_ws_url=f"{urls['ws']}/user",
        sports_ws_url=f"{urls['ws']}/sports", **unused,
    )  # fmt: skip
    return create_environment(name="local", config=config)
