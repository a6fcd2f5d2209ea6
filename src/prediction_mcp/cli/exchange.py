"""``prediction-mcp exchange``: the paper exchange as a program of its own."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from prediction_mcp.exchange.access import SCOPES, TIERS, KeyAlgorithm
from prediction_mcp.exchange.disk.store import Store, StoreError
from prediction_mcp.exchange.engine.ledger import Account
from prediction_mcp.exchange.faults import Rule
from prediction_mcp.exchange.fronts.polymarket.opening import Second, second_file
from prediction_mcp.exchange.fronts.serving import serve, serve_roots
from prediction_mcp.exchange.home import key_of, member_of
from prediction_mcp.exchange.simulation import Exchange
from prediction_mcp.exchange.world.clock import Clock
from prediction_mcp.kalshi.units import parse_dollars
from prediction_mcp.logs import configure_logging
from prediction_mcp.settings import SettingsError

from .output import show
from .shapes import Listening

VENUES = ("kalshi", "polymarket")


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
    scenario: str,
    speed: float,
    store_file: Path | None,
    weekly: bool,
    venue: str = "kalshi",
    roots: int | None = None,
    as_json: bool = False,
) -> None:
    """Serve until interrupted. The private key is for this user alone; without a store it is removed at the end."""
    micros = _check(tier, deposit, algorithm, scopes)
    if venue not in VENUES:
        raise SettingsError(f"There is no venue {venue!r}: take {' or '.join(VENUES)}.")
    configure_logging("WARNING")
    try:
        rules = [Rule.parse(text) for text in faults]
        with contextlib.ExitStack() as undo:
            store = Store(store_file)
            undo.callback(store.close)
            simulation = Exchange(seed, Clock(store.last_ms or None, speed), store, scenario)
            undo.pop_all()
    except (ValueError, StoreError) as error:
        raise SettingsError(f"{str(error).removesuffix('.')}.") from None
    simulation.faults.rules[:] = rules
    simulation.hours.weekly = weekly
    try:
        kind: KeyAlgorithm = "rsa" if algorithm == "rsa" else "ed25519"
        await _serve(
            simulation, port, tier, micros, kind, scopes, key_file,
            with_crowd=with_crowd, venue=venue, roots=roots, as_json=as_json,
        )  # fmt: skip
        simulation.sync()
    finally:
        simulation.store.close()


async def _serve(
    simulation: Exchange,
    port: int,
    tier: str,
    deposit: int,
    algorithm: KeyAlgorithm,
    scopes: frozenset[str],
    key_file: Path | None,
    *,
    with_crowd: bool,
    venue: str,
    roots: int | None,
    as_json: bool,
) -> None:
    member = member_of(simulation, tier=tier, deposit=deposit)
    key_id, path = _key(simulation, member, algorithm, scopes, key_file)
    stop = asyncio.Event()
    for signum in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(signum, stop.set)
    try:
        async with contextlib.AsyncExitStack() as stack:
            second = _second(simulation)
            alone: dict[str, str] = {}
            with _usable(port, "--port"):
                serving = serve(simulation, port=port, with_crowd=with_crowd, second=second)
                url = await stack.enter_async_context(serving)
            if roots is not None:
                with _usable(roots, "--roots"):
                    alone = await stack.enter_async_context(serve_roots(second, roots))
            found = _second_at(url, alone) if venue == "polymarket" else _first_at(url, key_id, path)
            kept = "keeps" if simulation.store.is_durable else "removes"
            _announce(
                found, f"Any Kalshi client can be pointed at it; Ctrl-C ends it and {kept} the key.", as_json=as_json
            )
            await stop.wait()
    finally:
        if not simulation.store.is_durable:
            path.unlink(missing_ok=True)


@contextlib.contextmanager
def _usable(port: int, option: str) -> Iterator[None]:
    """Raise SettingsError where the block can't use the port or the exchange's file."""
    try:
        yield
    except StoreError as error:
        raise SettingsError(str(error)) from None
    except OSError as error:
        raise SettingsError(f"Port {port} can't be used ({error.strerror}): choose another with {option}.") from None


def _second(simulation: Exchange) -> Second:
    """The Polymarket front beside it, kept in a file of its own where the exchange is kept."""
    path = simulation.store.path
    return Second(simulation, None if path is None else lambda: Store(second_file(path)))


def _first_at(url: str, key_id: str, path: Path) -> Listening:
    netloc = urlsplit(url).netloc
    addresses = {"base URL": url, "WebSocket URL": f"ws://{netloc}/trade-api/ws/v2"}
    return Listening(venue="kalshi", addresses=addresses, key={"key id": key_id, "private key": str(path)})


def _second_at(url: str, alone: dict[str, str]) -> Listening:
    netloc = urlsplit(url).netloc
    base = f"http://{netloc}/polymarket"
    addresses = {
        "Gamma URL": f"{base}/gamma", "CLOB URL": f"{base}/clob", "Data API URL": f"{base}/data",
        "feeds": f"ws://{netloc}/polymarket/ws/market and /user",
    }  # fmt: skip
    names = {"gamma": "Gamma root", "clob": "CLOB root", "data": "Data root"}
    addresses |= {names[service]: address for service, address in alone.items()}
    return Listening(venue="polymarket", addresses=addresses, key={})


def _announce(found: Listening, last: str, *, as_json: bool) -> None:
    if found.venue == "polymarket":
        last = "Any Polymarket client can be pointed at it; a wallet that makes an API key is a member. Ctrl-C ends it."
    lines = [f"{name:13}  {value}" for name, value in {**found.addresses, **found.key}.items()]
    with contextlib.suppress(BrokenPipeError):
        if as_json:
            show(found, as_json=True)
        else:
            sys.stdout.write("\n".join([*lines, last]) + "\n")
        sys.stdout.flush()


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


def _key(
    simulation: Exchange, member: Account, algorithm: KeyAlgorithm, scopes: frozenset[str], key_file: Path | None
) -> tuple[str, Path]:
    """(key id, file): a key that was kept with the store, else a new one that only this user can read."""
    path = key_file
    if path is None and simulation.store.path is not None:
        path = simulation.store.path.with_suffix(".pem")
    if path is None:
        path = Path(tempfile.gettempdir()) / f"paper-{uuid.uuid4()}.pem"
    try:
        if not simulation.store.is_durable and path.exists():
            raise FileExistsError
        return key_of(simulation, member, path, algorithm, scopes)[0], path
    except FileExistsError:
        raise SettingsError(f"{path} exists already and is not overwritten: choose another --key-file.") from None
    except OSError as error:
        raise SettingsError(f"{path} can't be written ({error.strerror}).") from None
