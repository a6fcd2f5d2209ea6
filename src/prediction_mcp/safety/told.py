"""Lines of the journal for people, whoever wrote them."""

from __future__ import annotations

import json
from typing import Any

SHOWN = frozenset({"asked", "answered", "intent", "outcome", "halted", "resumed", "tightened", "loosened"})
"""What a person is shown of them."""
_LINE_END = "\n"


def told(line: dict[str, Any]) -> str:
    """One line in words."""
    if line["what"] == "intent":
        answer = f", confirmed by {line['answer']}" if line.get("answer") else ""
        request = json.dumps(line.get("request"), ensure_ascii=False)
        return f"{line.get('tool')} {request} asked by {line.get('client')}{answer}"
    if line["what"] == "outcome":
        return f"{line.get('state')}: {line.get('outcome')}"
    if line["what"] == "asked":
        return f"{line.get('tool')}: {str(line.get('preview')).partition(_LINE_END)[0]}"
    if line["what"] == "answered":
        return f"{line.get('answer')}{': ' + str(line['said']) if line.get('said') else ''}"
    return json.dumps(line.get("value") or line.get("by") or "", ensure_ascii=False)
