"""What people say of pairs is kept: over processes, over restarts, until a text changes."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from prediction_mcp.desk.across.pairs import NoPairError, Pairs, PairsError, texts_of
from prediction_mcp.desk.shapes import Market
from prediction_mcp.matching.listing import Listing


def market(platform: str, name: str, rules: str = "If it rains.") -> Market:
    listing = Listing(platform, name, "Rain?", rules)
    return Market(
        platform, name, name, "", listing, ("Yes", "No"), True, "open", None, None, None, None,  # type: ignore[arg-type]
        Decimal(1), Decimal(1), Decimal("0.01"), None, None,
    )  # fmt: skip


ONE, OTHER = market("kalshi", "KXRAIN-1"), market("polymarket", "will-it-rain")


def test_kept_over_processes(tmp_path: Path) -> None:
    first, second = Pairs(tmp_path / "new" / "pairs.db"), Pairs(tmp_path / "new" / "pairs.db")
    kept = first.put(ONE, OTHER, "identity", "read it")
    assert second.of(ONE, OTHER) == kept
    again = second.put(ONE, OTHER, "overlap", "no, it isn't")
    assert first.all() == [again]
    with pytest.raises(NoPairError):
        first.get(kept.id)
    first.close()
    second.close()
    third = Pairs(tmp_path / "new" / "pairs.db")
    assert third.delete(again.id).relation == "overlap"
    assert third.of(ONE, OTHER) is None
    third.close()


@pytest.mark.parametrize(
    "change", [{"rules": "If it pours."}, {"title": "Rain!"}, {"option": "Much"}, {"outcomes": ("No", "Yes")}]
)
def test_every_change_of_a_text_shows(change: dict[str, object]) -> None:
    before = texts_of(ONE, OTHER)
    assert texts_of(ONE, replace(OTHER, listing=replace(OTHER.listing, **change))) != before  # type: ignore[arg-type]
    assert texts_of(replace(ONE, listing=replace(ONE.listing, **change)), OTHER) != before  # type: ignore[arg-type]
    assert texts_of(replace(ONE, bid=Decimal("0.5")), OTHER) == before


def test_texts_dont_run_into_each_other() -> None:
    """What ends one text can't be moved to the beginning of the next."""
    a = replace(ONE, listing=replace(ONE.listing, title="Rain", option="? here"))
    b = replace(ONE, listing=replace(ONE.listing, title="Rain? here", option=""))
    assert texts_of(a, OTHER) != texts_of(b, OTHER)


def test_a_file_that_cant_be_used_says_so(tmp_path: Path) -> None:
    broken = tmp_path / "pairs.db"
    broken.write_bytes(b"this is no database" * 99)
    with pytest.raises(PairsError, match="can't be used"):
        Pairs(broken)
    (tmp_path / "file").write_text("")
    with pytest.raises(PairsError, match="can't be used"):
        Pairs(tmp_path / "file" / "pairs.db")


def test_a_file_that_is_held_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prediction_mcp.desk.across.pairs.PATIENCE_S", 0.05)
    pairs = Pairs(tmp_path / "pairs.db")
    holder = sqlite3.connect(tmp_path / "pairs.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(PairsError, match="locked"):
        pairs.put(ONE, OTHER, "identity", "")
    holder.execute("ROLLBACK")
    assert pairs.put(ONE, OTHER, "identity", "").relation == "identity"
    holder.close()
    pairs.close()
