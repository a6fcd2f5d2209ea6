"""What our client and our exchange lack of a specification: endpoints, parameters, fields of bodies and answers.

The client is called, every method with every argument, against answers made from the specification: what it asks for
and what it reads is seen on the wire. The exchange's sources are searched for what its endpoints read; what it answers
is judged where it answers (test_schema.py).
"""

from __future__ import annotations

import ast
import inspect
import json
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal, Union, get_args, get_origin
from unittest import mock

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import BaseModel

from prediction_mcp.exchange.fronts.kalshi import api
from prediction_mcp.exchange.fronts.kalshi.api import ENDPOINTS
from prediction_mcp.exchange.fronts.kalshi.call import Call
from prediction_mcp.kalshi import KalshiClient, parsing
from prediction_mcp.kalshi.auth import KeySigner
from prediction_mcp.kalshi.errors import InvalidOrderError
from prediction_mcp.net.buckets import TokenBucket
from tests.conformance.reach import reached
from tests.conformance.specification import Endpoint, Key, Specification, unnamed

URL = "https://contract.invalid/trade-api/v2"
PREFIX = "/trade-api/v2"
TIME = "2026-10-26T12:00:00Z"
NEVER: Mapping[str, str] = {
    "fcm": "of clearing members",
    "subtrader": "of clearing members",
    "buyer_subtrader_id": "of clearing members",
    "seller_subtrader_id": "of clearing members",
    "rfq_creator_subtrader_id": "of clearing members",
    "subtrader_id": "of clearing members",
    "fcm_subtrader_id": "of clearing members",
    "contracts": "whole contracts; contracts_fp says the same and more",
    "contracts_limit": "whole contracts; contracts_limit_fp says the same and more",
    "target_cost_centi_cents": "deprecated by the specification; target_cost_dollars says the same",
}
"""Parameters that our client never sends, and why."""


@dataclass
class Lacks:
    """What is missing, each as "METHOD path: name"; and how much was looked at."""

    endpoints: list[str] = field(default_factory=list)
    parameters: list[str] = field(default_factory=list)
    fields: list[str] = field(default_factory=list)
    looked_at: dict[str, int] = field(default_factory=dict)

    @property
    def all(self) -> list[str]:
        return [*self.endpoints, *self.parameters, *self.fields]


@dataclass
class Seen:
    """What the client asked of one endpoint, and what it reads of the answer."""

    methods: set[str] = field(default_factory=set)
    query: set[str] = field(default_factory=set)
    body: set[tuple[str, ...]] = field(default_factory=set)
    models: set[type[BaseModel]] = field(default_factory=set)


# -- the client --------------------------------------------------------------------------------------------------


async def client_calls(spec: Specification) -> dict[Key, Seen]:
    """Every method of the client called with every argument, against answers made from the specification."""
    seen: dict[Key, Seen] = {}
    now: list[tuple[str, Key]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix(PREFIX)
        endpoint = match(spec, request.method, path)
        if endpoint is None:
            return httpx.Response(404, json={"error": {"code": "not_found", "message": "not in the specification"}})
        found = seen.setdefault(endpoint.key, Seen())
        now.append((now[-1][0], endpoint.key))
        found.methods.add(now[-1][0])
        found.query |= set(request.url.params.keys())
        if request.content:
            found.body |= set(_paths(json.loads(request.content)))
        return httpx.Response(200, json=example(spec, endpoint.answer) if endpoint.answer else {})

    real = parsing.parse

    def parse(model: type[Any], content: bytes, what: str) -> Any:
        if now and now[-1][1] in seen:
            seen[now[-1][1]].models.add(model)
        return real(model, content, what)

    with (
        mock.patch("prediction_mcp.kalshi.parsing.parse", parse),
        mock.patch("prediction_mcp.kalshi.transport.parse", parse),
    ):
        signer = KeySigner("key", Ed25519PrivateKey.generate())
        http = httpx.AsyncClient(transport=httpx.MockTransport(answer))
        async with KalshiClient(URL, signer, http=http) as client:
            everything = (1_000_000_000, 1_000_000_000)  # nothing is rationed here
            client.limiter.learn_limits("tests", everything, everything)
            client.limiter.buckets["public"] = TokenBucket(*everything)
            for name, method in client_methods(client):
                now.append((name, ("", "")))
                await _call(name, method)
    return seen


def client_methods(client: KalshiClient) -> Iterator[tuple[str, Any]]:
    """Every public coroutine of every resource, by its name as users write it."""

    def of(prefix: str, thing: Any) -> Iterator[tuple[str, Any]]:
        for name in sorted(set(dir(type(thing))) | set(vars(thing))):
            if name.startswith("_"):
                continue
            member = getattr(thing, name)
            if inspect.iscoroutinefunction(member):
                yield f"{prefix}{name}", member
            elif type(member).__module__.startswith("prediction_mcp.kalshi.resources"):
                yield from of(f"{prefix}{name}.", member)

    for name, resource in vars(client).items():
        if type(resource).__module__.startswith("prediction_mcp.kalshi.resources"):
            yield from of(f"{name}.", resource)


async def _call(name: str, method: Any) -> None:
    """Call it in every way of :func:`ways`."""
    done = 0
    for chosen in ways(method):
        try:
            await method(**chosen)
            done += 1
        except InvalidOrderError:  # arguments that exclude each other
            continue
    assert done, f"{name} took no arguments at all"


def ways(method: Any) -> list[dict[str, Any]]:
    """Arguments to call a method with: those it needs, all, each other one alone and left out, each word it takes."""
    hints = typing.get_type_hints(method)
    parameters = inspect.signature(method).parameters
    needed = {n: value_of(hints[n]) for n, p in parameters.items() if p.default is p.empty}
    others = {n: True if hints[n] is bool else value_of(hints[n]) for n, p in parameters.items() if n not in needed}
    alone = [{**needed, n: value} for n, value in others.items()]
    without = [{**needed, **{m: value for m, value in others.items() if m != n}} for n in others]
    words = [{**needed, n: word} for n in needed if get_origin(hints[n]) is Literal for word in get_args(hints[n])]
    return [needed, {**needed, **others}, *alone, *without, *words]


def value_of(hint: Any) -> Any:
    """Something that a parameter of this type takes."""
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return value_of(next(a for a in args if a is not type(None)))
    if origin is Literal:
        return args[0]
    if origin is not None and issubclass(origin, Sequence):
        return [value_of(args[0])]
    if inspect.isclass(hint) and issubclass(hint, BaseModel):
        return hint(**{n: value_of(f.annotation) for n, f in hint.model_fields.items()})
    if hint in (str, Any):
        return "1"
    return {int: 1, bool: True, Decimal: Decimal(1)}[hint]


def _paths(body: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if isinstance(body, list):
        for item in body:
            yield from _paths(item, path)
    elif isinstance(body, dict):
        for name, value in body.items():
            yield (*path, name)
            yield from _paths(value, (*path, name))


def match(spec: Specification, method: str, path: str) -> Endpoint | None:
    """The endpoint of a request; a literal path wins over one with parameters."""
    parts = path.split("/")

    def fits(endpoint: Endpoint) -> bool:
        wanted = endpoint.path.split("/")
        return len(wanted) == len(parts) and all(
            w.startswith("{") or w == p for w, p in zip(wanted, parts, strict=True)
        )

    found = [e for e in spec.endpoints.values() if e.method == method and fits(e)]
    return min(found, key=lambda e: e.path.count("{"), default=None)


def example(spec: Specification, schema: Mapping[str, Any], name: str = "", depth: int = 0) -> Any:
    """An answer with every field of a schema."""
    schema = spec.resolve(schema)
    kind = schema.get("type")
    if schema.get("enum"):
        return schema["enum"][0]
    if kind == "array":
        return [example(spec, schema.get("items", {}), name, depth + 1)] * (
            2 if depth and name.endswith("_dollars") else 1
        )
    if kind == "object" or "properties" in schema:
        more = schema.get("additionalProperties")
        named = {n: example(spec, s, n, depth + 1) for n, s in schema.get("properties", {}).items()}
        return named | ({"one": example(spec, more, name, depth + 1)} if isinstance(more, dict) and more else {})
    if kind == "boolean":
        return True
    if kind in ("integer", "number") or "anyOf" in schema or "oneOf" in schema:
        return 1
    return "" if name == "cursor" or name == "next_cursor" else _text(schema, name)


def _text(schema: Mapping[str, Any], name: str) -> str:
    if schema.get("format") == "date-time":
        return TIME
    if name in ("side", "accepted_side", "maker_side") or name.endswith("outcome_side"):
        return "yes"
    if name.endswith("book_side"):
        return "bid"
    return "1"


# -- the models --------------------------------------------------------------------------------------------------


def reads(model: type[BaseModel], path: Sequence[str]) -> bool:
    """Whether a model has a field, however deep; one spelling more than the exchange's is known (``open_dollars``)."""
    if not path:
        return True
    name, *rest = path
    spelt = next((n for n in (name, f"{name}_dollars", f"{name}_fp") if n in model.model_fields), None)
    if spelt is None:
        return False
    return not rest or any(_inside(kind, rest) for kind in kinds(model.model_fields[spelt].annotation))


def _inside(kind: Any, rest: Sequence[str]) -> bool:
    if inspect.isclass(kind) and issubclass(kind, BaseModel):
        return reads(kind, rest[1:] if rest[0] == "*" else rest)
    return kind is Any or (rest[0] == "*" and len(rest) == 1)


def kinds(hint: Any) -> Iterator[Any]:
    """The types within a hint: those of lists, dictionaries and alternatives."""
    args = get_args(hint)
    if not args or get_origin(hint) is Literal:
        yield hint
    for arg in args:
        if arg is not type(None):
            yield from kinds(arg)


# -- the exchange ------------------------------------------------------------------------------------------------

_ROOM = "prediction_mcp.exchange.fronts.kalshi"
_DOOR = api._handler
"""What every request passes before its endpoint."""


def exchange_reads(run: Any) -> tuple[set[str], set[str]]:
    """(words, fields of bodies) that the code of an endpoint holds."""
    words, fields = set[str](), set[str]()
    owners = {"call": Call, "self": Call}
    for tree in (t for start in (run, _DOOR) for t in reached(start, lambda m: m.startswith(_ROOM), owners)):
        words |= {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)}
        fields |= {
            n.target.id for n in ast.walk(tree) if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)
        }
    return words, fields


# -- the judgement -----------------------------------------------------------------------------------------------


async def client_lacks(spec: Specification) -> Lacks:
    """What the client doesn't call, send or read."""
    seen, lacks = await client_calls(spec), Lacks()
    parameters = fields = 0
    for key, endpoint in spec.endpoints.items():
        title = f"{endpoint.method} {endpoint.path}"
        if key not in seen:
            lacks.endpoints.append(title)
            continue
        found = seen[key]
        wanted = sorted(endpoint.query - NEVER.keys())
        parameters += len(wanted)
        lacks.parameters += [f"{title}: {name}" for name in wanted if name not in found.query]
        bodies = [p for p in spec.fields(endpoint.body, required=False) if not NEVER.keys() & set(p)]
        parameters += len(bodies)
        lacks.parameters += [f"{title}: body {'.'.join(p)}" for p in bodies if p not in found.body]
        required = [p for p in spec.fields(endpoint.answer, required=True) if not NEVER.keys() & set(p)]
        fields += len(required)
        lacks.fields += [
            f"{title}: answer {'.'.join(p)}" for p in required if not any(reads(model, p) for model in found.models)
        ]
    lacks.looked_at = {"endpoints": len(spec.endpoints), "parameters": parameters, "required fields": fields}
    return lacks


def exchange_lacks(spec: Specification) -> Lacks:
    """What the exchange doesn't serve or read. What it answers is judged by what it answers."""
    ours, lacks, parameters = {(e.method, unnamed(e.path)): e for e in ENDPOINTS}, Lacks(), 0
    for key, endpoint in spec.endpoints.items():
        title = f"{endpoint.method} {endpoint.path}"
        if key not in ours:
            lacks.endpoints.append(title)
            continue
        words, fields = exchange_reads(ours[key].run)
        fcm = {n for n, why in NEVER.items() if why == "of clearing members"}
        for name in sorted(endpoint.query - fcm):
            parameters += 1
            if name not in words:
                lacks.parameters.append(f"{title}: {name}")
        for path in spec.fields(endpoint.body, required=False):
            parameters += 1
            if path[-1] not in fields | fcm:
                lacks.parameters.append(f"{title}: body {'.'.join(path)}")
    lacks.looked_at = {"endpoints": len(spec.endpoints), "parameters": parameters}
    return lacks
