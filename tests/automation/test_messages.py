"""Messages to real servers on loopback: mail, webhook, Discord, Slack; down, slow, refusing; too many; at night."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, time
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from loguru import logger
from pydantic import SecretStr

from prediction_mcp.automation.desk import Desk
from prediction_mcp.automation.notices import sending
from prediction_mcp.automation.notices.channels import channels_of
from prediction_mcp.automation.notices.sending import deliver, is_quiet
from prediction_mcp.automation.notices.wording import harmless
from prediction_mcp.kalshi import KalshiClient
from prediction_mcp.records.outbox import Message
from prediction_mcp.settings import Settings, SettingsError, load_settings
from tests.automation.conftest import Hands
from tests.automation.receiver import Receiver
from tests.conftest import account_of
from tests.safety.test_chaos import free_port

SECRET = "hunter2hunter2"


class Mailbox:
    """What a mail server took."""

    def __init__(self) -> None:
        self.mails: list[tuple[str, str]] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        mail = message_from_bytes(envelope.content, policy=default)
        body = mail.get_body(("plain", "html"))
        self.mails.append((str(mail["subject"]), "" if body is None else body.get_content()))
        return "250 taken"


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as made:
        yield made


@pytest.fixture
async def make(kalshi: KalshiClient) -> AsyncIterator[Any]:
    """Makes a desk with channels."""
    accounts = []

    async def made(urls: str, **settings: Any) -> tuple[Desk, Hands]:
        account = account_of(kalshi)
        account.settings = account.settings.model_copy(update={"notify_urls": SecretStr(urls), **settings})
        await account.open()
        accounts.append(account)
        clock = Hands()
        return Desk(account, clock), clock

    yield made
    for account in accounts:
        await account.close()


def word(number: int, importance: Any = "normal") -> Message:
    return Message(f"alert:{number}:1", f"Alert {number}", f"KXA-1-X: middle is {number}¢.", importance)


async def test_mail_webhook_discord_and_slack(make: Any, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real senders; of Discord and Slack only the host is ours."""
    from apprise.plugins.discord import NotifyDiscord
    from apprise.plugins.slack import NotifySlack

    host = f"http://127.0.0.1:{receiver.port}"
    monkeypatch.setattr(NotifyDiscord, "notify_url", f"{host}/discord")
    monkeypatch.setattr(NotifySlack, "webhook_url", f"{host}/slack")
    mailbox, port = Mailbox(), free_port()
    server = Controller(mailbox, hostname="127.0.0.1", port=port)
    server.start()
    try:
        at = f"127.0.0.1:{receiver.port}"
        urls = f"mail=mailto://127.0.0.1:{port}?from=a@example.com&to=b@example.com hook=json://{at}/hook"
        urls += f" discord://{4_000_000}/{'d' * 64} slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#alerts"
        desk, _ = await make(urls)
        await desk.outbox.add(word(1), desk.channels, desk.clock())
        assert await deliver(desk) == 4
        assert await deliver(desk) == 0
    finally:
        server.stop()
    (mail,) = mailbox.mails
    assert mail[0] == "Alert 1 [paper]"
    assert "KXA-1-X: middle is 1¢." in mail[1]
    assert receiver.messages.count(("Alert 1 [paper]", "KXA-1-X: middle is 1¢.")) == 1
    (discord,) = [body for body in receiver.bodies if "avatar_url" in body or "content" in body]
    assert "KXA-1-X: middle is 1¢." in str(discord)
    (slack,) = [body for body in receiver.bodies if "channel" in body]
    assert "KXA-1-X: middle is 1¢." in str(slack)


async def test_what_isnt_taken_is_tried_again_and_comes_once(make: Any, receiver: Receiver) -> None:
    desk, clock = await make(receiver.url)
    receiver.status = 500
    await desk.outbox.add(word(1), desk.channels, clock())
    assert await deliver(desk) == 0
    assert await deliver(desk) == 0  # not before its time
    assert receiver.refused == 1
    receiver.status = 200
    clock.forward(seconds=40)
    assert await deliver(desk) == 1
    clock.forward(hours=2)
    assert await deliver(desk) == 0
    assert len(receiver.bodies) == 1
    assert await desk.outbox.counts() == {("json", "delivered"): 1}


async def test_one_that_nobody_takes_is_given_up_with_a_word(make: Any) -> None:
    desk, clock = await make(f"json://127.0.0.1:{free_port()}/nobody")
    await desk.outbox.add(word(1), desk.channels, clock())
    for _ in range(sending.TRIES):
        await deliver(desk)
        clock.forward(hours=1, seconds=1)
    (posted,) = await desk.outbox.newest()
    assert (posted.state, posted.tries) == ("given_up", sending.TRIES)
    assert posted.said == "it was refused, or nothing answered"


async def test_a_slow_channel_holds_up_no_other(make: Any, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Receiver() as slow:
        slow.wait = 3.0
        monkeypatch.setattr(sending, "PATIENCE_S", 0.5)
        desk, clock = await make(f"slow={slow.url} quick={receiver.url}")
        await desk.outbox.add(word(1), desk.channels, clock())
        assert await deliver(desk) == 1
        assert len(receiver.bodies) == 1
        assert await desk.outbox.counts() == {("quick", "delivered"): 1, ("slow", "waiting"): 1}
        slow.wait = 0.0


async def test_one_that_died_while_sending_is_sent_by_the_next(make: Any, receiver: Receiver) -> None:
    desk, clock = await make(receiver.url)
    await desk.outbox.add(word(1), desk.channels, clock())
    (posted,) = await desk.outbox.waiting(desk.channels, clock())
    assert await desk.outbox.take([posted.id], "dead", clock(), clock() + sending.HELD) == [posted.id]
    assert await deliver(desk) == 0  # it is the dead one's still
    clock.forward(minutes=3)
    assert await deliver(desk) == 1
    assert len(receiver.bodies) == 1


async def test_two_workers_send_it_once(make: Any, receiver: Receiver) -> None:
    desk, clock = await make(receiver.url)
    other = Desk(desk.account, clock)
    for number in range(10):
        await desk.outbox.add(word(number), desk.channels, clock())
    await asyncio.gather(deliver(desk), deliver(other))
    assert sorted(title for title, _ in receiver.messages) == sorted(f"Alert {n} [paper]" for n in range(10))


async def test_too_many_become_a_digest(make: Any, receiver: Receiver) -> None:
    desk, clock = await make(receiver.url, notify_per_hour=3)
    for number in range(2):
        await desk.outbox.add(word(number), desk.channels, clock())
    assert await deliver(desk) == 2
    for number in range(2, 40):
        await desk.outbox.add(word(number), desk.channels, clock())
    assert await deliver(desk) == 1
    title, body = receiver.messages[-1]
    assert title == "38 messages [paper]"
    assert "Alert 2: KXA-1-X" in body
    assert "and 13 more" in body
    await desk.outbox.add(word(99), desk.channels, clock())
    assert await deliver(desk) == 0  # the hour is full
    await desk.outbox.add(word(100, "high"), desk.channels, clock())
    assert await deliver(desk) == 1  # what is important goes
    clock.forward(hours=1, minutes=1)
    assert await deliver(desk) == 1


async def test_at_night_only_what_is_important_goes(make: Any, receiver: Receiver) -> None:
    desk, clock = await make(receiver.url, notify_quiet="22:00-07:00", timezone="America/New_York")
    clock.now = datetime(2026, 11, 27, 4, 0, tzinfo=UTC)  # 23:00 in New York
    await desk.outbox.add(word(1), desk.channels, clock())
    await desk.outbox.add(word(2, "high"), desk.channels, clock())
    assert await deliver(desk) == 1
    clock.forward(hours=8, minutes=1)
    assert await deliver(desk) == 1
    assert [title for title, _ in receiver.messages] == ["Alert 2 [paper]", "Alert 1 [paper]"]


@pytest.mark.parametrize(
    ("hours", "at", "quiet"),
    [("22:00-07:00", "23:00", True), ("22:00-07:00", "06:59", True), ("22:00-07:00", "07:00", False),
     ("12:00-13:00", "12:30", True), ("12:00-13:00", "13:00", False), (None, "03:00", False)],
)  # fmt: skip
def test_quiet_hours(hours: str | None, at: str, quiet: bool) -> None:
    settings = Settings(notify_quiet=hours)
    assert is_quiet(settings.quiet_hours, time.fromisoformat(at)) is quiet


def test_channels_are_named_and_never_show_their_addresses(tmp_path: Path) -> None:
    file = tmp_path / "channels"
    file.write_text(f"# mine\nphone=ntfy://{SECRET}\n")
    file.chmod(0o600)
    settings = load_settings(
        notify_urls=SecretStr(f"discord://1/{SECRET}, discord://2/{SECRET} work=slack://{SECRET}"), notify_file=file
    )
    found = channels_of(settings)
    assert [channel.name for channel in found] == ["discord", "discord-2", "work", "phone"]
    assert SECRET not in f"{found!r}{settings!r}{settings.describe()}"
    file.chmod(0o644)
    with pytest.raises(SettingsError, match="open to others") as error:
        channels_of(settings)
    assert SECRET not in str(error.value)


@pytest.mark.parametrize("urls", [f"nonsense{SECRET}", f"a=ntfy://x a=ntfy://{SECRET}", f"://{SECRET}"])
def test_a_channel_that_cant_be_read_is_told_without_its_address(urls: str) -> None:
    with pytest.raises(SettingsError, match="NOTIFY_URLS") as error:
        channels_of(load_settings(notify_urls=SecretStr(urls)))
    assert SECRET not in str(error.value)


async def test_no_log_answer_or_table_has_an_address(make: Any, tmp_path: Path) -> None:
    lines = list[str]()
    sink = logger.add(lambda message: lines.append(str(message)), level="TRACE")
    try:
        desk, clock = await make(f"json://user:{SECRET}@127.0.0.1:{free_port()}/x discord://{SECRET}")
        await desk.outbox.add(word(1), desk.channels, clock())
        await deliver(desk)
    finally:
        logger.remove(sink)
    assert lines
    assert SECRET not in "".join(lines)
    posted = await desk.outbox.newest()
    assert len(posted) == 2
    assert SECRET not in repr(posted)


def test_words_of_others_call_nobody_and_link_nowhere() -> None:
    text = harmless("@everyone <!channel> [free](https://evil.example) `x` **b** www.evil.example\n# big &amp;")
    assert not any(mark in text for mark in ("@", "<", "`", "*", "://", "www.", "\n", "#", "&"))
    assert "everyone" in text
    assert len(harmless("x" * 5_000)) == 200
