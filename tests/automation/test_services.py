"""The worker as a service of each system: shown, written, taken away; no secret in it, nothing left behind."""

from __future__ import annotations

import os
import plistlib
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from prediction_mcp.automation import services
from prediction_mcp.settings import SettingsError, secret_names
from prediction_mcp.settings.accounts import read_env_file

SYSTEMS = ["linux", "darwin", "win32"]
ENVIRONMENT = {
    "KALSHI_ENV": "demo", "KALSHI_API_KEY_ID": 'odd "id" 100% $HOME', "NOTIFY_URLS": "ntfy://hunter2",
    "HTTP_TOKEN": "hunter2",
    "KALSHI_PRIVATE_KEY": "hunter2", "DATABASE_URL": "postgresql://hunter2@x/y", "PATH": "/of/no/use", "SHELL": "x",
}  # fmt: skip


def of(system: str) -> dict[str, str]:
    """Windows' command line reads some characters: there the odd ones are refused."""
    return ENVIRONMENT | ({"KALSHI_API_KEY_ID": "plain"} if system == "win32" else {})


def tree(folder: Path) -> dict[str, bytes | None]:
    """Everything below a folder, byte for byte."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("before", [[], [".config/systemd/user/other.service", "Library/LaunchAgents/x", "AppData/y"]])
def test_twice_written_and_taken_away_leaves_nothing(system: str, before: list[str], tmp_path: Path) -> None:
    for name in before:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("somebody's")
    was = tree(tmp_path)
    made = services.service(of(system), tmp_path, system)
    services.write(made)
    written = tree(tmp_path)
    services.write(made)
    assert tree(tmp_path) == written != was
    assert services.remove(made.path)
    assert tree(tmp_path) == was
    assert not services.remove(made.path)


@pytest.mark.parametrize("system", SYSTEMS)
def test_no_secret_is_written(system: str, tmp_path: Path) -> None:
    made = services.service(of(system), tmp_path, system)
    assert "hunter2" not in made.content
    assert set(made.aside) == {"NOTIFY_URLS", "HTTP_TOKEN", "KALSHI_PRIVATE_KEY", "DATABASE_URL"}
    assert "/of/no/use" not in made.content
    assert secret_names() >= {"REDIS_URL", "KALSHI_PRIVATE_KEY"}


def test_the_forms_can_be_read(tmp_path: Path) -> None:
    agent = plistlib.loads(services.service(ENVIRONMENT, tmp_path, "darwin").content.encode())
    assert agent["EnvironmentVariables"]["KALSHI_API_KEY_ID"] == ENVIRONMENT["KALSHI_API_KEY_ID"]
    assert agent["ProgramArguments"][-3:-1] == ["worker", "--env-file"]
    ET.fromstring(services.service(of("win32"), tmp_path, "win32").content)  # noqa: S314 - our own


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    made = services.service(ENVIRONMENT, tmp_path, "linux")
    services.write(made)
    command = ["systemd-analyze", "verify", "--user", str(made.path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "prediction-mcp-worker" not in done.stderr, done.stderr


def test_what_isnt_ours_is_left_alone(tmp_path: Path) -> None:
    made = services.service({}, tmp_path, "linux")
    made.path.parent.mkdir(parents=True)
    made.path.write_text("mine")
    with pytest.raises(SettingsError, match="isn't this program's"):
        services.write(made)
    with pytest.raises(SettingsError, match="isn't this program's"):
        services.remove(made.path)
    assert made.path.read_text() == "mine"


@pytest.mark.parametrize("value", ["a\nExecStart=/bin/sh", "a\x00", "a\r"])
def test_a_setting_begins_no_line_of_its_own(value: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="KALSHI_API_KEY_ID"):
        services.service({"KALSHI_API_KEY_ID": value}, tmp_path, "linux")


def test_a_setting_is_no_command_of_windows(tmp_path: Path) -> None:
    for value in ('x"&calc&"', "%PATH%", "a|b"):
        with pytest.raises(SettingsError, match="KALSHI_API_KEY_ID"):
            services.service({"KALSHI_API_KEY_ID": value}, tmp_path, "win32")
        with pytest.raises(SettingsError, match="somewhere else"):
            services.service({}, tmp_path, "win32", [value, "-m", "prediction_mcp"])


def test_an_env_file_open_to_others_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "worker.env"
    assert read_env_file(file) == {}
    file.write_text("NOTIFY_URLS=ntfy://x\nKALSHI_ENV=paper\n")
    file.chmod(0o644)
    with pytest.raises(SettingsError, match="open to others"):
        read_env_file(file)
    file.chmod(0o600)
    assert read_env_file(file) == {"NOTIFY_URLS": "ntfy://x", "KALSHI_ENV": "paper"}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="of Linux")
def test_the_commands_leave_the_home_as_it_was(tmp_path: Path) -> None:
    """Where no systemd runs for the user, that is said and the file is there all the same."""
    (tmp_path / "mine").write_text("x")
    was, environment = tree(tmp_path), {**os.environ, "HOME": str(tmp_path), "KALSHI_ENV": "paper"}
    environment.pop("DBUS_SESSION_BUS_ADDRESS", None)
    environment.pop("XDG_RUNTIME_DIR", None)
    for command, installed in (("install", True), ("uninstall", False)):
        done = subprocess.run(
            [sys.executable, "-m", "prediction_mcp", "worker", command, "--yes", "--json"], env=environment,
            capture_output=True, text=True, check=False, cwd=tmp_path,
        )  # fmt: skip
        assert f'"installed": {str(installed).lower()}' in done.stdout, done.stderr
        assert (tmp_path / ".config/systemd/user/prediction-mcp-worker.service").exists() is installed
    assert tree(tmp_path) == was
