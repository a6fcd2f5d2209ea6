"""Consoles and files that aren't UTF-8, and keys as people keep them."""

from __future__ import annotations

import ast
import json
import os
import subprocess
from pathlib import Path

import pytest

from prediction_mcp.cli.console import plain
from prediction_mcp.kalshi.auth import signer_from_file, signer_from_pem
from prediction_mcp.settings import load_settings
from tests.cli.test_cli import COMMAND
from tests.conftest import Served

ROOT = Path(__file__).parents[2]
READS = ("open", "read_text", "write_text", "fdopen", "NamedTemporaryFile")
COMMANDS = (
    ["--help"], ["tools", "--json"], ["call", "kalshi_search_markets", "query=fed ¢ “x” → é 漢"], ["orders"],
    ["journal"], ["doctor"], ["worker", "status"], ["nonsense-é"],
)  # fmt: skip


@pytest.mark.long
@pytest.mark.parametrize("encoding", ["cp1252", "cp437", "gbk", "ascii"])
def test_no_command_dies_on_its_console(encoding: str, tmp_path: Path) -> None:
    environment = {
        **os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0", "LC_ALL": "C", "PAPER_FOLDER": str(tmp_path),
    }  # fmt: skip
    for command in COMMANDS if encoding == "ascii" else COMMANDS[:4]:
        done = subprocess.run(
            [*COMMAND, *command],
            capture_output=True,
            env=environment,
            check=False,
            timeout=120,
            stdin=subprocess.DEVNULL,
        )
        said = done.stdout.decode(encoding) + done.stderr.decode(encoding)
        assert "Traceback" not in said, (command, said[-2_000:])
        assert "UnicodeEncodeError" not in said, (command, said)
        if "--json" in command:
            json.loads(done.stdout.decode(encoding))


def test_plain_is_as_like_as_it_can_be() -> None:
    assert plain("40¢ – “é” → 漢…") == '40c - "e" -> ?...'


def test_files_are_opened_as_utf_8() -> None:
    """A text file's encoding is never left to the machine."""
    found = list[str]()
    for path in (ROOT / "src").rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(call, ast.Call):
                continue
            name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
            if name in READS and _is_text(call, name) and not any(k.arg == "encoding" for k in call.keywords):
                found.append(f"{path.relative_to(ROOT)}:{call.lineno} {ast.unparse(call)[:80]}")
    assert not found, "\n".join(found)


def _is_text(call: ast.Call, name: str) -> bool:
    """Whether a call opens a text file: accounts, exchanges and descriptors have an ``open``, too."""
    given = [*call.args, *(k.value for k in call.keywords if k.arg == "mode")]
    modes = [a.value for a in given if isinstance(a, ast.Constant) and isinstance(a.value, str) and len(a.value) <= 3]
    if any("b" in mode for mode in modes):
        return False
    if ast.unparse(call.func).startswith("distribution("):  # a package's metadata
        return False
    return name != "open" or isinstance(call.func, ast.Name) or bool(modes)


@pytest.mark.parametrize("form", ["{}", " {} ", '"{}"', "'{}'", "~/key.pem"])
def test_paths_as_people_write_them(form: str, served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    key = tmp_path / "key.pem"
    key.write_text(served.pem, encoding="utf-8")
    key.chmod(0o600)
    monkeypatch.setenv("KALSHI_PRIVATE_KEY_PATH", form.format(key))
    path = load_settings().private_key_path
    assert path == key
    assert signer_from_file("x", path)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig", "ascii"])
def test_key_files_of_any_editor(encoding: str, served: Served, tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    mark = {"utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}.get(encoding, b"")
    key.write_bytes(mark + served.pem.replace("\n", "\r\n").encode(encoding))
    key.chmod(0o600)
    assert signer_from_file("x", key)


@pytest.mark.parametrize("written", ["\\n", "\\r\\n", "\r\n"])
@pytest.mark.parametrize("around", ["{}", '"{}"', " '{}'\n"])
def test_keys_with_written_out_line_ends(written: str, around: str, served: Served) -> None:
    assert signer_from_pem("x", around.format(served.pem.strip().replace("\n", written)))
