"""Every answer that the client reads, with each nullable field null and each optional one absent, one at a time.

The specification is walked mechanically: what it allows must be parsed.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from prediction_mcp.kalshi import KalshiClient
from prediction_mcp.kalshi.auth import KeySigner
from prediction_mcp.kalshi.errors import InvalidOrderError, KalshiError, NotFoundError
from prediction_mcp.net.buckets import TokenBucket
from tests.conformance.contract import PREFIX, URL, client_methods, example, match, ways
from tests.conformance.schema import SCHEMA_FILE
from tests.conformance.specification import Specification

Path = tuple[str | int, ...]


def allowed(spec: Specification, schema: Mapping[str, Any], value: Any, path: Path = ()) -> Iterator[tuple[Path, bool]]:
    """(path, null or absent) of everything in an answer that its schema lets be null or leave out."""
    plain = spec.resolve(schema)
    if isinstance(value, list):
        for number, item in enumerate(value[:1]):
            yield from allowed(spec, plain.get("items", {}), item, (*path, number))
    elif isinstance(value, dict):
        for name, part in plain.get("properties", {}).items():
            if name not in value:
                continue
            if name not in plain.get("required", ()):
                yield (*path, name), False
            if nullable(spec, part):
                yield (*path, name), True
            yield from allowed(spec, part, value[name], (*path, name))


def nullable(spec: Specification, schema: Mapping[str, Any]) -> bool:
    """Whether null is one of a field's values."""
    return schema.get("nullable") is True or (
        "$ref" in schema and spec.models[schema["$ref"].rsplit("/", 1)[-1]].get("nullable") is True
    )


def without(value: Any, path: Path, *, null: bool) -> Any:
    """A copy of an answer in which one field is null, or absent."""
    changed = copy.deepcopy(value)
    at = changed
    for part in path[:-1]:
        at = at[part]
    if null:
        at[path[-1]] = None
    else:
        del at[path[-1]]
    return changed


async def test_everything_nullable_is_read_null_and_everything_optional_absent() -> None:
    spec = Specification(SCHEMA_FILE)
    answers: dict[tuple[str, str], Any] = {}
    changed: tuple[tuple[str, str], Any] | None = None

    def answer(request: httpx.Request) -> httpx.Response:
        endpoint = match(spec, request.method, request.url.path.removeprefix(PREFIX))
        if endpoint is None:
            return httpx.Response(404, json={"error": {"code": "not_found", "message": "not in the specification"}})
        if endpoint.key not in answers:
            answers[endpoint.key] = example(spec, endpoint.answer) if endpoint.answer else {}
        body = changed[1] if changed is not None and changed[0] == endpoint.key else answers[endpoint.key]
        return httpx.Response(200, text=json.dumps(body))

    wrong, tried = list[str](), 0
    http = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    async with KalshiClient(URL, KeySigner("key", Ed25519PrivateKey.generate()), http=http) as client:
        everything = (1_000_000_000, 1_000_000_000)
        client.limiter.learn_limits("tests", everything, everything)
        client.limiter.buckets["public"] = TokenBucket(*everything)
        for name, method in client_methods(client):
            before = dict(answers)
            answers.clear()
            changed = None
            given = await _first_way(method)
            asked, answers = answers, before | answers
            for key, body in asked.items():
                for path, null in allowed(spec, spec.endpoints[key].answer, body):
                    tried += 1
                    changed = (key, without(body, path, null=null))
                    try:
                        await method(**given)
                    except NotFoundError:
                        assert path == ("structured_target",)
                    except KalshiError as error:
                        wrong.append(f"{name}: {'.'.join(map(str, path))} {'null' if null else 'absent'}: {error}")
    print(f"\n{tried} answers with one field null or absent")
    assert not wrong, f"{len(wrong)} of {tried}:\n" + "\n".join(wrong)
    assert tried > 700


async def _first_way(method: Any) -> dict[str, Any]:
    """The first arguments that a method takes, called once with them."""
    for given in ways(method):
        try:
            await method(**given)
        except InvalidOrderError:  # arguments that exclude each other
            continue
        return given
    raise AssertionError(f"{method} took no arguments at all")
