"""Numbers one past what anything holds: each a sentence, at once, and nothing written down."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Served
from tests.safety.conftest import ORDER, Open, traded
from tests.safety.test_guard import home

FREE = {"confirm": "never"}
NUMBERS: dict[str, Any] = {
    "exponent": "1e400",
    "huge exponent": "1e10000000",
    "small exponent": "1e-10000000",
    "400 nines": "9" * 400,
    "400 nines as a number": int("9" * 400),
    "ten to the fifty": 10**50,
    "infinity": "Infinity",
    "not a number": "NaN",
    "signalling": "sNaN",
    "underscore": "1_0",
    "plus": "+1",
    "arabic": "\u0661\u0660",
    "full width": "\uff11\uff10",
    "hexadecimal": "0x10",
    "minus": -5,
    "comma": "1,000",
    "two points": "1.2.3",
    "words": "ten",
    "empty": "",
    "true": True,
    "a list": [1],
    "2^63": 2**63,
}


@pytest.mark.parametrize("name", NUMBERS)
async def test_a_number_that_is_none(desk: Open, served: Served, tmp_path: Path, name: str) -> None:
    value = NUMBERS[name]
    async with desk([], **FREE) as at:
        for tool, given in (
            ("kalshi_create_order", ORDER | {"count": value}),
            ("kalshi_create_order", ORDER | {"price": value}),
            ("kalshi_create_order", ORDER | {"max_cost": value}),
            ("kalshi_amend_order", {"order_id": "x", "count": value}),
            ("kalshi_check_order_validity", ORDER | {"count": value}),
        ):
            if name != "minus" or tool == "kalshi_amend_order":  # of the rest the limits of an order tell
                said = await at.error(tool, **given)
                assert len(said) < 300
                assert "failed inside" not in said
        if name not in ("minus", "two points"):
            said = await at.error("kalshi_tighten_limits", order_cost=value)
            assert "order_cost" in said
        assert (await at.call("kalshi_tighten_limits"))["limits"] == {}
    assert traded(served) == 0
    assert "intent" not in (home(served, tmp_path) / "journal.jsonl").read_text()


TIMES: dict[str, Any] = {
    "2^62": 2**62,
    "2^63": 2**63,
    "9 forty times": "9" * 40,
    "before the epoch": -1,
    "the year 9999": "9999-12-31T23:59:59Z",
    "the 32nd": "2027-01-32",
    "words": "whenever it suits",
    "a formula": "10**50",
    "exponent": "1e300",
    "arabic": "\u0661\u0667\u0669\u0665\u0660\u0660\u0660\u0660\u0660\u0660",
    "not a number": "nan",
    "past": "2020-01-01",
}


@pytest.mark.parametrize("name", TIMES)
async def test_a_time_that_is_none(desk: Open, served: Served, tmp_path: Path, name: str) -> None:
    async with desk([], **FREE) as at:
        said = await at.error("kalshi_create_order", **ORDER | {"price": 1, "expiration_ts": TIMES[name]})
        assert "expiration_ts" in said
        assert len(said) < 250
        await at.call("kalshi_create_order", **ORDER | {"price": 1})
        assert (await at.call("kalshi_batch_cancel_orders", all=True))["cancelled"] == 1
    assert traded(served) == 1
