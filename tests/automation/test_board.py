"""The board against a slow model that looks at every condition with every quote."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from prediction_mcp.automation.board import Board, Figure, Turn, Watcher, figure_of
from prediction_mcp.realtime.events import Quote

CENTS = st.integers(0, 100).map(lambda n: Decimal(n) / 100)
FIGURES: list[Figure] = ["bid", "ask", "last", "middle", "spread", "volume"]
LEVELS = st.one_of(st.none(), CENTS)
QUOTES = st.builds(Quote, LEVELS, LEVELS, LEVELS, st.one_of(st.none(), CENTS))
CONDITIONS = st.tuples(st.sampled_from("AB"), st.sampled_from(FIGURES), LEVELS, LEVELS)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("quote"), st.sampled_from("AB"), QUOTES),
        st.tuples(st.just("put"), st.integers(0, 5), CONDITIONS),
        st.tuples(st.just("drop"), st.integers(0, 5), st.none()),
    ),
    max_size=60,
)


@given(STEPS)
def test_the_same_turns_as_a_look_at_everything(steps: list[tuple[str, Any, Any]]) -> None:
    board, slow = Board(), dict[int, Watcher]()
    for what, who, more in steps:
        if what == "put":
            ticker, figure, low, high = more
            board.put(Watcher(("alert", who), ticker, figure, low, high))
            slow.pop(who, None)
            slow[who] = Watcher(("alert", who), ticker, figure, low, high)
        elif what == "drop":
            board.drop(("alert", who))
            slow.pop(who, None)
        else:
            assert isinstance(more, Quote)
            expected = set[tuple[object, Decimal, bool]]()
            for watcher in slow.values():
                value = figure_of(more, watcher.figure)
                if watcher.ticker != who or value is None:
                    continue
                true = (watcher.low is not None and value <= watcher.low) or (
                    watcher.high is not None and value >= watcher.high
                )
                if true != (watcher.was or False):
                    expected.add((watcher.key, value, true))
                watcher.was = true
            found = [(t.watcher.key, t.value, t.true) for t in board.feed(str(who), more)]
            assert len(found) == len(set(found))
            assert set(found) == expected
    assert len(board) == len(slow)
    assert board.tickers == {watcher.ticker for watcher in slow.values()}


def test_a_condition_that_was_true_when_it_was_last_seen_turns_once_it_is_false() -> None:
    board = Board()
    watcher = Watcher(("alert", 1), "A", "bid", high=Decimal("0.5"), was=True)
    board.put(watcher)
    assert board.feed("A", Quote(bid=Decimal("0.6"))) == []
    assert board.feed("A", Quote(bid=Decimal("0.4"))) == [Turn(watcher, Decimal("0.4"), true=False)]
