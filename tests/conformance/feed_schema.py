"""The WebSocket messages' schemas of the AsyncAPI file, when it lies beside the checkout."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator

SCHEMA_FILE = Path(__file__).parents[3] / "shared" / "kalshi" / "asyncapi-2026-08.yaml"
_PAYLOADS = {
    "subscribed": "subscribedResponsePayload",
    "unsubscribed": "unsubscribedResponsePayload",
    "error": "errorResponsePayload",
    "orderbook_snapshot": "orderbookSnapshotPayload",
    "orderbook_delta": "orderbookDeltaPayload",
    "ticker": "tickerPayload",
    "trade": "tradePayload",
    "fill": "fillPayload",
    "market_lifecycle_v2": "marketLifecycleV2Payload",
    "market_position": "marketPositionPayload",
    "user_order": "userOrderPayload",
}


class FeedSchemas:
    """Validators by message type."""

    def __init__(self, text: str) -> None:
        components = yaml.safe_load(text)["components"]
        self._validators = {
            kind: Draft202012Validator({"$ref": f"#/components/schemas/{name}", "components": components})
            for kind, name in (
                *_PAYLOADS.items(),
                ("ok", "okResponsePayload"),
                ("list", "listSubscriptionsResponsePayload"),
            )
        }

    def check(self, message: dict[str, Any]) -> None:
        """Raises AssertionError when a message doesn't fit its schema, or has none."""
        kind = "list" if message["type"] == "ok" and isinstance(message.get("msg"), list) else message["type"]
        errors = list(self._validators[kind].iter_errors(message))
        assert not errors, f"{kind}: {errors[0].json_path}: {errors[0].message}: {message}"
