"""Orders a second through Polymarket's front: signed by wallets, requests signed by keys, all of it checked.

The exchange runs in its own process, with and without a file; four clients on keep-alive connections send orders that
were signed before, since the client's signing is another benchmark's matter. The parts of one order, measured in the
same run, say what dominates; the reference is the engine alone with the same orders.

    python benchmarks/polymarket_orders.py [seconds]
"""

from __future__ import annotations

import asyncio
import multiprocessing
import secrets
import sys
import tempfile
import time
from collections.abc import Callable
from decimal import Decimal
from multiprocessing.connection import Connection
from pathlib import Path
from urllib.parse import urlsplit

from prediction_mcp.exchange.disk.store import Store
from prediction_mcp.exchange.engine.engine import Engine
from prediction_mcp.exchange.engine.ledger import Account
from prediction_mcp.exchange.engine.matching import BID
from prediction_mcp.exchange.fronts.polymarket import signing
from prediction_mcp.exchange.fronts.polymarket.opening import Second
from prediction_mcp.exchange.fronts.serving import serve
from prediction_mcp.exchange.simulation import Exchange
from prediction_mcp.kalshi.units import CENT_GRID, MICROS
from prediction_mcp.polymarket.account import api_key
from prediction_mcp.polymarket.fees import TakerFees
from prediction_mcp.polymarket.orders import Terms, amounts, sign
from prediction_mcp.polymarket.wallet import ApiKey, Wallet

CLIENTS = 4
TERMS = Terms(Decimal("0.01"))


def run_exchange(pipe: Connection, folder: Path | None) -> None:
    asyncio.run(_serve(pipe, folder))


async def _serve(pipe: Connection, folder: Path | None) -> None:
    first = Exchange(1, store=Store(None if folder is None else folder / "a.db"))
    second = Second(first, None if folder is None else lambda: Store(folder / "b.db"))
    exchange = second.exchange()
    market = next(
        m for m in exchange.catalogue.markets.values()
        if m.status == "active" and not m.event.exclusive and m.structure == "0.01"
        and m.question is not None and not m.question.delays_takers and not m.question.seconds_delay
    )  # fmt: skip
    from prediction_mcp.exchange.second import tokens_of

    async with serve(first, with_crowd=False, second=second) as url:
        pipe.send((url, tokens_of(market)[0]))
        await asyncio.to_thread(pipe.recv)


def signed(wallet: Wallet, key: ApiKey, token: str, number: int) -> list[bytes]:
    """Orders of 5 shares at a cent: they rest, and cost five cents each."""
    made = []
    for _ in range(number):
        order = sign(
            wallet, key.key, TERMS, token, "BUY", amounts(TERMS, "BUY", Decimal("0.01"), Decimal(5)),
            salt=secrets.randbits(50), timestamp_ms=time.time_ns() // 1_000_000,
        )  # fmt: skip
        made.append(order.body)
    return made


async def client(address: tuple[str, int], wallet: Wallet, key: ApiKey, bodies: list[bytes], until: float) -> int:
    reader, writer = await asyncio.open_connection(*address)
    placed = 0
    for body in bodies:
        if time.perf_counter() >= until:
            break
        headers = key.headers(wallet.signer, int(time.time()), "POST", "/order", body)
        told = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = f"POST /polymarket/clob/order HTTP/1.1\r\nHost: paper\r\nContent-Length: {len(body)}\r\n{told}\r\n"
        writer.write(head.encode() + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 200"), answer
        length = int(answer.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        content = await reader.readexactly(length)
        assert b'"success":true' in content, content
        placed += 1
    writer.close()
    return placed


async def measure(url: str, token: str, seconds: float, where: str) -> None:
    parts = urlsplit(url)
    address = (parts.hostname or "127.0.0.1", parts.port or 0)
    clob = f"http://{parts.netloc}/polymarket/clob"
    wallets = [Wallet(secrets.token_hex(32)) for _ in range(CLIENTS)]
    keys = [await api_key(wallet, clob, new=True) for wallet in wallets]
    each = int(seconds * 1_200)
    bodies = [signed(w, k, token, each) for w, k in zip(wallets, keys, strict=True)]
    start = time.perf_counter()
    made = await asyncio.gather(
        *(client(address, w, k, b, start + seconds) for w, k, b in zip(wallets, keys, bodies, strict=True))
    )
    took = time.perf_counter() - start
    print(f"front, {where}: {sum(made) / took:,.0f} orders/s ({CLIENTS} clients, signatures checked)")


def part(name: str, run: Callable[[], object], times: int = 2_000) -> None:
    start = time.perf_counter()
    for _ in range(times):
        run()
    print(f"  {name}: {(time.perf_counter() - start) / times * 1e6:,.0f} µs")


def parts() -> None:
    """What one order costs the front, apart from HTTP."""
    wallet = Wallet(secrets.token_hex(32))
    key = ApiKey("k", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "p")
    (body,) = signed(wallet, key, "7" * 70, 1)
    values = {
        "salt": 1, "maker": wallet.address, "signer": wallet.address, "tokenId": "7" * 70, "makerAmount": "50000",
        "takerAmount": "5000000", "side": 0, "signatureType": 0, "timestamp": 1, "metadata": bytes(32),
        "builder": bytes(32),
    }  # fmt: skip
    hashed = signing.struct_hash(signing.ORDER, values)
    digest = signing.digest(signing.order_domain("v1"), hashed)
    signature = wallet.sign(digest)
    headers = {k.lower(): v for k, v in key.headers(wallet.signer, int(time.time()), "POST", "/order", body).items()}
    part("whose signature it is", lambda: signing.signer_of(digest, signature))
    part(
        "hash of the order",
        lambda: signing.digest(signing.order_domain("v1"), signing.struct_hash(signing.ORDER, values)),
    )
    part("HMAC of the request",
         lambda: signing.check_request(headers, key.secret, "POST", "/order", body, int(time.time())))  # fmt: skip
    engine = Engine()
    account = engine.add_account(Account("a", grid=1, tokens=True))
    account.deposit(1_000_000 * MICROS)
    engine.add_market("A", CENT_GRID, TakerFees(0))
    part("engine alone (reference)", lambda: engine.submit(account, "A", BID, 100, 500, 1))


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 4.0
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        for where, place in (("in memory", None), ("kept on disk", Path(folder))):
            ours, theirs = context.Pipe()
            process = context.Process(target=run_exchange, args=(theirs, place), daemon=True)
            process.start()
            url, token = ours.recv()
            asyncio.run(measure(url, token, seconds, where))
            ours.send(None)
            process.join(10)
    print("parts of one order:")
    parts()


if __name__ == "__main__":
    main()
