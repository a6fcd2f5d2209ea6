"""Where each client keeps its servers, and how one stands there. Paths of Linux, macOS and Windows."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from prediction_mcp.settings import SettingsError

from . import jsonc

Client = Literal["claude-desktop", "claude-code", "cursor", "vscode", "gemini", "codex", "json"]
Entry = dict[str, Any]
NAMED = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")


@dataclass(frozen=True, slots=True)
class Kind:
    """One client: its name for people, the object of its file that has servers, whether it says that they are stdio."""

    title: str
    under: str
    typed: bool = False

    def put(self, text: str, name: str, entry: Entry) -> str:
        """The file with our server in it, all else as it was. Raises ValueError."""
        whole = {"type": "stdio", **entry} if self.typed else entry
        return jsonc.put(text, (self.under, name), whole)

    def drop(self, text: str, name: str) -> str:
        return jsonc.drop(text, (self.under, name))

    def servers(self, text: str) -> dict[str, Any]:
        """All servers of a file. Raises ValueError."""
        found = self.read(text).get(self.under) or {}
        return found if isinstance(found, dict) else {}

    def read(self, text: str) -> dict[str, Any]:
        value = jsonc.read(text).value if text.strip() else {}
        if not isinstance(value, dict):
            raise jsonc.UnreadableError("it holds no object")
        return value


class Toml(Kind):
    """Codex: tables of TOML, ours at the end."""

    def put(self, text: str, name: str, entry: Entry) -> str:
        body = self.drop(text, name)
        end = "\r\n" if "\r\n" in text else "\n"
        if body and not body.endswith(("\n\n", "\r\n\r\n")):
            body += end if body.endswith("\n") else end * 2
        lines = [f"[{self.under}.{name}]", *(f"{key} = {json.dumps(entry[key])}" for key in ("command", "args"))]
        if entry.get("env"):
            lines += ["", f"[{self.under}.{name}.env]", *(f"{k} = {json.dumps(v)}" for k, v in entry["env"].items())]
        return body + "".join(line + end for line in lines)

    def drop(self, text: str, name: str) -> str:
        ours = re.compile(rf"\s*\[\s*{self.under}\s*\.\s*\"?{re.escape(name)}\"?\s*(\.[^\]]*)?\]\s*(#.*)?")
        kept, inside = list[str](), False
        for line in text.splitlines(keepends=True):
            if line.lstrip().startswith("["):
                inside = ours.fullmatch(line.rstrip("\r\n")) is not None
            if not inside:
                kept.append(line)
        return "".join(kept)

    def read(self, text: str) -> dict[str, Any]:
        return tomllib.loads(text)


KINDS: dict[str, Kind] = {
    "claude-desktop": Kind("Claude Desktop", "mcpServers"),
    "claude-code": Kind("Claude Code", "mcpServers", typed=True),
    "cursor": Kind("Cursor", "mcpServers"),
    "vscode": Kind("VS Code", "servers", typed=True),
    "gemini": Kind("Gemini CLI", "mcpServers"),
    "codex": Toml("Codex", "mcp_servers"),
}


def place(client: str, home: Path, system: str, environment: Mapping[str, str]) -> Path:
    """The file of a client's servers, for this user. ``system`` is as sys.platform names it."""
    if system == "darwin":
        apps = home / "Library" / "Application Support"
    elif system == "win32":
        apps = Path(environment.get("APPDATA") or home / "AppData" / "Roaming")
    else:
        apps = Path(environment.get("XDG_CONFIG_HOME") or home / ".config")
    codex = Path(environment.get("CODEX_HOME") or home / ".codex")
    return {
        "claude-desktop": apps / "Claude" / "claude_desktop_config.json",
        "claude-code": Path(environment["CLAUDE_CONFIG_DIR"]) / ".claude.json"
        if environment.get("CLAUDE_CONFIG_DIR") else home / ".claude.json",
        "cursor": home / ".cursor" / "mcp.json",
        "vscode": apps / "Code" / "User" / "mcp.json",
        "gemini": home / ".gemini" / "settings.json",
        "codex": codex / "config.toml",
    }[client]  # fmt: skip


def checked_name(name: str) -> str:
    if not NAMED.fullmatch(name):
        raise SettingsError("The server's name must be letters, digits, - and _, 40 at most.")
    return name
