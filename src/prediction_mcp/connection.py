"""From settings to an open account: its client, with the exchange it talks to. Knows nothing of MCP."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from loguru import logger

from prediction_mcp.kalshi.errors import AuthenticationError, CredentialsError
from prediction_mcp.net import deadline
from prediction_mcp.net.errors import PlatformError
from prediction_mcp.settings import Settings, SettingsError

if TYPE_CHECKING:
    from prediction_mcp.desk.catalogue import Progress
    from prediction_mcp.desk.kalshi.account import Account
    from prediction_mcp.desk.polymarket.account import Access
    from prediction_mcp.desk.polymarket.account import Account as PolymarketDesk
    from prediction_mcp.kalshi import KalshiClient
    from prediction_mcp.kalshi.auth import KeySigner
    from prediction_mcp.net.caching import ReadCache


LEARN_S = 4.0
"""Seconds that the first call waits for the account's rate limits."""
POLYMARKET_FEEDS = "wss://ws-subscriptions-clob.polymarket.com/ws"


@asynccontextmanager
async def connect(settings: Settings) -> AsyncIterator[KalshiClient]:
    """A client for the settings' environment; in paper mode with the exchange it talks to.

    Raises:
        CredentialsError: a key that can't be used.
    """
    from prediction_mcp.kalshi.client import DEMO_URL, LIVE_URL, KalshiClient

    async with AsyncExitStack() as stack:
        signer = _own_key(settings)
        if settings.runs_own_exchange:
            url, signer = await stack.enter_async_context(_own_exchange(settings))
        else:
            url = settings.base_url or (LIVE_URL if settings.env == "live" else DEMO_URL)
        budget, cache = _budget(settings, url, signer), _cache(settings, url, signer)
        client = await stack.enter_async_context(KalshiClient(url, signer, budget=budget, cache=cache))
        if client.has_key:
            try:
                async with deadline.within(LEARN_S, "The exchange didn't answer in time."):
                    await client.learn_limits()
            except AuthenticationError:
                raise
            except PlatformError as error:  # the smallest account's limits are safe until the exchange can be asked
                logger.warning("the account's rate limits are not known yet: {}", error)
        yield client


@asynccontextmanager
async def open_account(settings: Settings, progress: Progress | None = None) -> AsyncIterator[Account]:
    """The account that the settings name, open; closed with the block. Raises what :func:`connect` raises.

    Args:
        progress: told how far long work has come.
    """
    from prediction_mcp.desk.kalshi.account import Account

    account = Account(settings, lambda: connect(settings), progress=progress)
    try:
        yield await account.open()
    finally:
        await account.close()


@asynccontextmanager
async def open_both(settings: Settings) -> AsyncIterator[tuple[Account, PolymarketDesk]]:
    """The accounts of both platforms, one guard over them; closed with the block. The wallet isn't touched yet."""
    from prediction_mcp.desk.both import Both
    from prediction_mcp.desk.kalshi.account import Account
    from prediction_mcp.desk.kalshi.guarded import Guarded
    from prediction_mcp.desk.polymarket.account import Account as PolymarketDesk
    from prediction_mcp.desk.polymarket.guarded import Guarded as Wallet

    account = Account(settings, lambda: connect(settings))

    def both() -> Both:
        return Both(Guarded(account), Wallet(wallet))

    wallet = PolymarketDesk(settings, lambda: reach_polymarket(settings, account), account.records, both)
    account.beside = both
    try:
        yield account, wallet
    finally:
        await wallet.close()
        await account.close()


@asynccontextmanager
async def reach_polymarket(settings: Settings, account: Account) -> AsyncIterator[Access]:
    """Where Polymarket is: live, or the paper exchange's second front, that of the Kalshi account where it can be.

    Raises:
        SettingsError: where the paper exchange is kept can't be used.
    """
    from prediction_mcp.desk.polymarket.account import Access
    from prediction_mcp.polymarket.keys import paper_wallet, wallet_from_file
    from prediction_mcp.polymarket.parsing import URLS
    from prediction_mcp.polymarket.wallet import Wallet, WalletKind

    def wallet() -> Wallet:
        path = settings.polymarket_key_path
        if path is None:
            return paper_wallet(settings.paper_home / "polymarket.key" if settings.paper_keep else None)
        kind = WalletKind[settings.polymarket_wallet_kind.upper()]
        return wallet_from_file(path, kind, settings.polymarket_wallet)

    if settings.polymarket_env == "live":
        yield Access({**URLS, "ws": POLYMARKET_FEEDS}, wallet)
        return
    async with AsyncExitStack() as stack:
        base = settings.polymarket_url
        if base is None and settings.env == "paper" and settings.on_this_machine:
            base = f"{(await account.open()).kalshi.transport.base_url.partition('/trade-api')[0]}/polymarket"
        elif base is None:
            url, _ = await stack.enter_async_context(_own_exchange(settings))
            base = f"{url.partition('/trade-api')[0]}/polymarket"
        urls = {service: f"{base}/{service}" for service in URLS}
        yield Access({**urls, "ws": f"{base.replace('http', 'ws', 1)}/ws"}, wallet)


def _names(settings: Settings, url: str, signer: KeySigner | None) -> tuple[str, str]:
    """(exchange, account) without anything that is a secret: the same in all processes of this user."""
    if settings.runs_own_exchange:  # its address is another one each time
        url = str(settings.paper_home) if settings.paper_keep else url
    whole = f"{url}/{signer.key_id if signer else ''}"
    exchange, account = (hashlib.sha256(text.encode()).hexdigest()[:16] for text in (url, whole))
    return exchange, account


def _cache(settings: Settings, url: str, signer: KeySigner | None) -> ReadCache | None:
    """Where answers are kept for a moment: in memory, or in the Redis that servers of one user share."""
    from prediction_mcp.net.caching import ReadCache

    if settings.cache == "off":
        return None
    redis = None if settings.redis_url is None else settings.redis_url.get_secret_value()
    if redis is not None and find_spec("redis") is None:
        raise SettingsError("REDIS_URL needs the extra: install prediction-mcp[redis].")
    return ReadCache(*_names(settings, url, signer), redis)


def _budget(settings: Settings, url: str, signer: KeySigner | None) -> Path | None:
    """The folder of the account's token buckets, which all of this user's processes share; None where it can't be."""
    if settings.runs_own_exchange and not settings.paper_keep:
        return None
    _, account = _names(settings, url, signer)
    folder = settings.cache_folder / "budget" / account
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        logger.warning("rate limits aren't shared with other processes: {} can't be made ({})", folder, error.strerror)
        return None
    return folder


def _own_key(settings: Settings) -> KeySigner | None:
    """The signer that the settings name, or None when they name none."""
    from prediction_mcp.kalshi.auth import signer_from_file, signer_from_pem

    key_id = settings.api_key_id or ""
    if settings.private_key_path is not None:
        return signer_from_file(key_id, settings.private_key_path)
    if settings.private_key is not None:
        return signer_from_pem(key_id, settings.private_key.get_secret_value(), source="KALSHI_PRIVATE_KEY")
    if key_id:
        raise CredentialsError("KALSHI_API_KEY_ID is set but no private key: set KALSHI_PRIVATE_KEY_PATH too.")
    return None


@asynccontextmanager
async def _own_exchange(settings: Settings) -> AsyncIterator[tuple[str, KeySigner]]:
    """The user's paper exchange, in this process or one that was started before; yields its base URL and a key.

    Raises:
        SettingsError: where it is kept can't be used.
    """
    from prediction_mcp.exchange.disk.store import StoreError
    from prediction_mcp.exchange.fronts.serving import serve
    from prediction_mcp.exchange.home import Home, Terms, live_in, member_of
    from prediction_mcp.exchange.simulation import Exchange
    from prediction_mcp.kalshi.auth import signer_from_pem
    from prediction_mcp.kalshi.units import parse_dollars

    terms = Terms(settings.paper_seed, settings.paper_tier, parse_dollars(settings.paper_deposit))
    if settings.paper_keep:
        try:
            async with live_in(Home(settings.paper_home), terms) as (url, key_id, pem):
                yield url, signer_from_pem(key_id, pem)
        except StoreError as error:
            raise SettingsError(str(error)) from error
    else:
        exchange = Exchange(terms.seed)
        key_id, pem = exchange.issue_key(member_of(exchange, tier=terms.tier, deposit=terms.deposit))
        async with serve(exchange) as url:
            yield url, signer_from_pem(key_id, pem)
