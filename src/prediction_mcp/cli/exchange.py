"""``prediction-mcp exchange``: the paper exchange as a program of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from prediction_mcp.exchange.access import SCOPES, TIERS, KeyAlgorithm
from prediction_mcp.exchange.faults import Rule
from prediction_mcp.exchange.serving import serve
from prediction_mcp.exchange.simulation import Exchange
from prediction_mcp.kalshi.units import parse_dollars
from prediction_mcp.logs import configure_logging
from prediction_mcp.settings import SettingsError


async def run(
    *,
    port: int,
    seed: int,
    tier: str,
    deposit: str,
    algorithm: str,
    scopes: frozenset[str],
    key_file: Path | None,
    with_crowd: bool,
    faults: list[str],
) -> None:
    """Serve until interrupted. The private key is written for this user alone and removed at the end."""
    micros = _check(tier, deposit, algorithm, scopes)
    configure_logging("WARNING")
    simulation = Exchange(seed=seed)
    try:
        simulation.faults.rules[:] = [Rule.parse(text) for text in faults]
    except ValueError as error:
        raise SettingsError(f"{error}.") from None
    member = simulation.add_member(tier=tier, deposit=micros)
    kind: KeyAlgorithm = "rsa" if algorithm == "rsa" else "ed25519"
    key_id, pem = simulation.issue_key(member, kind, scopes)
    path = _write_key(pem, key_file)
    stop = asyncio.Event()
    for signum in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(signum, stop.set)
    try:
        try:
            serving = serve(simulation, port=port, with_crowd=with_crowd)
            url = await serving.__aenter__()
        except OSError as error:
            raise SettingsError(f"Port {port} can't be used ({error.strerror}): choose another with --port.") from None
        try:
            _announce(url, key_id, path)
            await stop.wait()
        finally:
            await serving.__aexit__(None, None, None)
    finally:
        path.unlink(missing_ok=True)


def _check(tier: str, deposit: str, algorithm: str, scopes: frozenset[str]) -> int:
    if tier not in TIERS:
        raise SettingsError(f"There is no tier {tier!r}: take one of {', '.join(TIERS)}.")
    if algorithm not in ("ed25519", "rsa"):
        raise SettingsError(f"There is no key algorithm {algorithm!r}: take ed25519 or rsa.")
    if not scopes or not scopes <= SCOPES:
        raise SettingsError(f"Scopes are {' and '.join(sorted(SCOPES))}.")
    try:
        micros = parse_dollars(deposit)
    except ValueError as error:
        raise SettingsError(f"The deposit can't be used: {error}.") from None
    if micros <= 0 or micros % 10_000:
        raise SettingsError("The deposit must be positive, in whole cents.")
    return micros


def _write_key(pem: str, key_file: Path | None) -> Path:
    """Write the key so that only this user can ever read it, not even for a moment."""
    if key_file is None:
        handle, name = tempfile.mkstemp(prefix="paper-", suffix=".pem")
        path = Path(name)
    else:
        path = key_file
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            raise SettingsError(f"{path} exists already and is not overwritten: choose another --key-file.") from None
        except OSError as error:
            raise SettingsError(f"{path} can't be written ({error.strerror}).") from None
    with os.fdopen(handle, "w") as file:
        file.write(pem)
    return path


def _announce(url: str, key_id: str, path: Path) -> None:
    parts = urlsplit(url)
    lines = (
        f"base URL       {url}",
        f"WebSocket URL  ws://{parts.netloc}/trade-api/ws/v2",
        f"key id         {key_id}",
        f"private key    {path}",
        "Any Kalshi client can be pointed at it; Ctrl-C ends it and removes the key.",
    )
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()
