"""What code can be reached from a function, by its source: names that are called, through all modules of ours.

Over-approximated: what is named counts as used. So it can tell that something is missing, never that it is tested.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import textwrap
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from types import FunctionType
from typing import Any

OURS = "prediction_mcp"


@cache
def _tree(thing: Any) -> ast.AST | None:
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(thing)))
    except (OSError, TypeError, SyntaxError):
        return None


def reached(
    start: Any, within: Callable[[str], bool], owners: Mapping[str, type], apart: frozenset[type] = frozenset()
) -> Iterator[ast.AST]:
    """The syntax trees of a function or class and of all that it names, in modules that ``within`` takes.

    ``owners`` are the classes behind names of variables, so that what is called on those is followed too;
    classes ``apart`` are named as types only: of them nothing but what is called is followed.
    """
    seen, waiting = set[int](), [start]
    while waiting:
        thing = inspect.unwrap(waiting.pop())
        if id(thing) in seen or (tree := _tree(thing)) is None:
            continue
        seen.add(id(thing))
        yield tree
        waiting += [found for found in _named(thing, tree, owners) if within(found.__module__) and found not in apart]


def _named(thing: Any, tree: ast.AST, owners: Mapping[str, type]) -> Iterator[Any]:
    """The functions and classes of ours that a source names, also by imports within it."""
    module = importlib.import_module(thing.__module__)
    known = dict(vars(module)) | dict(owners)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            package = thing.__module__.rsplit(".", node.level)[0] if node.level else ""
            name = f"{package}.{node.module or ''}".strip(".") if node.level else str(node.module)
            if name.startswith(OURS):
                source = importlib.import_module(name)
                known |= {a.asname or a.name: getattr(source, a.name, None) for a in node.names}
    for node in ast.walk(tree):
        found = None
        if isinstance(node, ast.Name):
            found = known.get(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name | ast.Attribute):
            name = node.value.id if isinstance(node.value, ast.Name) else node.value.attr
            owner = known.get(name) if isinstance(node.value, ast.Name) else owners.get(name)
            found = getattr(owner, node.attr, None) if inspect.ismodule(owner) or inspect.isclass(owner) else None
            found = found.fget if isinstance(found, property) else found
        if isinstance(found, FunctionType) or (inspect.isclass(found) and found.__module__.startswith(OURS)):
            yield found
