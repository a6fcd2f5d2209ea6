"""``/paper/faults``: what goes wrong, read and set while the exchange runs. Only the paper exchange has it.

A browser must not be able to set faults from some web page, so changes need a header that no page can send unasked.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict

import msgspec
import orjson
from starlette.requests import Request
from starlette.responses import Response

from .faults import KINDS, Rule
from .simulation import Exchange

CONTROL_HEADER = "x-paper-control"


class Setting(msgspec.Struct, forbid_unknown_fields=True):
    """What a PUT sets: rules replace those in force; the two states are left alone when not named."""

    rules: list[Rule] | None = None
    paused: bool | None = None
    maintenance: bool | None = None


def handler(exchange: Exchange) -> Callable[[Request], Awaitable[Response]]:
    async def handle(request: Request) -> Response:
        if request.method != "GET" and request.headers.get(CONTROL_HEADER) != "1":
            return _answer(403, {"code": "forbidden", "message": f"send the header {CONTROL_HEADER}: 1", "details": ""})
        if request.method == "DELETE":
            exchange.faults.rules.clear()
            exchange.down = False
            exchange.resume()
        elif request.method == "PUT":
            try:
                setting = msgspec.json.decode(await request.body(), type=Setting)
            except (msgspec.DecodeError, ValueError) as error:
                return _answer(400, {"code": "invalid_parameters", "message": str(error), "details": ""})
            _apply(exchange, setting)
        return _answer(
            200,
            {
                "rules": [asdict(rule) for rule in exchange.faults.rules],
                "struck": exchange.faults.struck,
                "paused": exchange.paused,
                "maintenance": exchange.down,
                "kinds": KINDS,
            },
        )

    return handle


def _apply(exchange: Exchange, setting: Setting) -> None:
    if setting.rules is not None:
        exchange.faults.rules[:] = setting.rules
    if setting.paused is not None:
        if setting.paused:
            exchange.pause()
        else:
            exchange.resume()
    if setting.maintenance is not None:
        exchange.down = setting.maintenance


def _answer(status: int, body: dict[str, object]) -> Response:
    return Response(orjson.dumps(body), status, media_type="application/json")
