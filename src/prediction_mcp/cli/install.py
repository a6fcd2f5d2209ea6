"""Into a client: the change shown, asked about, written with a copy of what was; taken out again."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from .output import ask, show

Json = Annotated[bool, typer.Option("--json", help="Nothing but JSON; see “prediction-mcp schema”.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask: you said yes to the change with this.")]


def install(
    client: Annotated[
        Literal["claude-desktop", "claude-code", "cursor", "vscode", "gemini", "codex", "json"],
        typer.Argument(help="Whose settings; json prints what to put into any other's."),
    ],
    env: Annotated[Literal["paper", "demo", "live"] | None, typer.Option(help="Paper money without it.")] = None,
    key_id: Annotated[str | None, typer.Option(help="Of your API key at Kalshi.")] = None,
    key_file: Annotated[Path | None, typer.Option(help="Its private key; only the path is written.")] = None,
    toolsets: Annotated[str | None, typer.Option(help="Toolsets beside the 52, separated by commas.")] = None,
    setting: Annotated[list[str] | None, typer.Option("--set", help="Another setting, NAME=value; repeatable.")] = None,
    name: Annotated[str, typer.Option(help="What the server is called there.")] = "prediction-mcp",
    uninstall: Annotated[bool, typer.Option("--uninstall", help="Take it out again.")] = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Put this server into a client's settings: shown first, written on your yes, with a copy of what was there."""
    from prediction_mcp.install import writing
    from prediction_mcp.install.clients import KINDS, checked_name, place
    from prediction_mcp.install.entry import entry

    checked_name(name)
    if client == "json":
        made = {"mcpServers": {name: entry(_settings(env, key_id, key_file, toolsets, setting))}}
        sys.stdout.write(json.dumps(made, indent=None if as_json else 2, ensure_ascii=False) + "\n")
        return
    kind, file = KINDS[client], place(client, Path.home(), sys.platform, os.environ)
    if uninstall:
        change = writing.removing(kind, file, name)
    else:
        change = writing.installing(kind, file, name, entry(_settings(env, key_id, key_file, toolsets, setting)))
    if change.needed:
        sys.stderr.write(change.diff)
        if not yes:
            ask("Write this?", as_json=as_json)
        writing.carry_out(change)
    if uninstall:
        writing.cleared(file)
    done = {"client": client, "file": str(file), "installed": not uninstall, "changed": change.needed}
    show(done | {"note": _note(kind.title, changed=change.needed, uninstall=uninstall)}, as_json=as_json)


def _settings(
    env: str | None, key_id: str | None, key: Path | None, toolsets: str | None, more: list[str] | None
) -> dict[str, str]:
    from prediction_mcp.install.entry import key_file
    from prediction_mcp.settings import SettingsError, load_settings

    given = {"KALSHI_ENV": env, "KALSHI_API_KEY_ID": key_id, "TOOLSETS": toolsets}
    if key is not None:
        given["KALSHI_PRIVATE_KEY_PATH"] = key_file(key)
    for text in more or []:
        word, sign, value = text.partition("=")
        if not sign:
            raise SettingsError(f"--set takes NAME=value, not {text!r}.")
        given[word.strip().upper()] = value
    if (key_id is None) != (key is None):
        raise SettingsError("A key is its id and its file: give --key-id and --key-file, or neither.")
    found = {word: value for word, value in given.items() if value is not None}
    load_settings(**found)  # what the server would refuse isn't written
    return found


def _note(title: str, *, changed: bool, uninstall: bool) -> str:
    if not changed:
        return f"{title} has it {'no more' if uninstall else 'already'}; nothing was written."
    return f"Restart {title}." if uninstall else f"Restart {title}, then ask: “What can I trade?”"
