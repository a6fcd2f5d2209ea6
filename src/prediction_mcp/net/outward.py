"""Connections as the environment wants them: proxies (HTTPS_PROXY, ALL_PROXY) and certificates (SSL_CERT_FILE)."""

from __future__ import annotations

import os
import ssl
import urllib.request
from functools import cache
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

import httpx

from .errors import PlatformError

LOOPBACK = ("127.0.0.1", "::1", "localhost")
PROXIES = ("ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY")
SCHEMES = ("http", "https", "socks5", "socks5h")


class NetworkSettingsError(PlatformError):
    """A proxy or a file of certificates that the environment names can't be used. Nothing was sent."""


@cache
def authorities(*, known: bool) -> ssl.SSLContext:
    """Return whose certificates are trusted; read once a process, which takes as long as many requests.

    Args:
        known: also those that the environment names (SSL_CERT_FILE).

    Raises:
        NetworkSettingsError: they can't be read.
    """
    try:
        return httpx.create_ssl_context(trust_env=known)
    except OSError as error:  # ssl.SSLError is one
        reason = error.strerror if error.filename or not isinstance(error, ssl.SSLError) else "it holds no certificate"
        raise NetworkSettingsError(
            f"SSL_CERT_FILE or SSL_CERT_DIR can't be used ({reason or 'it holds no certificate'}): name a PEM file of "
            "certificates, or unset it."
        ) from None


def http_client(url: str, *, follows: bool = True, **options: Any) -> httpx.AsyncClient:
    """Return a client for one address; a proxy of the environment can't reach this machine, so it isn't used there.

    Args:
        follows: whether proxies and certificates of the environment are used at all.

    Raises:
        NetworkSettingsError: a proxy or the certificates can't be used.
    """
    follows = follows and urlsplit(url).hostname not in LOOPBACK
    if follows:
        _check_proxies()
    return httpx.AsyncClient(trust_env=follows, verify=authorities(known=follows), **options)


def websocket_options(url: str) -> dict[str, Any]:
    """Return the options of websockets' connect for one address: its proxy and its certificates.

    websockets knows no ALL_PROXY by itself.

    Raises:
        NetworkSettingsError: as :func:`http_client`.
    """
    parts = urlsplit(url)
    if parts.hostname in LOOPBACK:
        return {"proxy": None}
    _check_proxies()
    found, names = urllib.request.getproxies(), {"wss", "ws", "socks", "https", "http"}
    bypassed = bool(urllib.request.proxy_bypass(f"{parts.hostname}:{parts.port or 443}"))
    own = {} if bypassed or names & found.keys() or "all" not in found else {"proxy": found["all"]}
    return own | ({"ssl": authorities(known=True)} if parts.scheme == "wss" else {})


def _check_proxies() -> None:
    """Raise NetworkSettingsError for a proxy that can't be used, without its address: a password may be in it."""
    for name in PROXIES:
        address = os.environ.get(name) or os.environ.get(name.lower()) or ""
        if not address:
            continue
        try:
            parts = urlsplit(address if "://" in address else f"http://{address}")
            usable = parts.scheme in SCHEMES and bool(parts.hostname) and (parts.port is None or parts.port > 0)
        except ValueError:
            usable = False
        if not usable:
            raise NetworkSettingsError(f"{name} can't be used: it takes an address like socks5://host:1080.")
        if parts.scheme.startswith("socks") and not (find_spec("socksio") and find_spec("python_socks")):
            raise NetworkSettingsError(
                f"{name} names a SOCKS proxy, which needs the extra: install prediction-mcp[socks]."
            )
