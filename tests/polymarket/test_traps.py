"""The sixteen traps of Polymarket's services, each handled in one place; where its test is, or here.

1 books come worst first: test_client.test_books_are_best_first_however_they_come.
2 the price of "BUY" is the bid: here.
3 a success with an error in it: test_account.test_a_success_that_is_a_refusal.
4 a feed that is silent behind its PONGs: test_feed.test_each_fault_of_the_feed[feed_freeze].
5 lists that are strings: test_client.test_outcomes_are_paired_by_their_place.
6 an array first, objects later, sizes absolute: test_feed.test_a_book_by_hand, and here.
7 user frames with empty strings: here.
8 times: test_client.test_times_in_all_their_spellings.
9 figures that sort as text: here.
10 what means nothing: test_client.test_nothing_is_nothing.
11 keep-alive by text: here.
12 books that are left out: test_client.test_books_that_are_left_out_are_left_out.
13 one window: test_client.test_a_window_is_named_once.
14 token ids are strings: test_client.test_a_token_id_as_a_number_is_refused.
15 an order after a time-out: test_account.test_an_order_whose_answer_is_lost_is_asked_for_by_its_id.
16 the hash of a book proves nothing, so nothing here reads it.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import orjson
import pytest
from pydantic import TypeAdapter
from websockets.asyncio.server import ServerConnection, serve

from prediction_mcp.polymarket import feed_connection, text_pings
from prediction_mcp.polymarket.feed import Feed
from prediction_mcp.polymarket.frames import market_frames
from prediction_mcp.polymarket.own import UserOrder

from .test_client import answering


async def test_2_what_is_asked_for_buying_is_the_bid() -> None:
    recorder = answering({"price": "0.49"})
    assert await recorder.client().best_bid("7") == Decimal("0.49")
    assert recorder.asked[0][2] == {"token_id": "7", "side": "BUY"}
    recorder = answering({"price": "0.51"})
    assert await recorder.client().best_ask("7") == Decimal("0.51")
    assert recorder.asked[0][2] == {"token_id": "7", "side": "SELL"}


def test_6_arrays_and_objects() -> None:
    book = {
        "event_type": "book", "asset_id": "7", "market": "0x5", "bids": [{"price": "0.4", "size": "5"}], "asks": [],
        "timestamp": "1790000000123",
    }  # fmt: skip
    assert [len(list(market_frames(orjson.dumps(frame)))) for frame in ([book, book], book, [])] == [2, 1, 0]


def test_7_a_killed_order_comes_with_empty_strings() -> None:
    frame = {
        "event_type": "order", "type": "CANCELLATION", "id": "0x1", "price": "", "original_size": "",
        "size_matched": "", "timestamp": "", "outcome": "",
    }  # fmt: skip
    order = TypeAdapter(UserOrder).validate_python(frame)
    assert (order.type, order.price, order.size_matched, order.timestamp) == ("CANCELLATION", None, None, None)


async def test_9_figures_are_sorted_as_numbers() -> None:
    recorder = answering({"markets": []})
    assert [m async for m in recorder.client().markets(order="volume_num", ascending=False)] == []
    assert recorder.asked[0][2]["order"] == "volume_num"


async def test_11_the_keep_alive_is_text_and_a_dead_line_is_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pings are the word PING; where nothing comes back for too long another connection is made."""
    monkeypatch.setattr(text_pings, "PING_S", 0.02)
    monkeypatch.setattr("prediction_mcp.net.websocket.SILENCE_S", 0.2)
    monkeypatch.setattr("prediction_mcp.net.websocket.FIRST_DELAY_S", 0.01)
    heard, connections = list[str](), list[int]()

    async def deaf(socket: ServerConnection) -> None:
        connections.append(1)
        async for message in socket:
            heard.append(str(message))

    async with serve(deaf, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        feed: Any = Feed(None, f"ws://127.0.0.1:{port}")  # type: ignore[arg-type]
        connection = feed_connection.Connection(f"ws://127.0.0.1:{port}", feed)
        feed.books["7"] = feed.books.get("7") or _book()
        connection.tokens["7"] = None
        connection.start()
        for _ in range(500):
            if len(connections) > 1 and "PING" in heard:
                break
            await asyncio.sleep(0.01)
        assert len(connections) > 1
        assert "PING" in heard
        connection.tokens.clear()
        await connection.close()


def _book() -> Any:
    from prediction_mcp.polymarket.orderbook import TokenBook

    return TokenBook("7")
