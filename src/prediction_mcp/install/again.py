"""How this program is started again, later and by others: clients, the system.

An environment in a cache (``uvx``, ``pipx run``) is thrown away one day: what lies there is never written down, but the
command that makes it anew.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

from prediction_mcp.settings import SettingsError

PACKAGE = "prediction-mcp"
TOOLSETS = {"polymarket": "polymarket", "across": "polymarket", "automation": "automation"}
"""Which extra a toolset needs."""
EXTRAS = {
    "automation": "docket",
    "data": "pyarrow",
    "polymarket": "coincurve",
    "postgres": "asyncpg",
    "redis": "redis",
    "socks": "socksio",
}
"""A module of each extra, by which it is known to be here."""
_IN_CACHE = re.compile(r"(archive|environments|builds)-v\d+")
"""Folders of uv's cache."""


def stays(python: str = sys.executable) -> bool:
    """Whether this installation is one that nobody throws away."""
    parts = Path(python).parts
    pipx_run = "pipx" in parts and "venvs" not in parts
    return not pipx_run and not any(_IN_CACHE.fullmatch(part) for part in parts)


def by_python(python: str = sys.executable) -> list[str]:
    """Raises SettingsError for an installation that is thrown away."""
    if not stays(python):
        raise SettingsError(
            f"This installation lies in a cache, and goes with it: “pipx install {PACKAGE}” first, or get uv."
        )
    return [python, "-m", "prediction_mcp"]


def lasting(toolsets: Iterable[str]) -> list[str]:
    """For the system: by this Python where it stays, so that nothing has to be fetched to start; else by uvx."""
    return by_python() if stays() else by_uvx(toolsets) or by_python()


def by_uvx(toolsets: Iterable[str]) -> list[str] | None:
    """By uvx from where this was installed, with the extras that are here or needed.

    None where there is no uvx, or what this was installed from can't be named: the bare name would be whatever an index
    has under it.
    """
    extras = {TOOLSETS[name] for name in toolsets if name in TOOLSETS}
    extras |= {extra for extra, module in EXTRAS.items() if find_spec(module) is not None}
    where = f"[{','.join(sorted(extras))}]" if extras else ""
    uvx, origin = launcher(), _origin()
    if not uvx or origin is None:
        return None
    if not origin:
        return [*uvx, "--from", f"{PACKAGE}{where}", PACKAGE] if where else [*uvx, PACKAGE]
    return [*uvx, "--from", f"{PACKAGE}{where} @ {origin}", PACKAGE]


def launcher() -> list[str]:
    """uvx by its whole path, since clients with windows know no PATH; also where it is on none, but uv runs this."""
    if found := shutil.which("uvx"):
        return [found]
    uv = os.environ.get("UV")  # uv tells what it runs where it is itself
    if not uv or not Path(uv).is_file():
        return []
    beside = Path(uv).with_stem("uvx")
    return [str(beside)] if beside.is_file() else [uv, "tool", "run"]


def _origin() -> str | None:
    """What this was installed from, as the installer wrote it down (PEP 610); empty for an index.

    None where it is gone or the note can't be read, and where a password is in the address, which is written nowhere.
    """
    try:
        text = distribution(PACKAGE).read_text("direct_url.json")
    except PackageNotFoundError:
        return None
    if not text:
        return ""
    try:
        noted = json.loads(text)
        url, vcs = str(noted["url"]), noted.get("vcs_info")
        source = f"{vcs['vcs']}+{url}@{vcs['commit_id']}" if vcs else url  # the very commit: another is another program
        parts = urlsplit(url)
    except (ValueError, KeyError, TypeError, AttributeError):  # cut in half, or not by PEP 610
        return None
    if parts.password or (parts.username and parts.scheme.startswith("http")):
        return None
    if parts.scheme == "file" and not Path(url2pathname(unquote(parts.path))).exists():
        return None
    return f"{source}#subdirectory={noted['subdirectory']}" if noted.get("subdirectory") else source
