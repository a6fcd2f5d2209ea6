"""Questions that are open: each is answered once, by whom it was asked, about what it was asked, in time."""

from __future__ import annotations

from typing import Any

import pytest

from prediction_mcp.safety.confirmation import NotConfirmedError, Pending, Question, fingerprint


def question(**changes: Any) -> Question:
    values: dict[str, Any] = {
        "tool": "t", "fingerprint": fingerprint({"a": 1, "b": 2}), "user": "u", "until": float("inf"), "terms": {},
        "binding": {}, "best": None, "text": "", "id": "",
    }  # fmt: skip
    return Question(**values | changes)


def test_pending_by_hand() -> None:
    pending, same = Pending(), fingerprint({"b": 2, "a": 1})
    assert pending.take(pending.ask(question()), "t", same, "u").user == "u"
    for wrong, said in (
        (("t", same, "somebody"), "somebody else"), (("other", same, "u"), "other arguments"),
        (("t", fingerprint({"a": 1}), "u"), "other arguments"),
    ):  # fmt: skip
        with pytest.raises(NotConfirmedError, match=said):
            pending.take(pending.ask(question()), *wrong)
    with pytest.raises(NotConfirmedError, match="too late"):
        pending.take(pending.ask(question(until=0.0)), "t", same, "u")
    first = pending.ask(question())
    for _ in range(100):
        pending.ask(question())
    with pytest.raises(NotConfirmedError, match="unknown"):
        pending.take(first, "t", same, "u")


def test_numbers_are_hard_to_guess() -> None:
    pending = Pending()
    assert len({pending.ask(question()) for _ in range(100)}) == 100
    assert all(len(pending.ask(question())) >= 24 for _ in range(10))
