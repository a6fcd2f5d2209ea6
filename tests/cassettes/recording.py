"""How cassettes are made and played: vcrpy with a scrubber, the clock stopped, one file a tool.

What identifies an account never reaches the disk: the recorder takes the signing headers off each request, keeps of
the answers' headers only the kind of content, names no host, and replaces ids of users and keys in every body.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import time_machine
import vcr
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastmcp import Client
from mcp_types import TextContent, Tool

from prediction_mcp.server import create_server
from prediction_mcp.settings import Settings, load_settings

FOLDER = Path(__file__).parents[2] / "cassettes"
HOST = "exchange.invalid"
BASE_URL = f"https://{HOST}/trade-api/v2"
SECRET_FIELDS = frozenset(
    (
        "account_id", "api_key_id", "api_keys", "buyer_user_id", "communications_id", "creator_id", "creator_user_id",
        "email", "member_id", "private_key", "proposer_user_id", "public_key", "rfq_creator_id", "rfq_creator_user_id",
        "seller_user_id", "user_id",
    )
)  # fmt: skip
"""Fields of answers that name an account, a person or a key: those of the schema, and two that might come."""
SCRUBBED = "scrubbed"
Case = dict[str, Any]


def recorder(record_mode: str) -> vcr.VCR:
    return vcr.VCR(
        serializer="json",
        record_mode=record_mode,
        match_on=["method", "path", "query"],
        before_record_request=_nameless,
        before_record_response=_scrubbed,
        decode_compressed_response=True,
    )


def _nameless(request: Any) -> Any:
    """A request without host and without any header: those that sign are secret, the others say nothing."""
    parts = urlsplit(request.uri)
    request.uri = parts._replace(scheme="https", netloc=HOST).geturl()
    request.headers = {}
    return request


def _scrubbed(response: dict[str, Any]) -> dict[str, Any]:
    kept = {k: v for k, v in response["headers"].items() if k.lower() == "content-type"}
    body = response["body"]["string"]
    with contextlib.suppress(json.JSONDecodeError):  # a page that isn't JSON is kept as it is: it is an error's
        body = json.dumps(scrub(json.loads(body)), separators=(",", ":"), ensure_ascii=False).encode()
    return {**response, "headers": kept, "body": {"string": body}}


def scrub(value: Any) -> Any:
    """A body with everything that names an account replaced; its shape stays."""
    if isinstance(value, dict):
        return {k: SCRUBBED if k in SECRET_FIELDS and v else scrub(v) for k, v in value.items()}
    if isinstance(value, list):
        return [scrub(item) for item in value]
    return value


LIVE = frozenset({"kalshi_unsubscribe", "kalshi_get_subscriptions", "kalshi_get_latest_update"})
"""Tools that speak to the live feed, which is no HTTP: tests/tools/test_realtime.py has them."""


def is_read(tool: Tool) -> bool:
    """Whether a tool reads over HTTP, so that it has a cassette."""
    writes = tool.annotations is not None and tool.annotations.destructive_hint
    return not writes and tool.name not in LIVE and not tool.name.startswith("kalshi_subscribe_")


def any_key() -> str:
    """A key for playing: signatures aren't recorded, so any will do."""
    kind = serialization.PrivateFormat.PKCS8
    made = Ed25519PrivateKey.generate().private_bytes(serialization.Encoding.PEM, kind, serialization.NoEncryption())
    return made.decode()


def playing(case: Case, tmp_path: Path) -> Settings:
    """Settings that lead nowhere."""
    return load_settings(
        env=case["env"],
        base_url=BASE_URL,
        api_key_id="any",
        private_key=any_key(),
        export_folder=tmp_path,
        read_only=case["env"] != "paper",
    )


async def answer(settings: Settings, tool: str, arguments: dict[str, Any], *, era: str = "auto") -> Case:
    """A tool's whole answer from a fresh server: its structure, or the error's sentence."""
    async with Client(create_server(settings), mode=era) as client:
        said = await client.call_tool(tool, arguments, raise_on_error=False)
    if said.is_error:
        return {"error": " ".join(block.text for block in said.content if isinstance(block, TextContent))}
    assert said.structured_content is not None
    return {"answer": but_for_speed(said.structured_content), "blocks": [block.type for block in said.content]}


def but_for_speed(said: dict[str, Any]) -> dict[str, Any]:
    """Without the tokens left, which depend on how quick the machine was."""
    if "budget" in said:
        said = {**said, "budget": {k: v for k, v in said["budget"].items() if not k.endswith("_now")}}
    return said


@contextlib.contextmanager
def stopped_at(moment: datetime) -> Iterator[None]:
    """The calendar stands still; what measures durations goes on."""
    with time_machine.travel(moment, tick=False):
        yield


@contextlib.asynccontextmanager
async def recorded(tool: str, case: Case) -> AsyncIterator[None]:
    """Record what happens inside as the tool's cassette, anew."""
    path = FOLDER / f"{tool}.json"
    path.unlink(missing_ok=True)
    with stopped_at(datetime.fromisoformat(case["at"])), recorder("once").use_cassette(str(path)):
        yield


def load(tool: str) -> Case:
    case: Case = json.loads((FOLDER / f"{tool}.answer.json").read_text())
    return case


def save(tool: str, case: Case) -> None:
    text = json.dumps(case, indent=1, ensure_ascii=False)
    (FOLDER / f"{tool}.answer.json").write_text(text + "\n")


def whole_second() -> str:
    return datetime.now(UTC).replace(microsecond=0).isoformat()
