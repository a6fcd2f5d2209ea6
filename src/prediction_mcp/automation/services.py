"""A worker that the system keeps running between conversations: a systemd user unit, a launchd agent, a Windows task.

What is written is known before it is: one file, and the commands that tell the system of it. Secrets are never in that
file: they stand in ``worker.env`` beside the settings, which only its owner can read and which nobody but the person
writes.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from prediction_mcp.settings import Settings, SettingsError, secret_names

NAME = "prediction-mcp-worker"
LABEL = "io.prediction-mcp.worker"
MADE = "made for it: "
"""How the file remembers folders that weren't there before."""
ENV_FILE = "worker.env"
PATIENCE_S = 30
READ_BY_CMD = frozenset('"%^&|<>!')
"""What Windows' command line doesn't take as it stands."""


@dataclass(frozen=True, slots=True)
class Service:
    """What is to be written where, and which commands begin and end it. ``aside`` are secrets that it leaves out."""

    path: Path
    content: str
    begin: tuple[tuple[str, ...], ...]
    end: tuple[tuple[str, ...], ...]
    aside: tuple[str, ...]
    env_file: Path


def service(
    environment: Mapping[str, str] | None = None,
    home: Path | None = None,
    system: str = sys.platform,
    command: Sequence[str] = (sys.executable, "-m", "prediction_mcp"),
) -> Service:
    """The worker as this system's service, with the settings of the environment.

    Raises:
        SettingsError: a setting holds a line end, or this system has no such services.
    """
    environment = os.environ if environment is None else environment
    home = Path.home() if home is None else home
    known, hidden = {str(field.alias) for field in Settings.model_fields.values()}, secret_names()
    mine = {name: value for name, value in environment.items() if name in known}
    if odd := sorted(name for name, value in mine.items() if any(ord(c) < 32 for c in value)):
        raise SettingsError(f"{', '.join(odd)} holds a line end or another control character: that can't be written.")
    settings = {name: value for name, value in sorted(mine.items()) if name not in hidden}
    env_file = home / ".config" / "prediction-mcp" / ENV_FILE
    begin: tuple[tuple[str, ...], ...]
    end: tuple[tuple[str, ...], ...]
    call = (*command, "worker", "--env-file", str(env_file))
    if system.startswith("linux"):
        path, text = home / ".config/systemd/user" / f"{NAME}.service", _unit
        begin = (("systemctl", "--user", "daemon-reload"), ("systemctl", "--user", "enable", "--now", NAME))
        end = (("systemctl", "--user", "disable", "--now", NAME),)
    elif system == "darwin":
        path, text = home / "Library/LaunchAgents" / f"{LABEL}.plist", _agent
        begin = (("launchctl", "bootstrap", f"gui/{_user()}", str(path)),)
        end = (("launchctl", "bootout", f"gui/{_user()}/{LABEL}"),)
    elif system == "win32":
        if odd := sorted(name for name, value in settings.items() if set(value) & READ_BY_CMD):
            raise SettingsError(
                f"{', '.join(odd)} holds a character that Windows' command line reads: put it into {env_file}."
            )
        if odd := sorted(part for part in call if set(part) & READ_BY_CMD):
            raise SettingsError(
                f"{', '.join(odd)} holds a character that Windows' command line reads: install it somewhere else."
            )
        path, text = home / "AppData/Local/prediction-mcp" / f"{NAME}.xml", _task
        begin = (("schtasks", "/create", "/tn", NAME, "/xml", str(path)), ("schtasks", "/run", "/tn", NAME))
        end = (("schtasks", "/end", "/tn", NAME), ("schtasks", "/delete", "/f", "/tn", NAME))
    else:
        raise SettingsError(f"No service is known for {system}: run “prediction-mcp worker” as you run others there.")
    made = [str(folder) for folder in reversed(path.parents) if not folder.exists()]
    content = text(call, settings, f"{MADE}{shlex.join(made)}")
    return Service(path, content, begin, end, tuple(sorted(mine.keys() & hidden)), env_file)


def _user() -> int:
    return os.getuid() if hasattr(os, "getuid") else 0


def _unit(call: tuple[str, ...], settings: Mapping[str, str], made: str) -> str:
    def quoted(text: str) -> str:
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%") + '"'

    lines = [f"Environment={quoted(f'{name}={value}')}" for name, value in settings.items()]
    start = " ".join(quoted(part).replace("$", "$$") for part in call)
    return "\n".join([
        f"# {made}", "[Unit]", "Description=prediction-mcp: alerts and standing orders", "After=network-online.target",
        "",
        "[Service]", f"ExecStart={start}", *lines, "Restart=on-failure", "RestartSec=10", "TimeoutStopSec=20",
        "KillSignal=SIGTERM", "", "[Install]", "WantedBy=default.target", "",
    ])  # fmt: skip


def _agent(call: tuple[str, ...], settings: Mapping[str, str], made: str) -> str:
    def strings(parts: Iterable[str]) -> str:
        return "".join(f"<string>{escape(part)}</string>" for part in parts)

    pairs = "".join(f"<key>{escape(n)}</key><string>{escape(v)}</string>" for n, v in settings.items())
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<!-- {escape(made).replace('--', '- -')} -->\n"
        '<plist version="1.0"><dict>\n'
        f"<key>Label</key><string>{LABEL}</string>\n"
        f"<key>ProgramArguments</key><array>{strings(call)}</array>\n"
        f"<key>EnvironmentVariables</key><dict>{pairs}</dict>\n"
        "<key>RunAtLoad</key><true/>\n<key>KeepAlive</key><true/>\n"
        "</dict></plist>\n"
    )


def _task(call: tuple[str, ...], settings: Mapping[str, str], made: str) -> str:
    """Windows tasks have no environment of their own: the settings go before the command."""
    sets = "".join(f'set "{name}={value}"&& ' for name, value in settings.items())
    command = escape(f'/c "{sets}{subprocess.list2cmdline(call)}"')
    return (
        '<?xml version="1.0"?>\n'
        f"<!-- {escape(made).replace('--', '- -')} -->\n"
        '<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">\n'
        "<Triggers><LogonTrigger><Enabled>true</Enabled></LogonTrigger></Triggers>\n"
        "<Settings><ExecutionTimeLimit>PT0S</ExecutionTimeLimit>"
        "<RestartOnFailure><Interval>PT1M</Interval><Count>999</Count></RestartOnFailure></Settings>\n"
        f"<Actions><Exec><Command>cmd.exe</Command><Arguments>{command}</Arguments></Exec></Actions>\n"
        "</Task>\n"
    )


def write(made: Service) -> None:
    """Write the file. Raises SettingsError where one is there that isn't ours, or where it can't be."""
    if made.path.exists() and MADE not in made.path.read_text(encoding="utf-8", errors="replace"):
        raise SettingsError(f"{made.path} is there and isn't this program's: move it away first.")
    try:
        made.path.parent.mkdir(parents=True, exist_ok=True)
        draft = made.path.with_suffix(".new")
        draft.write_text(made.content, encoding="utf-8")
        draft.replace(made.path)
    except OSError as error:
        raise SettingsError(f"{made.path} can't be written ({error.strerror}).") from None


def remove(path: Path) -> bool:
    """Take the file away, and the folders that were made for it, if they are empty; whether there was one."""
    if not path.exists():
        return False
    text = path.read_text(encoding="utf-8", errors="replace")
    if MADE not in text:
        raise SettingsError(f"{path} isn't this program's: it is left alone.")
    listed = text.partition(MADE)[2].splitlines()[0].removesuffix(" -->").replace("- -", "--")
    path.unlink()
    for folder in reversed(shlex.split(listed)):
        try:
            Path(folder).rmdir()
        except OSError:  # somebody else has put something there since
            break
    return True


def run(commands: Iterable[tuple[str, ...]]) -> list[str]:
    """Tell the system; what went wrong, in words. A later one isn't tried after a failure."""
    for command in commands:
        try:
            done = subprocess.run(  # noqa: S603 - our own words
                command, capture_output=True, text=True, timeout=PATIENCE_S, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return [f"{command[0]} can't be run here ({error}): run “{shlex.join(command)}” yourself."]
        if done.returncode:
            said = " ".join((done.stderr or done.stdout).split())[:200]
            return [f"“{shlex.join(command)}” failed: {said}"]
    return []
