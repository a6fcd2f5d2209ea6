"""A private key's file: read only where its owner alone can, made so that nobody else ever could."""

from __future__ import annotations

import os
import secrets
import shlex
import stat
from pathlib import Path

from prediction_mcp.net.words import text_of

from .errors import UnusableKeyError
from .wallet import Wallet, WalletKind


def wallet_from_file(path: Path, kind: WalletKind = WalletKind.OWN, address: str | None = None) -> Wallet:
    """The wallet of a key file of 64 hexadecimal digits.

    Raises:
        UnusableKeyError: no such file, others can read it (the message has what mends it), or it holds no key.
        MissingExtraError: the extra ``[polymarket]`` isn't installed.
    """
    try:
        mode, text = path.stat().st_mode, text_of(path.read_bytes()).strip("'\" \t\r\n")
    except OSError as error:
        raise UnusableKeyError(f"The private key file {path} can't be read ({error.strerror}).") from None
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise UnusableKeyError(
            f"The private key file {path} can be read by others: run “chmod 600 {shlex.quote(str(path))}” first."
        )
    return Wallet(text, kind, address)


def paper_wallet(path: Path | None) -> Wallet:
    """A wallet for play money: that of the file, made with a new key where there is none; without a file a new one."""
    if path is None:
        return Wallet(secrets.token_hex(32))
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
                file.write(secrets.token_hex(32))
        except FileExistsError:  # another server of the user was quicker
            pass
    return wallet_from_file(path)
