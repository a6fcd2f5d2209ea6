"""Questions that are open: each is answered once, by whom it was asked, about what it was asked, in time."""

from __future__ import annotations

import hashlib
import re
from decimal import Decimal
from typing import Any

import pytest

from prediction_mcp.safety.confirmation import NotConfirmedError, Pending, Question, fingerprint


def question(**changes: Any) -> Question:
    values: dict[str, Any] = {
        "tool": "t", "fingerprint": fingerprint({"a": 1, "b": 2}), "user": "u", "until": float("inf"), "terms": {},
        "binding": {}, "bests": (None,), "text": "", "id": "",
    }  # fmt: skip
    return Question(**values | changes)


def test_pending_by_hand() -> None:
    pending, same = Pending(), fingerprint({"b": 2, "a": 1})
    assert pending.take(pending.ask(question()), "t", same, "u").user == "u"
    others = "The confirmation was for other arguments, so nothing was sent: call again without it."
    unknown = "This confirmation is unknown or was used already, so nothing was sent: call again without it."
    for wrong, text in (
        (("t", same, "somebody"), "This confirmation is somebody else's, so nothing was sent."),
        (("other", same, "u"), others), (("t", fingerprint({"a": 1}), "u"), others),
    ):  # fmt: skip
        number = pending.ask(question())
        with pytest.raises(NotConfirmedError, match=f"^{re.escape(text)}$"):
            pending.take(number, *wrong)
        with pytest.raises(NotConfirmedError, match=f"^{re.escape(unknown)}$"):  # used up by whoever tried
            pending.take(number, "t", same, "u")
    late = "The confirmation came too late, so nothing was sent: call again to be asked anew."
    with pytest.raises(NotConfirmedError, match=f"^{re.escape(late)}$"):
        pending.take(pending.ask(question(until=0.0)), "t", same, "u")
    for nothing in (None, "", "x"):
        with pytest.raises(NotConfirmedError, match=f"^{re.escape(unknown)}$"):
            pending.take(nothing, "t", same, "u")


def test_the_oldest_of_more_than_a_hundred_is_forgotten() -> None:
    pending, same = Pending(), fingerprint({"b": 2, "a": 1})
    first, second, *_ = [pending.ask(question()) for _ in range(101)]
    with pytest.raises(NotConfirmedError, match="unknown"):
        pending.take(first, "t", same, "u")
    assert pending.take(second, "t", same, "u") == question()


def test_a_fingerprint_is_of_what_stands_there() -> None:
    """It is the SHA-256 of the JSON with sorted names, so that it can be checked by other means."""
    assert fingerprint({"b": Decimal("0.5"), "a": 1}) == hashlib.sha256(b'{"a": 1, "b": "0.5"}').hexdigest()


def test_numbers_are_hard_to_guess() -> None:
    pending = Pending()
    numbers = {pending.ask(question()) for _ in range(100)}
    assert len(numbers) == 100
    assert {len(number) for number in numbers} == {24}, "18 random bytes"
    assert all(len(pending.ask(question())) >= 24 for _ in range(10))
