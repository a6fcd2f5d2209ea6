"""JSON with comments and trailing commas, edited where something changes and nowhere else.

Files of other people's programs hold their comments and their order; a parser that writes them anew would lose both.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

_TRIVIA = re.compile(r"(?:[ \t\r\n]+|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"')
_ATOM = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null")
DEEPEST = 100


class UnreadableError(ValueError):
    """What stands there is no JSON, even with comments; the message says where."""


@dataclass
class Node:
    """A value and where it stands; ``members`` of an object by name, with where their names begin."""

    begin: int
    end: int = 0
    value: Any = None
    members: dict[str, tuple[int, Node]] = field(default_factory=dict)

    @property
    def is_object(self) -> bool:
        return isinstance(self.value, dict)


class _Reader:
    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def fail(self, wanted: str) -> UnreadableError:
        line = self.text.count("\n", 0, self.at) + 1
        return UnreadableError(f"line {line}: {wanted} was expected")

    def skip(self) -> None:
        found = _TRIVIA.match(self.text, self.at)
        assert found is not None  # noqa: S101 - it matches nothing, too
        self.at = found.end()

    def take(self, sign: str) -> bool:
        self.skip()
        if self.text.startswith(sign, self.at):
            self.at += len(sign)
            return True
        return False

    def string(self) -> str:
        found = _STRING.match(self.text, self.at)
        if found is None:
            raise self.fail("a text in quotes")
        try:
            made = json.loads(found[0])
        except ValueError:
            raise self.fail("a text without broken escapes") from None
        self.at = found.end()
        return str(made)

    def node(self, depth: int = 0) -> Node:
        self.skip()
        made = Node(self.at)
        if depth > DEEPEST:
            raise self.fail("less nesting")
        if self.take("{"):
            made.value = {}
            self.object(made, depth)
        elif self.take("["):
            made.value = []
            while not self.take("]"):
                made.value.append(self.node(depth + 1).value)
                if not self.take(","):
                    if not self.take("]"):
                        raise self.fail("a comma or ]")
                    break
        elif self.text.startswith('"', self.at):
            made.value = self.string()
        elif (found := _ATOM.match(self.text, self.at)) is not None:
            made.value, self.at = json.loads(found[0]), found.end()
        else:
            raise self.fail("a value")
        made.end = self.at
        return made

    def object(self, made: Node, depth: int) -> None:
        while not self.take("}"):
            self.skip()
            at = self.at
            name = self.string()
            if name in made.members:
                raise self.fail(f"“{name}” only once")
            if not self.take(":"):
                raise self.fail("a colon")
            inner = self.node(depth + 1)
            made.members[name] = (at, inner)
            made.value[name] = inner.value
            if not self.take(","):
                if not self.take("}"):
                    raise self.fail("a comma or }")
                break


def read(text: str) -> Node:
    """The whole text's value. Raises UnreadableError."""
    reader = _Reader(text)
    made = reader.node()
    reader.skip()
    if reader.at != len(text):
        raise reader.fail("the end")
    return made


def put(text: str, path: tuple[str, ...], value: Any) -> str:
    """The text with a value at a path of names, all else as it was. Raises UnreadableError."""
    if not text.strip():
        whole = value
        for name in reversed(path):
            whole = {name: whole}
        return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"
    root = node = read(text)
    depth = 0
    while node.is_object and depth < len(path) and path[depth] in node.members:
        node = node.members[path[depth]][1]
        depth += 1
    unit, end = _style(text, root.begin)
    if depth == len(path):
        if node.value == value:
            return text
        return text[: node.begin] + _written(value, unit * depth, unit, end) + text[node.end :]
    if not node.is_object:
        raise UnreadableError(f"“{'.'.join(path[:depth]) or 'the whole'}” is no object")
    for name in reversed(path[depth + 1 :]):
        value = {name: value}
    return _inserted(text, node, path[depth], value, (unit, end, depth))


def _inserted(text: str, node: Node, name: str, value: Any, style: tuple[str, str, int]) -> str:
    """A new last member of an object."""
    unit, end, depth = style
    close = node.end - 1
    pad = unit * (depth + 1)
    member = f"{json.dumps(name, ensure_ascii=False)}: {_written(value, pad, unit, end)}"
    last = max((inner.end for _, inner in node.members.values()), default=node.begin + 1)
    comma = _comma(text, last, close) if node.members else None
    kept = last if comma is None else comma + 1
    after = kept + len(text[kept:close].rstrip())  # behind comments that stand there
    tail = "" if "\n" in text[after:close] else end + unit * depth
    before = text[:last] + ("," if node.members and comma is None else "") + text[last:after]
    return before + end + pad + member + ("," if comma is not None else "") + tail + text[after:]


def drop(text: str, path: tuple[str, ...]) -> str:
    """The text without what stands at a path; comments stay. Raises UnreadableError."""
    node = read(text)
    for name in path[:-1]:
        if name not in node.members:
            return text
        node = node.members[name][1]
    if path[-1] not in node.members:
        return text
    begin, inner = node.members[path[-1]]
    before = [other.end for _, other in node.members.values() if other.end < begin]
    line = text.rfind("\n", 0, begin)
    alone = line >= 0 and not text[line:begin].strip()
    cut = line - (text[line - 1] == "\r") if alone else begin
    comma = _comma(text, inner.end, node.end - 1)
    rest = text[inner.end :] if comma is None else text[inner.end : comma] + text[comma + 1 :]
    if comma is None and before:  # it was the last: the comma before it goes
        at = _comma(text, max(before), begin)
        assert at is not None  # noqa: S101 - between two members there is one
        return text[:at] + text[at + 1 : cut] + rest
    return text[:cut] + rest


def _comma(text: str, begin: int, end: int) -> int | None:
    """Where the comma behind a value is, past comments."""
    found = _TRIVIA.match(text, begin, end)
    at = begin if found is None else found.end()
    return at if at < end and text[at] == "," else None


def _style(text: str, begin: int) -> tuple[str, str]:
    """What one step of indentation is, and how lines end."""
    found = re.compile(r"\{[^\S\n]*\r?\n([ \t]+)\S").match(text, begin)
    return (found[1] if found else "  "), ("\r\n" if "\r\n" in text else "\n")


def _written(value: Any, pad: str, unit: str, end: str) -> str:
    text = json.dumps(value, indent=unit, ensure_ascii=False)
    return text.replace("\n", end + pad)
