"""JSON with comments is changed where something changes, and nowhere else."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prediction_mcp.install.jsonc import DEEPEST, UnreadableError, drop, put, read

NEW = {"command": "uvx", "args": ["prediction-mcp"]}
PATH = ("mcpServers", "ours")
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
COMMENTED = """// mine
{
  /* servers */
  "mcpServers": {
    "other": {"command": "x"}, // keep "me": {
  },
  "theme": "dark", // a comma at the end
}
"""


def plain(text: str) -> Any:
    """What a reader without comments would read, by another way: comments and trailing commas blanked first."""
    text = re.sub(r'("(?:[^"\\]|\\.)*")|//[^\n]*|/\*.*?\*/', lambda m: m[1] or " ", text, flags=re.DOTALL)
    return json.loads(re.sub(r'("(?:[^"\\]|\\.)*")|,(?=\s*[}\]])', lambda m: m[1] or " ", text))


@pytest.mark.parametrize(
    "text",
    [
        "", " \n", "{}", "{ }", "{\n}\n", '{"a": 1}', '{"mcpServers": {}}', '{"mcpServers": {"other": {}}}', COMMENTED,
        '{\r\n\t"mcpServers": {\r\n\t\t"other": {} // x\r\n\t}\r\n}\r\n', '{"a": [1, 2,], /* x */ }',
        '{\n  "mcpServers": {\n    // nothing yet\n  }\n}', '{"mcpServers": {"ours": {"command": "old"}, "b": 1}}',
    ],
)  # fmt: skip
def test_what_is_put_in_is_there_and_all_else_stays(text: str) -> None:
    made = put(text, PATH, NEW)
    was = plain(text) if text.strip() else {}
    was.setdefault("mcpServers", {})["ours"] = NEW
    assert plain(made) == was == read(made).value
    for comment in re.findall(r"//[^\r\n]*|/\*.*?\*/", text):
        assert comment in made
    assert ("\r\n" in text) == ("\r\n" in made)
    assert put(made, PATH, NEW) == made
    gone = drop(made, PATH)
    del was["mcpServers"]["ours"]
    assert plain(gone) == was
    for comment in re.findall(r"//[^\r\n]*|/\*.*?\*/", text):
        assert comment in gone
    assert drop(gone, PATH) == gone


def test_it_looks_as_a_person_would_write_it() -> None:
    assert put(COMMENTED, PATH, {"command": "uvx"}) == COMMENTED.replace(
        '// keep "me": {\n', '// keep "me": {\n    "ours": {\n      "command": "uvx"\n    },\n'
    )
    assert put('{\n    "a": 1\n}\n', PATH, 2) == ('{\n    "a": 1,\n    "mcpServers": {\n        "ours": 2\n    }\n}\n')


@given(st.dictionaries(st.text(max_size=6), VALUES, max_size=4), st.sampled_from([None, 1, 2, "\t"]), VALUES)
def test_any_file_of_json(value: dict[str, Any], indent: Any, new: Any) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    inner = value.get("mcpServers", {})
    if not isinstance(inner, dict):
        with pytest.raises(UnreadableError):
            put(text, PATH, new)
        return
    made = put(text, PATH, new)
    assert json.loads(made) == {**value, "mcpServers": {**inner, "ours": new}}
    assert json.loads(drop(made, PATH)) == {**value, "mcpServers": {k: v for k, v in inner.items() if k != "ours"}}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "line 1: a text in quotes"), ('{"a" 1}', "a colon"), ('{"a": 1 "b": 2}', "a comma or }"),
        ("[1", "a comma"),
        ('{"a": tru}', "a value"), ("{} {}", "the end"), ('{"a": 1, "a": 2}', "only once"), ('{"a": "\\q"}', "escapes"),
        ('\n\n{"a": "x\ny"}', "line 3: a text in quotes"), ("// only a comment", "a value"),
        ("[" * 5_000, "less nesting"),
        ('{"mcpServers": []}', "no object"), ("[]", "no object"),
    ],
)  # fmt: skip
def test_what_is_no_json_is_said_and_left(text: str, said: str) -> None:
    with pytest.raises(UnreadableError, match=re.escape(said)):
        put(text, PATH, NEW)


def test_deep_is_bounded_and_shallow_is_not() -> None:
    assert read("[" * DEEPEST + "]" * DEEPEST).value is not None


@given(st.text(alphabet='{}[]",:/*\\ \n1at', max_size=30))
def test_noise_is_read_or_refused(text: str) -> None:
    try:
        made = put(text, PATH, NEW)
    except UnreadableError:
        return
    assert read(made).value["mcpServers"]["ours"] == NEW
