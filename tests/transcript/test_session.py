"""The session of docs/transcript-*.md, played again over stdio in both eras: each tool once, and none fails."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from tests.tools.test_tools import TOOLS

from . import across, session


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
    text = (session.DOCS / across.FILE).read_text()
    assert [line for line in text.splitlines() if line.startswith("error:")] in (
        [], ["error: Both books leave no 1¢ a contract after fees now: nothing was sent."],
    )  # fmt: skip
