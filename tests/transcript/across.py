"""A conversation across both platforms: a real stdio server, a real client, nothing configured but the toolset.

make transcript
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile

from fastmcp import Client
from fastmcp.client.transports import StdioTransport

from .session import Session, written

FILES = {"auto": "transcript-across.md"}
INTRODUCTION = [
    "A real client and a real server over stdio with `TOOLSETS=across,polymarket`: one question on two platforms, what",
    "differs in the small print, what it costs on each, and both accounts together. Long lists and texts are cut here,",
    "not by the server. Prices are invented, as all of the paper exchange's are.",
    "`make transcript` writes this page anew.",
]


async def play(ask: Session) -> None:
    """Find, read, keep, compare, trade, look, forget."""
    ask.say("What do both platforms think the Fed will do in December?")
    found = await ask("search_markets", query="fed decision december", limit=10)
    both = next(q for q in found["questions"] if "kalshi" in q and "polymarket" in q)
    here, there = both["kalshi"]["market"], both["polymarket"]["market"]
    ask.say("Are those two really the same? Show me the small print.")
    await ask("get_market_pair", market=here, other=there)
    ask.say("I have read both. They are the same to me: keep that.")
    kept = await ask(
        "create_market_pair", market=here, other=there, relation="identity", note="same meeting, same move"
    )
    ask.say("What would 50 of each side cost, and how did the prices move?")
    await ask("compare_prices", pair=kept["pair"], size=50, chart=True, hours=720)
    ask.say("Does any pair on the two platforms leave anything after fees?")
    gaps = (await ask("find_price_discrepancies", min_edge_cents=0, limit=1))["gaps"]
    ask.say("If ours leaves a cent, buy 10 of both legs.")
    await ask("trade_pair", pair=kept["pair"], contracts=10)
    if gaps:
        ask.say("Then the one that was found: I have read its rules. Buy 25 of both legs, whatever is left.")
        one, two = (leg["market"] for leg in gaps[0]["legs"])
        relation = gaps[0]["relation"].rpartition("; ")[2].split()[0]
        other = await ask("create_market_pair", market=one, other=two, relation=relation)
        await ask("trade_pair", pair=other["pair"], contracts=25, min_edge_cents=0)
    ask.say("And 10 yes on Kalshi with 10 no on Polymarket by hand, so that I see what ours would look like.")
    await ask("kalshi_create_order", ticker=here, side="yes", action="buy", count=10, price=99)
    await ask("polymarket_create_order", market=there, outcome="No", action="buy", size=10, price=99)
    ask.say("How do I stand over both?")
    await ask("unified_portfolio")
    ask.say("What did we keep? Forget it again.")
    await ask("get_market_pairs")
    await ask("delete_market_pair", pair=kept["pair"])


async def record(era: str) -> Session:
    """One whole conversation in an era, on an exchange of its own that leaves nothing behind."""
    left_out = ("KALSHI_", "PAPER_", "READ_", "POLYMARKET_", "CONFIRM", "TOOLSETS")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    env = {**clean, "PAPER_KEEP": "false", "TOOLSETS": "across,polymarket", "LOG_LEVEL": "ERROR"}
    with tempfile.TemporaryDirectory() as folder:
        transport = StdioTransport(sys.executable, ["-m", "prediction_mcp"], env=env, cwd=folder, keep_alive=False)
        async with Client(transport, mode=era) as client:
            head = f"# A conversation across both platforms, protocol {client.session.protocol_version}"
            session = Session(client, [head, "", *INTRODUCTION], prefix="")
            await play(session)
    return session


if __name__ == "__main__":
    asyncio.run(written(record, FILES))
