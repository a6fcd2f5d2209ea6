"""What tools make of answers in which a nullable field is null or an optional one is absent, one at a time.

The specification of REST says what may be missing; the double's answers are recorded ones. A tool may then say less, or
refuse in a sentence. It may not fail inside, and a number that was there may not turn into zero.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

import pytest

from tests.conformance.contract import match
from tests.conformance.schema import SCHEMA_FILE
from tests.conformance.specification import Specification
from tests.conformance.test_nulls import Path, allowed, without
from tests.tools.conftest import Assistant

from .server import Double
from .test_tools import at, calls, double

__all__ = ["at", "double"]
TOOLS = 3
"""So many of the tools that read an endpoint are tried with each change of it."""
MAY_BE_ZERO: dict[str, str] = {}
"""Fields of answers that are zero without the figure, and why that is true."""


@pytest.mark.long
@pytest.mark.parametrize("at", ["auto"], indirect=True)  # the era changes no answer: test_tools.py has both
async def test_no_tool_says_something_false_of_what_is_missing(at: Assistant, double: Double) -> None:
    spec, seen = Specification(SCHEMA_FILE), dict[str, Any]()

    def remember(path: str, answer: Any) -> Any:
        seen.setdefault(path, answer)
        return answer

    readers, answers, bodies = defaultdict[str, list[int]](list), list[Any](), dict[str, Any]()
    asked = [call for number, call in enumerate(calls(double)) if number % 4 != 1]
    for number, (tool, given) in enumerate(asked):
        seen.clear()
        double.change = remember
        answers.append(await at.call(tool, **given))
        bodies |= {path: answer for path, answer in seen.items() if path not in bodies}
        for path in seen:
            readers[path].append(number)
    wrong, tried = list[str](), set[tuple[str, Path, bool]]()
    for path, body in bodies.items():
        endpoint = match(spec, "GET", path)
        assert endpoint is not None, path
        for field, null in allowed(spec, endpoint.answer, body):
            if (endpoint.path, field, null) in tried:
                continue
            tried.add((endpoint.path, field, null))
            double.change = _changing(path, field, null=null)
            for number in readers[path][:: max(1, len(readers[path]) // TOOLS)]:
                tool, given = asked[number]
                answer = await at.client.call_tool(tool, given, raise_on_error=False)
                where = f"{tool}: {endpoint.path} {'.'.join(map(str, field))} {'null' if null else 'absent'}"
                if answer.is_error:
                    text = str(answer.content)
                    wrong += [f"{where}: {text}"] if "inside" in text or "promises" in text else []
                else:
                    wrong += [f"{where}: {zero}" for zero in _zeros(answers[number], answer.structured_content)]
    assert not wrong, f"{len(wrong)}:\n" + "\n".join(wrong)
    assert len(tried) > 100


def _changing(path: str, field: Path, *, null: bool) -> Any:
    """Change one answer; where it has no such field it stays as it is."""

    def change(asked: str, answer: Any) -> Any:
        if asked != path:
            return answer
        try:
            return without(answer, field, null=null)
        except (KeyError, IndexError, TypeError):
            return answer

    return change


def _zeros(before: Any, after: Any, where: str = "") -> Iterator[str]:
    """Figures that weren't zero and are."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name in before.keys() & after.keys():
            yield from _zeros(before[name], after[name], f"{where}.{name}")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for one, other in zip(before, after, strict=True):
            yield from _zeros(one, other, f"{where}[]")
    elif _number(before) and _number(after) == 0 and where not in MAY_BE_ZERO:
        yield f"{where} was {before} and is {after}"


def _number(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return None
