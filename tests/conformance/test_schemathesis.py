"""schemathesis makes thousands of requests out of Kalshi's own file, one following from another: none hurts another.

Each request is made by schemathesis for one operation, right by the schema or wrong on purpose. Ids, tickers and
cursors are then taken from earlier answers, here and there, so that orders are placed, found, changed and cancelled.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter, defaultdict, deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from prediction_mcp.exchange.disk.store import Store
from prediction_mcp.exchange.engine.audit import audit
from prediction_mcp.exchange.fronts.kalshi.api import PREFIX
from prediction_mcp.exchange.fronts.serving import serve
from prediction_mcp.exchange.simulation import Exchange
from prediction_mcp.kalshi.auth import KeySigner, signer_from_pem
from tests.conformance.schema import SCHEMA_FILE, Schemas

pytestmark = [
    pytest.mark.conformance,
    pytest.mark.long,
]
REQUESTS = 5_000
AUDIT_EACH = 1_000
OFTEN = 8
"""How much more often the requests about one order are made than others: all of them have to succeed at times."""
ID_OF = {"rfqs": "rfq_id", "quotes": "quote_id", "rfq_batches": "rfq_batch_id", "milestones": "milestone_id",
         "structured_targets": "structured_target_id", "order_groups": "order_group_id"}  # fmt: skip
"""What a bare ``id`` is called where it is asked for, by the list it stands in."""
SAME = {"api_key_id": "api_key", "order_id": "order_id"}


class Signed(requests.auth.AuthBase):
    """Signs what is really sent."""

    def __init__(self, signer: KeySigner) -> None:
        self._signer = signer

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers.update(self._signer.headers(request.method or "GET", urlsplit(request.path_url).path))
        return request


class Sense:
    """Makes some of what was made up mean something: what there is, what can be paid, what was answered before."""

    def __init__(self, exchange: Exchange, own_key: str) -> None:
        self._rng, self._own_key = random.Random(7), own_key
        listed = [m for m in exchange.catalogue.markets.values() if m.status == "active"]
        plain, combos = [m for m in listed if not m.legs][:12], [m for m in listed if m.legs][:4]
        tickers = [m.ticker for m in plain]
        self._pool: dict[str, deque[Any]] = defaultdict(lambda: deque(maxlen=40))
        words: dict[str, list[Any]] = {
            "ticker": tickers, "market_ticker": [*tickers, *(m.ticker for m in combos)], "tickers": tickers,
            "event_ticker": [m.event.ticker for m in plain], "series_ticker": [m.event.series.ticker for m in plain],
            "market_tickers": tickers, "price": ["0.0100", "0.0500", "0.5000", "0.9900", "0.0150"],
            "count": ["1", "2.50", "10.00"], "contracts_fp": ["5.00"], "yes_bid": ["0.4000"], "no_bid": ["0.5000"],
            "expiration_time": [4_000_000_000, 1_795_500_000_000, 2**62], "reduce_to": ["0", "1.00"],
            "time_in_force": ["good_till_canceled"], "subaccount": [0, 0, 1], "percent": [100], "limit": [5],
            "contracts_limit": [10], "contracts_limit_fp": ["10.00"], "rest_remainder": [False],
        }  # fmt: skip
        for name, values in words.items():
            self._pool[name].extend(values)

    def give(self, value: Any, share: float) -> None:
        """Put sense into an object, here and there, at any depth."""
        if isinstance(value, dict):
            for name, inner in list(value.items()):
                if self._pool.get(name) and self._rng.random() < share:
                    pool = self._pool[name]
                    value[name] = pool[-1] if self._rng.random() < 0.5 else self._rng.choice(pool)
                else:
                    self.give(inner, share)
        elif isinstance(value, list):
            for inner in value:
                self.give(inner, share)

    def learn(self, answer: Any, listed_in: str) -> None:
        """Remember the ids of an answer by the names they are asked for."""
        if isinstance(answer, list):
            for inner in answer[:5]:
                self.learn(inner, listed_in)
        elif isinstance(answer, dict):
            for name, inner in answer.items():
                known = str(ID_OF.get(listed_in, "") if name == "id" else SAME.get(name, name))
                if isinstance(inner, str) and inner and known.endswith(("_id", "cursor", "api_key")):
                    if inner != self._own_key:
                        self._pool[known].append(inner)
                else:
                    self.learn(inner, name if isinstance(inner, dict | list) else listed_in)


@pytest.fixture
def exchange(tmp_path: Path) -> Iterator[Exchange]:
    store = Store(tmp_path / "x.db")
    yield Exchange(seed=1, store=store, read_lag_ms=0)
    store.close()


async def test_no_request_hurts_the_next(exchange: Exchange, tmp_path: Path) -> None:
    member = exchange.add_member(tier="prestige")
    key_id, pem = exchange.issue_key(member)
    told, answered = Counter[str](), Counter[str]()
    schemas, sense = Schemas(), Sense(exchange, key_id)
    auth = Signed(signer_from_pem(key_id, pem))
    loaded: Any = schemathesis.openapi.from_path(SCHEMA_FILE).exclude(path_regex="^/fcm/")
    operations = [found.ok() for found in loaded.get_all_operations()]
    modes = [schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE]
    of_orders = [
        index
        for index, operation in enumerate(operations)
        if operation.path.startswith("/portfolio/events/orders/{")
        or (operation.path == "/portfolio/events/orders" and operation.method.upper() == "POST")
    ]
    chosen = [*range(len(operations)), *of_orders * (OFTEN - 1)]
    cases = {
        (index, mode): operation.as_strategy(generation_mode=mode)
        for index, operation in enumerate(operations)
        for mode in modes
    }

    def ask(url: str, case: Any) -> None:
        response = case.call(base_url=url, auth=auth)
        status, path = response.status_code, urlsplit(response.request.url).path.removeprefix(PREFIX)
        told["requests"] += 1
        if response.text == "Invalid HTTP request received.":
            told["no HTTP at all"] += 1  # bytes that no URL can have: refused before anything of ours reads them
            return
        told[str(status)] += 1
        assert status < 500, f"{case.method} {path} {case.body!r}: {response.text}"
        schemas.check(case.method, path, status, response.content)
        if status < 300:
            answered[f"{case.method} {case.operation.path}"] += 1
            if response.content:
                sense.learn(response.json(), path.rstrip("/").rsplit("/", 1)[-1])
        if told["requests"] % AUDIT_EACH == 0:
            audit(exchange.engine)
            told["audits"] += 1

    async with serve(exchange, with_crowd=False) as url:

        @settings(
            max_examples=REQUESTS, derandomize=True, database=None, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(st.data())
        def run(data: st.DataObject) -> None:
            index = data.draw(st.sampled_from(chosen))
            mode = data.draw(st.sampled_from([*modes, modes[0], modes[0]]))
            case = data.draw(cases[index, mode])
            for part in (case.path_parameters, case.query, case.body):
                sense.give(part, 0.85 if mode is modes[0] else 0.4)
            ask(url, case)

        while told["requests"] < REQUESTS:
            await asyncio.to_thread(run)
    audit(exchange.engine)
    exchange.sync()
    exchange.store.close()
    again = Exchange(store=Store(tmp_path / "x.db"))  # what is on disk can be read
    audit(again.engine)
    again.store.close()
    print(f"\n{dict(told.most_common())}; {len(answered)} of {len(operations)} operations succeeded")
    print({name: number for name, number in answered.items() if "/portfolio/events/orders" in name})
    assert answered["POST /portfolio/events/orders"]
    assert any(name.startswith("DELETE /portfolio/events/orders/") for name in answered)
    assert len(answered) > 70
