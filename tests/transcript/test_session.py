"""The session of docs/transcript-*.md, played again over stdio in both eras: each tool once, and none fails."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from tests.tools.test_tools import TOOLS

from . import across, session, standing


@pytest.mark.long
@pytest.mark.parametrize("era", session.FILES)
async def test_each_tool_is_used_once_and_answers(era: str) -> None:
    played = await session.record(era)
    assert Counter(played.used) == Counter(TOOLS)
    failed = [line for line in played.lines if line.startswith("error:")]
    assert not failed


@pytest.mark.parametrize("name", session.FILES.values())
def test_the_written_transcript_has_each_tool(name: str) -> None:
    text = (session.DOCS / name).read_text()
    assert Counter(re.findall(r"^(kalshi_\w+)\(", text, re.MULTILINE)) == Counter(TOOLS)
    assert "error:" not in text


@pytest.mark.long
@pytest.mark.parametrize("era", session.FILES)
async def test_a_conversation_across_both_platforms(era: str) -> None:
    played = await across.record(era)
    failed = [line for line in played.lines if line.startswith("error:") and "leave no" not in line]
    assert not failed
    assert {"search_markets", "get_market_pair", "compare_prices", "trade_pair", "unified_portfolio"} <= set(
        played.used
    )


def test_the_written_conversation_has_no_error_but_the_honest_one() -> None:
    text = (session.DOCS / across.FILES["auto"]).read_text()
    assert [line for line in text.splitlines() if line.startswith("error:")] in (
        [], ["error: Both books leave no 1¢ a contract after fees now: nothing was sent."],
    )  # fmt: skip


def follows(text: str) -> None:
    """What the three rules came to, in either era."""
    assert "error:" not in text
    assert text.count("> asked: Standing order:") == 3
    assert "the bid of yes is 56¢, 5¢ or more below its highest 61¢" in text
    assert text.count('"state": "done", "runs": 1, "filled": 40') == 1
    assert text.count('"filled": 20, "triggered": "the bid of yes is 65¢, at or above 65¢"') == 1
    assert "Nobody sells yes of KXSB-27-ARI at 48¢ or better now" in text
    assert '"runs": 3, "filled": 30' in text


@pytest.mark.long
@pytest.mark.parametrize("era", standing.FILES)
async def test_standing_orders_followed_by_hand(era: str) -> None:
    follows("\n".join((await standing.record(era)).lines))


@pytest.mark.parametrize("name", standing.FILES.values())
def test_the_written_ones_say_the_same(name: str) -> None:
    follows((session.DOCS / name).read_text())
