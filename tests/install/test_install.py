"""Into each client's settings and out again, on three systems: others' bytes stay, keys stay out, nothing half done."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from prediction_mcp.install import again, writing
from prediction_mcp.install.clients import KINDS, place
from prediction_mcp.install.entry import entry, key_file
from prediction_mcp.install.jsonc import read
from prediction_mcp.settings import SettingsError
from tests.automation.test_services import tree

NAME = "prediction-mcp"
OTHERS = {
    "json": [
        b'{}', b'{\n  // mine\n  "mcpServers": {"a": {"command": "x"}}, "servers": {},\n}', b"",
        b'\xef\xbb\xbf{\r\n\t"theme": "dark"\r\n}\r\n',
    ],
    "toml": [
        b"", b'model = "x" # mine\n[mcp_servers.other]\ncommand = "y"\n', b'[a]\r\nb = 1\r\n',
    ],
}  # fmt: skip
CASES = [(client, before) for client in KINDS for before in (None, *OTHERS["toml" if client == "codex" else "json"])]


def run(home: Path, *words: str) -> Any:
    """The command itself, in a scratch home."""
    environment = {k: v for k, v in os.environ.items() if k not in ("XDG_CONFIG_HOME", "APPDATA", "CODEX_HOME")}
    done = subprocess.run(
        [sys.executable, "-m", "prediction_mcp", "install", *words, "--json"], capture_output=True, text=True,
        env={**environment, "HOME": str(home)}, check=False, cwd=home,
    )  # fmt: skip
    return json.loads(done.stdout) | {"code": done.returncode, "said": done.stderr}


def changed(client: str, file: Path, settings: dict[str, str], *, out: bool = False) -> bool:
    """As the command does it."""
    kind = KINDS[client]
    made = writing.removing(kind, file, NAME) if out else writing.installing(kind, file, NAME, entry(settings))
    if made.needed:
        writing.carry_out(made)
    if out:
        writing.cleared(file)
    return made.needed


@pytest.mark.parametrize("system", ["linux", "darwin", "win32"])
@pytest.mark.parametrize(("client", "before"), CASES)
def test_twice_in_and_out_leaves_every_byte(client: str, before: bytes | None, system: str, tmp_path: Path) -> None:
    file = place(client, tmp_path, system, {})
    if before is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(before)
    was = tree(tmp_path)
    assert changed(client, file, {})
    assert not changed(client, file, {})
    assert changed(client, file, {"KALSHI_ENV": "demo", "TOOLSETS": "records"})
    kind, text = KINDS[client], file.read_bytes().decode("utf-8-sig")
    found = kind.servers(text)[NAME]
    assert found["env"] == {"KALSHI_ENV": "demo", "TOOLSETS": "records"}
    assert changed(client, file, {}, out=True)
    assert tree(tmp_path) == was
    assert not changed(client, file, {}, out=True)
    assert tree(tmp_path) == was


def test_what_others_wrote_since_stays(tmp_path: Path) -> None:
    file = place("cursor", tmp_path, "linux", {})
    file.parent.mkdir()
    file.write_text('{\n  "mcpServers": {} // mine\n}\n')
    changed("cursor", file, {})
    file.write_text(file.read_text().replace("// mine", '// mine and yours\n  , "theme": "dark"'))
    changed("cursor", file, {}, out=True)
    assert read(file.read_text()).value == {"mcpServers": {}, "theme": "dark"}
    assert "// mine and yours" in file.read_text()
    assert [path.name for path in file.parent.iterdir()] == ["mcp.json"]


def test_a_server_of_that_name_is_replaced_and_kept_aside(tmp_path: Path) -> None:
    file = place("gemini", tmp_path, "linux", {})
    file.parent.mkdir()
    old = '{"mcpServers": {"prediction-mcp": {"command": "old"}}}'
    file.write_text(old)
    changed("gemini", file, {})
    assert Path(f"{file}{writing.BEFORE}").read_text() == old
    changed("gemini", file, {}, out=True)
    assert json.loads(file.read_text()) == {"mcpServers": {}}


@pytest.mark.parametrize(
    ("client", "text", "said"),
    [
        ("cursor", '{"mcpServers": {', "line 1"), ("cursor", '{"mcpServers": []}', "no object"),
        ("cursor", "[1]", "no object"),
        ("codex", "a = ", "left alone"), ("codex", 'mcp_servers = {a = {command = "x"}}', "left alone"),
        ("codex", 'x = """\n[mcp_servers.prediction-mcp]\n"""\ny = 1', "left alone"),
    ],
)  # fmt: skip
def test_a_file_that_cant_be_changed_safely_is_left(client: str, text: str, said: str, tmp_path: Path) -> None:
    file = place(client, tmp_path, "linux", {})
    file.parent.mkdir()
    file.write_text(text)
    was = tree(tmp_path)
    with pytest.raises(SettingsError, match=said):
        changed(client, file, {})
    assert tree(tmp_path) == was


def test_a_file_that_changed_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    file = place("claude-code", tmp_path, "linux", {})
    file.write_text("{}")
    made = writing.installing(KINDS["claude-code"], file, NAME, entry({}))
    file.write_text('{"new": 1}')
    with pytest.raises(SettingsError, match="meanwhile"):
        writing.carry_out(made)
    assert file.read_text() == '{"new": 1}'


def test_a_folder_that_cant_be_written_leaves_the_file(tmp_path: Path) -> None:
    file = place("cursor", tmp_path, "linux", {})
    file.parent.write_text("no folder")
    with pytest.raises(SettingsError, match="can't be"):
        changed("cursor", file, {})


def test_a_kill_between_note_and_file_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, was, real = place("cursor", tmp_path, "linux", {}), tree(tmp_path), writing._replace

    def killed(target: Path, data: bytes, mode: int) -> None:
        if target == file:
            raise KeyboardInterrupt
        real(target, data, mode)

    monkeypatch.setattr(writing, "_replace", killed)
    with pytest.raises(KeyboardInterrupt):
        changed("cursor", file, {})
    monkeypatch.undo()
    assert not file.exists()
    changed("cursor", file, {})
    changed("cursor", file, {}, out=True)
    assert tree(tmp_path) == was


@pytest.mark.parametrize("note", ["", "[", '{"a": 1}', '["/", "/tmp", "%s/mine"]'])
def test_a_note_that_lies_takes_nothing_of_others_away(note: str, tmp_path: Path) -> None:
    file = place("cursor", tmp_path, "linux", {})
    (tmp_path / "mine").mkdir()
    changed("cursor", file, {})
    Path(f"{file}{writing.MADE}").write_text(note.replace("%s", str(tmp_path)))
    changed("cursor", file, {}, out=True)
    assert not file.exists()
    assert (tmp_path / "mine").is_dir()


def test_links_and_modes_stay(tmp_path: Path) -> None:
    real, file = tmp_path / "dotfiles.json", place("cursor", tmp_path, "linux", {})
    file.parent.mkdir()
    real.write_text("{}")
    real.chmod(0o640)
    file.symlink_to(real)
    changed("cursor", file, {})
    assert file.is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    changed("cursor", file, {}, out=True)
    assert (file.is_symlink(), real.read_text()) == (True, "{}")


def test_secrets_are_refused_and_a_keys_path_is_written(tmp_path: Path) -> None:
    key = tmp_path / "kalshi.pem"
    for name in ("KALSHI_PRIVATE_KEY", "HTTP_TOKEN", "NOTIFY_URLS", "DATABASE_URL"):
        with pytest.raises(SettingsError, match=f"{name} is a secret") as error:
            entry({name: "hunter2hunter2hunter2hunter2"})
        assert "hunter2" not in str(error.value)
    with pytest.raises(SettingsError, match="KALSHI_KEY is no setting"):
        entry({"KALSHI_KEY": "x"})
    with pytest.raises(SettingsError, match="can't be read"):
        key_file(key)
    key.write_text("SECRET")
    key.chmod(0o644)
    with pytest.raises(SettingsError, match="open to others"):
        key_file(key)
    key.chmod(0o600)
    done = run(tmp_path, "cursor", "--yes", "--env", "demo", "--key-id", "abc", "--key-file", str(key))
    assert (done["code"], done["installed"], done["changed"]) == (0, True, True)
    written = (tmp_path / ".cursor" / "mcp.json").read_text()
    assert json.loads(written)["mcpServers"][NAME]["env"] == {
        "KALSHI_ENV": "demo", "KALSHI_API_KEY_ID": "abc", "KALSHI_PRIVATE_KEY_PATH": str(key),
    }  # fmt: skip
    assert "SECRET" not in written
    assert "+" in done["said"]


def test_the_command_shows_asks_and_says(tmp_path: Path) -> None:
    asked = run(tmp_path, "codex")
    assert (asked["code"], asked["error"]) == (2, "With --json nobody is asked: say --yes.")
    assert not (tmp_path / ".codex").exists()
    assert "+[mcp_servers.prediction-mcp]" in asked["said"]
    assert run(tmp_path, "codex", "--yes")["changed"] is True
    again = run(tmp_path, "codex", "--yes")
    assert (again["changed"], again["note"]) == (False, "Codex has it already; nothing was written.")
    assert tomllib.loads((tmp_path / ".codex/config.toml").read_text())["mcp_servers"][NAME]["args"]
    assert run(tmp_path, "codex", "--uninstall", "--yes")["changed"] is True
    assert not (tmp_path / ".codex").exists()
    printed = run(tmp_path, "json", "--toolsets", "records")
    assert printed["mcpServers"][NAME]["env"] == {"TOOLSETS": "records"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--key-id", "x"), "A key is its id and its file"), (("--set", "x"), "--set takes NAME=value"),
        (("--set", "KALSHI_ENV=elsewhere"), "KALSHI_ENV"), (("--toolsets", "nothing"), "TOOLSETS"),
        (("--name", "a b"), "letters, digits"), (("--set", "HTTP_TOKEN=tttttttttttttttttttttttttttt"), "is a secret"),
    ],
)  # fmt: skip
def test_what_the_server_would_refuse_isnt_written(words: tuple[str, ...], said: str, tmp_path: Path) -> None:
    done = run(tmp_path, "cursor", "--yes", *words)
    assert done["code"] == 2
    assert said in done["error"]
    assert not (tmp_path / ".cursor").exists()


def noted(monkeypatch: pytest.MonkeyPatch, **written: Any) -> None:
    """What the installer wrote down; nothing where it was an index."""

    class Installed:
        def read_text(self, name: str) -> str | None:
            assert name == "direct_url.json"
            return json.dumps(written) if written else None

    monkeypatch.setattr(again, "distribution", lambda _: Installed())
    monkeypatch.setattr(again, "launcher", lambda: ["/bin/uvx"])
    monkeypatch.setattr(again, "EXTRAS", {"redis": "json", "data": "no_such_module"})


def test_by_uvx_it_brings_the_extras_that_are_here_or_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    noted(monkeypatch)
    source = "prediction-mcp[polymarket,redis]"
    assert again.by_uvx(["across", "records"]) == ["/bin/uvx", "--from", source, NAME]
    monkeypatch.setattr(again, "EXTRAS", {})
    assert again.by_uvx([]) == ["/bin/uvx", NAME]


def test_by_uvx_it_is_what_was_installed_and_nothing_else_of_that_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wheel that was deleted, a repository: the bare name would be whatever an index has under it."""
    git = {"vcs": "git", "commit_id": "c0ffee", "requested_revision": "main"}
    for written, source in (
        ({"url": tmp_path.as_uri(), "dir_info": {}}, tmp_path.as_uri()),
        ({"url": "https://example.com/a.whl", "archive_info": {}}, "https://example.com/a.whl"),
        ({"url": "https://example.com/a", "vcs_info": git}, "git+https://example.com/a@c0ffee"),
        ({"url": "ssh://git@example.com/a", "vcs_info": git}, "git+ssh://git@example.com/a@c0ffee"),
        (
            {"url": "https://example.com/a", "vcs_info": git, "subdirectory": "b"},
            "git+https://example.com/a@c0ffee#subdirectory=b",
        ),
    ):
        noted(monkeypatch, **written)
        assert again.by_uvx([]) == ["/bin/uvx", "--from", f"prediction-mcp[redis] @ {source}", NAME]
    noted(monkeypatch, url=(tmp_path / "gone.whl").as_uri(), archive_info={})
    assert again.by_uvx([]) is None
    assert entry({})["command"] == sys.executable
    for who in ("me:hunter2", "hunter2"):
        noted(monkeypatch, url=f"https://{who}@example.com/a", vcs_info=git)
        assert again.by_uvx([]) is None
        assert "hunter2" not in str(entry({}))


@pytest.mark.parametrize(
    "written",
    ['{"url": "https://exam', "[]", '{"dir_info": {}}', '{"url": "https://["}', '{"url": "a", "vcs_info": 1}'],
)
def test_a_note_of_the_installer_that_is_none_names_nothing(written: str, monkeypatch: pytest.MonkeyPatch) -> None:
    noted(monkeypatch)
    monkeypatch.setattr(again, "distribution", lambda _: SimpleNamespace(read_text=lambda _: written))
    assert again.by_uvx([]) is None
    assert entry({})["command"] == sys.executable


def test_by_python_it_starts_this_program() -> None:
    done = subprocess.run([*again.by_python(), "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("prediction-mcp ")


@pytest.mark.parametrize("there", [["uv", "uvx"], ["uv"], []])
def test_uv_is_found_by_what_it_runs(there: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without uvx on PATH, too."""
    for name in there:
        (tmp_path / name).touch()
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    monkeypatch.setenv("UV", str(tmp_path / "uv"))
    uv = str(tmp_path / "uv")
    assert again.launcher() == {2: [f"{uv}x"], 1: [uv, "tool", "run"], 0: []}[len(there)]
    made = entry({})
    assert [made["command"], *made["args"]][: len(there) and 1] == again.launcher()[:1]
    assert (made["args"] == ["-m", "prediction_mcp"]) == (not there)


@pytest.mark.parametrize(
    ("python", "stays"),
    [
        ("/home/ann/.local/share/pipx/venvs/prediction-mcp/bin/python", True),
        ("/home/ann/.local/share/uv/tools/prediction-mcp/bin/python", True),
        ("/home/ann/prediction-mcp/.venv/bin/python", True),
        ("/home/ann/.cache/pipx/3fa17c7f6f22130/bin/python", False),
        ("/home/ann/.cache/uv/archive-v0/JyLVJrWB3lXTRZp-/bin/python", False),
    ],
)
def test_what_is_thrown_away_with_a_cache_is_not_written(python: str, stays: bool) -> None:
    assert again.stays(python) == stays
    if stays:
        assert again.by_python(python)[0] == python
    else:
        with pytest.raises(SettingsError, match="pipx install prediction-mcp"):
            again.by_python(python)


def test_a_checkout_that_changed_is_built_anew() -> None:
    """Otherwise “uvx --from FOLDER” would go on starting what it built first."""
    root = Path(__file__).parents[2]
    keys = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["uv"]["cache-keys"]
    watched = {file for key in keys for file in root.glob(key["file"])}
    ours = {file for file in (root / "src").rglob("*") if file.is_file() and "__pycache__" not in file.parts}
    assert {file for file in ours if file not in watched} == {root / "src" / "prediction_mcp" / "py.typed"}
