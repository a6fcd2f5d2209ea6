"""Proxies and certificates of the environment: a real SOCKS proxy, and a sentence for what can't be used."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from fastmcp import Client

from prediction_mcp.kalshi import KalshiClient
from prediction_mcp.kalshi.errors import SendError
from prediction_mcp.net import outward
from prediction_mcp.net.documents import fetch
from prediction_mcp.net.outward import NetworkSettingsError, authorities, http_client, websocket_options
from prediction_mcp.net.websocket import opening
from prediction_mcp.server import create_server
from prediction_mcp.settings import load_settings
from tests.conftest import Served
from tests.tools.conftest import ERAS, Assistant

FAR = "exchange.test"
"""A name that only the proxy knows: what reaches it went through the proxy."""


class Socks:
    """A SOCKS 5 proxy (RFC 1928) without authentication, that knows one name."""

    def __init__(self, refuses: bool = False) -> None:
        self.asked = list[str]()
        self._refuses = refuses

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            _, count = await reader.readexactly(2)
            await reader.readexactly(count)
            writer.write(b"\x05\x00")
            _, _, _, kind = await reader.readexactly(4)
            size = (await reader.readexactly(1))[0] if kind == 3 else 4
            host = await reader.readexactly(size)
            (port,) = struct.unpack("!H", await reader.readexactly(2))
            self.asked.append(host.decode("ascii", "replace"))
            if self._refuses:
                writer.write(b"\x05\x02\x00\x01" + bytes(6))
            else:
                there, to = await asyncio.open_connection("127.0.0.1", port)
                writer.write(b"\x05\x00\x00\x01" + bytes(6))
                await asyncio.gather(self._pipe(reader, to), self._pipe(there, writer))
        writer.close()

    async def _pipe(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
        writer.close()


@asynccontextmanager
async def socks(*, refuses: bool = False) -> AsyncIterator[tuple[Socks, int]]:
    proxy = Socks(refuses)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    try:
        yield proxy, server.sockets[0].getsockname()[1]
    finally:
        server.close()


def far(served: Served) -> str:
    parts = urlsplit(served.url)
    return f"http://{FAR}:{parts.port}{parts.path}"


@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
async def test_requests_and_feeds_go_through_a_socks_proxy(
    scheme: str, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with socks() as (proxy, port):
        monkeypatch.setenv("ALL_PROXY", f"{scheme}://127.0.0.1:{port}")
        async with KalshiClient(far(served), served.signer) as kalshi:
            assert (await kalshi.exchange.status()).exchange_active
        assert proxy.asked == [FAR]
        if scheme == "socks5h":  # the other asks this machine for the name
            path = "/trade-api/ws/v2"
            async with opening(
                far(served).replace("http", "ws", 1).replace("/trade-api/v2", path),
                list(served.signer.headers("GET", path).items()),
            ) as feed:
                await feed.send('{"id": 1, "cmd": "list_subscriptions"}')
                assert await feed.recv()
            assert proxy.asked == [FAR, FAR]


async def test_a_proxy_that_refuses_sent_nothing(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    async with socks(refuses=True) as (_, port):
        monkeypatch.setenv("ALL_PROXY", f"socks5://127.0.0.1:{port}")
        async with KalshiClient(far(served), served.signer, max_tries=1) as kalshi:
            with pytest.raises(SendError, match="can't be reached") as refused:
                await kalshi.orders.cancel_all()
    assert not refused.value.maybe_done


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("ALL_PROXY", "socks4://127.0.0.1:1", "ALL_PROXY can't be used"),
        ("https_proxy", "nonsense://user:secret@x", "HTTPS_PROXY can't be used"),
        ("ALL_PROXY", "http://x:99999", "ALL_PROXY can't be used"),
        ("SSL_CERT_FILE", "/nowhere/at/all.pem", "SSL_CERT_FILE or SSL_CERT_DIR can't be used"),
        ("SSL_CERT_FILE", "README", "SSL_CERT_FILE or SSL_CERT_DIR can't be used"),
    ],
)
async def test_what_can_not_be_used_is_named(
    era: str, name: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Before, each ended as "failed inside this server"."""
    (tmp_path / "README").write_text("no certificate", encoding="utf-8")
    monkeypatch.setenv(name, str(tmp_path / value) if value == "README" else value)
    authorities.cache_clear()
    settings = load_settings(env="demo")
    async with Client(create_server(settings), mode=era) as client:
        error = await Assistant(client).error("kalshi_get_exchange_status")
    assert said in error
    assert "secret" not in error
    monkeypatch.delenv(name)
    authorities.cache_clear()


async def test_documents_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "gopher://x")
    with pytest.raises(NetworkSettingsError):
        await fetch("https://example.com/x.pdf")


async def test_without_the_extra_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outward, "find_spec", lambda _: None)
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1")
    with pytest.raises(NetworkSettingsError, match=r"install prediction-mcp\[socks\]"):
        http_client("https://example.com")
    with pytest.raises(NetworkSettingsError):
        websocket_options("wss://example.com")


async def test_this_machine_needs_no_proxy(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "nonsense://x")
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere")
    authorities.cache_clear()
    async with KalshiClient(served.url) as kalshi:
        assert (await kalshi.exchange.status()).exchange_active
    assert websocket_options("ws://127.0.0.1:1/ws") == {"proxy": None}
    authorities.cache_clear()
