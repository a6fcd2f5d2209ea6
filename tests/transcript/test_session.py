"""The session of docs/transcript-*.md, played again over stdio in both eras: each tool once, and none fails."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from tests.tools.test_tools import TOOLS

from . import session


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
