"""The suite's own rules: no test fails on a slow machine, none needs what lies outside the project."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).parents[1]
CLOCKS = ("monotonic", "perf_counter", "time")
INDEX = re.compile(
    r"(?:https?://|//)(?:[\w.-]*\.)?(?:pypi\.org|pythonhosted\.org|npmjs\.(?:org|com)|npmjs\.com)|[\w.-]+/(?:simple|pypi)/?(?=[\s\"']|$)"
)
"""The address of a package index."""
OUTSIDE = re.compile(r"parents\[3\]|\.\./shared|/work/|/root/")
"""A place beside the checkout, or of one machine."""


@pytest.mark.parametrize("profile", ["default", "thorough", "mutants"])
def test_no_example_has_a_deadline(profile: str) -> None:
    chosen = settings.get_profile(profile)
    assert chosen.deadline is None
    assert HealthCheck.too_slow in chosen.suppress_health_check


def test_no_test_sets_a_deadline_or_asserts_a_duration() -> None:
    wrong = [
        f"{file.relative_to(ROOT)}:{line}"
        for file in sorted((ROOT / "tests").rglob("*.py"))
        for line in _timed(ast.parse(file.read_text(encoding="utf-8")))
    ]
    assert not wrong, "a busy machine fails these: " + ", ".join(wrong)


def _timed(tree: ast.AST) -> Iterator[int]:
    """Lines with ``deadline=`` in Hypothesis settings, or an assertion that less than some time has passed."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "").endswith("settings"):
            yield from (node.lineno for word in node.keywords if word.arg == "deadline" and not _is_none(word.value))
        if isinstance(node, ast.Assert) and isinstance(node.test, ast.Compare):
            shorter = isinstance(node.test.ops[0], ast.Lt | ast.LtE)
            left = node.test.left
            if shorter and isinstance(left, ast.BinOp) and isinstance(left.op, ast.Sub) and _reads_clock(left.left):
                yield node.lineno


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _reads_clock(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CLOCKS


@pytest.mark.parametrize(
    "line",
    ["@settings(deadline=200)\ndef f(): ...", "assert time.monotonic() - start < 2", "assert time.time() - a <= b"],
)
def test_the_rule_finds_what_it_forbids(line: str) -> None:
    assert list(_timed(ast.parse(line)))


def committed() -> list[Path]:
    """The project's own text files."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.decode()
    files = [ROOT / name for name in listed.split("\0") if name]
    return [file for file in files if file.is_file() and b"\0" not in file.read_bytes()[:8_000]]


def test_no_committed_file_names_a_package_index_or_a_place_outside() -> None:
    wrong = [
        f"{file.relative_to(ROOT)}: {found[0]}"
        for file in committed()
        if file != Path(__file__)
        for text in [file.read_text(encoding="utf-8")]
        for found in [*INDEX.finditer(text), *(OUTSIDE.finditer(text) if file.suffix in (".py", ".toml", "") else ())]
    ]
    assert not wrong, wrong
