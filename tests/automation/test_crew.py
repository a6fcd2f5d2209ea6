"""One worker for many accounts, an account a file: each its own, none held up by another, nothing done twice."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from prediction_mcp.automation import crew as crews
from prediction_mcp.automation import metrics
from prediction_mcp.automation.crew import Crew
from prediction_mcp.automation.desk import Desk
from prediction_mcp.automation.pages import crew_pages, served
from prediction_mcp.automation.standing.plan import plan_rule
from prediction_mcp.automation.standing.service import spec_as_asked
from prediction_mcp.connection import open_account
from prediction_mcp.exchange.engine.ledger import Account
from prediction_mcp.records.database import Database
from prediction_mcp.records.rules import Rule, Run
from prediction_mcp.settings import Settings, SettingsError, load_settings
from prediction_mcp.settings.accounts import account_files, load_account
from tests.automation.conftest import quote
from tests.automation.test_health import TOKEN, samples, settings_token
from tests.automation.test_month import REDIS
from tests.conftest import MARKET, Served

PATIENCE_S = 60


async def until(true: Callable[[], bool], seconds: float = PATIENCE_S) -> None:
    """Wait for what a worker does by itself."""
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110 - others do it
            await asyncio.sleep(0.05)


@dataclass
class Office:
    """A folder of accounts at one exchange."""

    served: Served
    folder: Path
    keys: Path
    members: dict[str, Account] = field(default_factory=dict)

    def add(self, name: str, **more: str) -> None:
        """A new member of the exchange, and a file for it."""
        member = self.served.exchange.add_member(name, tier="prestige")
        key_id, pem = self.served.exchange.issue_key(member)
        self.members[name] = member
        key = self.keys / f"{name}.pem"
        key.write_text(pem)
        key.chmod(0o600)
        self.write(name, KALSHI_API_KEY_ID=key_id, KALSHI_PRIVATE_KEY_PATH=str(key), **more)

    def write(self, name: str, **values: str) -> None:
        path = self.folder / f"{name}.env"
        values = {"KALSHI_ENV": "paper", "KALSHI_BASE_URL": self.served.url} | values
        path.write_text("".join(f"{key}={value}\n" for key, value in values.items()))
        path.chmod(0o600)

    def path(self, name: str) -> Path:
        return self.folder / f"{name}.env"

    def held(self, name: str) -> int:
        sheet = self.members[name].holdings.get(MARKET)
        return 0 if sheet is None else sheet.position // 100

    async def rule(self, name: str, **terms: Any) -> Rule:
        """A standing order of an account, made by a process of its own."""
        given = {"kind": "recurring", "ticker": MARKET, "side": "yes", "action": None, "on": None, "every": "1d"}
        async with open_account(load_account(self.path(name))) as account:
            plan = await plan_rule(Desk(account), spec_as_asked(**(given | {"max_runs": 5} | terms)), None)
            made = await plan.send(plan.terms)
            found = await Desk(account).rules.get(made.order.id)
            assert found is not None
            return found

    async def runs(self, name: str, rule: Rule) -> list[Run]:
        async with open_account(load_account(self.path(name))) as account:
            return await Desk(account).rules.runs([rule.id], 100)


@pytest.fixture
def office(served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    monkeypatch.setenv("STANDING_EVERY", "0.3")
    monkeypatch.setenv("ALERTS_EVERY", "0.5")
    monkeypatch.setattr(crews, "LOOK_S", 0.1)
    monkeypatch.setattr(crews, "SETTLED_S", 0.2)
    monkeypatch.setattr(crews, "AGAIN_S", 0.2)
    monkeypatch.setattr(crews, "LONGEST_S", 0.4)
    quote(served, 49, 51)
    folder, keys = tmp_path / "accounts", tmp_path / "keys"
    folder.mkdir()
    keys.mkdir()
    return Office(served, folder, keys)


@contextlib.asynccontextmanager
async def working(office: Office, told: Callable[[str], None] = lambda _: None) -> AsyncIterator[Crew]:
    crew = Crew(office.folder, open_account, told)
    task = asyncio.create_task(crew.run())
    try:
        yield crew
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def works(crew: Crew, *names: str) -> Callable[[], bool]:
    return lambda: all(name in crew.members and crew.members[name].worker is not None for name in names)


async def test_each_account_trades_its_own_and_nobody_elses(office: Office) -> None:
    wanted = {"alice": 1, "bob": 2, "carol": 3}
    for name, count in wanted.items():
        office.add(name)
        await office.rule(name, count=count)
    async with working(office):
        await until(lambda: all(office.held(name) for name in wanted))
    assert {name: office.held(name) for name in wanted} == wanted
    assert office.served.member.holdings == {}


async def test_one_that_cant_work_holds_up_nobody_and_is_mended_by_its_file(office: Office) -> None:
    office.add("alice")
    office.add("bob")
    text = office.path("bob").read_text()
    office.path("bob").write_text(text.replace("bob.pem", "gone.pem"))
    rules = {name: await office.rule("alice", count=1) for name in ("alice",)}
    said = list[str]()
    async with working(office, said.append) as crew:
        await until(lambda: office.held("alice") == 1)
        await until(lambda: "gone.pem" in str(crew.members["bob"].problem))
        assert crew.members["alice"].problem is None
        alice = crew.members["alice"].worker
        office.path("bob").write_text(text)
        await until(works(crew, "bob"))
        await office.rule("bob", count=4)
        await until(lambda: office.held("bob") == 4)
        assert crew.members["alice"].worker is alice
    assert any(line.startswith("bob doesn't work") for line in said)
    assert len(await office.runs("alice", rules["alice"])) == 1


async def test_a_fault_of_ours_in_one_account_is_begun_anew(office: Office) -> None:
    office.add("alice")
    office.add("bob")
    calls = list[str]()

    @contextlib.asynccontextmanager
    async def opened(settings: Settings) -> AsyncIterator[Any]:
        async with open_account(settings) as account:
            if settings.api_key_id == load_account(office.path("bob")).api_key_id and len(calls) < 2:
                calls.append("bob")
                raise (RuntimeError, asyncio.CancelledError)[len(calls) - 1]("a fault")
            yield account

    crew = Crew(office.folder, opened)
    task = asyncio.create_task(crew.run())
    await until(works(crew, "alice", "bob"))
    assert calls == ["bob", "bob"]
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert crew.members == {}


async def test_files_come_change_and_go(office: Office) -> None:
    office.add("alice")
    async with working(office) as crew:
        await until(works(crew, "alice"))
        first = crew.members["alice"].worker
        assert first is not None
        assert first.desk.account.policy.writes_allowed
        office.add("bob")
        await until(works(crew, "bob"))
        text = office.path("alice").read_text()
        office.path("alice").write_text(text + "READ_ONLY=true\n")
        await until(lambda: works(crew, "alice")() and crew.members["alice"].worker is not first)
        second = crew.members["alice"].worker
        assert second is not None
        assert not second.desk.account.policy.writes_allowed
        office.path("bob").unlink()
        await until(lambda: "bob" not in crew.members)
        office.path("alice").chmod(0o644)
        await until(lambda: "open to others" in str(crew.members["alice"].problem))


async def test_one_account_under_two_names_is_worked_for_once(office: Office) -> None:
    office.add("alice")
    office.path("again").write_bytes(office.path("alice").read_bytes())
    office.path("again").chmod(0o600)
    await office.rule("alice", count=1)
    async with working(office) as crew:
        await until(lambda: any("one of them is enough" in str(m.problem) for m in crew.members.values()))
        await until(lambda: office.held("alice") == 1)
        working_now = [name for name, member in crew.members.items() if member.worker is not None]
        assert len(working_now) == 1
        office.path(working_now[0]).unlink()  # the other one takes over
        (left,) = {"alice", "again"} - {*working_now}
        await until(works(crew, left))
    assert office.held("alice") == 1


async def test_a_folder_that_cant_be_read_later_ends_nothing(office: Office) -> None:
    office.add("alice")
    async with working(office) as crew:
        await until(works(crew, "alice"))
        worker = crew.members["alice"].worker
        (office.folder / "a name.env").touch()
        await asyncio.sleep(0.5)
        assert crew.members["alice"].worker is worker
    with pytest.raises(SettingsError, match="'a name.env' is no account's name"):
        await Crew(office.folder, open_account).run()
    with pytest.raises(SettingsError, match="can't be read"):
        await Crew(office.folder / "nowhere", open_account).run()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("KALSHI_API_KEYID=x", "alice.env: KALSHI_API_KEYID is no setting"),
        ("HTTP_TOKEN=" + "t" * 30, "alice.env: HTTP_TOKEN is the whole worker's"),
        ("LOG_LEVEL=DEBUG", "alice.env: LOG_LEVEL is the whole worker's"),
        ("WORKER_ACCOUNTS=/x", "alice.env: WORKER_ACCOUNTS is the whole worker's"),
        ("KALSHI_ENV=elsewhere", "alice.env: The settings can't be used: KALSHI_ENV"),
        ("LIMIT_DAY_SPENT=lots", "alice.env: The settings can't be used: LIMIT_DAY_SPENT"),
    ],
)
def test_a_file_that_says_what_it_cant_is_refused(office: Office, line: str, said: str) -> None:
    office.write("alice", **{line.partition("=")[0]: line.partition("=")[2]})
    with pytest.raises(SettingsError) as error:
        load_account(office.path("alice"))
    assert str(error.value).startswith(said)
    assert "t" * 30 not in str(error.value)


def test_whose_account_it_is_no_environment_says(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file without a key isn't traded with the environment's, and paper stays paper."""
    monkeypatch.setenv("KALSHI_ENV", "live")
    monkeypatch.setenv("KALSHI_API_KEY_ID", "mine")
    monkeypatch.setenv("KALSHI_PRIVATE_KEY", "secret")
    monkeypatch.setenv("POLYMARKET_ENV", "live")
    monkeypatch.setenv("STANDING_EVERY", "7")
    path = office.path("alice")
    path.write_text("KALSHI_ENV=paper\nPAPER_SEED=3\n\nSTANDING_EVERY=9\nCONFIRM=\n")
    path.chmod(0o600)
    found = load_account(path)
    assert (found.env, found.api_key_id, found.private_key, found.polymarket_env) == ("paper", None, None, "paper")
    assert (found.paper_seed, found.standing_every, found.confirm) == (3, 9, None)
    assert load_settings().env == "live"


@pytest.mark.parametrize("text", [None, "", "# soon\n", "STANDING_EVERY=9\n", "KALSHI_ENV=\n"])
def test_a_file_that_names_no_account_is_none(office: Office, text: str | None) -> None:
    """Gone, empty or cut off: never the paper account of whoever runs the worker."""
    path = office.path("alice")
    if text is not None:
        path.write_text(text)
        path.chmod(0o600)
    with pytest.raises(SettingsError, match="alice.env must say KALSHI_ENV"):
        load_account(path)


async def test_a_file_that_is_being_written_changes_nothing_yet(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut in half it lacks its limit: the worker with the limit goes on until the file has stayed as it is."""
    monkeypatch.setattr(crews, "SETTLED_S", 1_000.0)
    office.add("alice")
    text = office.path("alice").read_text() + "LIMIT_DAY_SPENT=5\n"
    office.path("alice").write_text(text)
    os.utime(office.path("alice"), (1_000_000_000, 1_000_000_000))
    async with working(office) as crew:
        await until(works(crew, "alice"))
        first = crew.members["alice"].worker
        office.path("alice").write_text(text.partition("LIMIT")[0])
        crew.look()
        assert crew.members["alice"].worker is first
        os.utime(office.path("alice"), (1_000_000_001, 1_000_000_001))
        await until(lambda: works(crew, "alice")() and crew.members["alice"].worker is not first)


def test_what_is_no_file_is_refused(office: Office) -> None:
    path = office.path("alice")
    os.mkfifo(path, 0o600)
    with pytest.raises(SettingsError, match="is no file of settings"):
        load_account(path)
    path.unlink()
    path.mkdir(mode=0o700)
    with pytest.raises(SettingsError, match="is no file of settings"):
        load_account(path)
    path.rmdir()
    office.write("alice", NOTIFY_URLS="x" * 200_000)
    with pytest.raises(SettingsError, match="is no file of settings"):
        load_account(path)


def test_names_are_those_of_files(office: Office) -> None:
    for name in ("alice.env", "bob-2.env", "notes.txt", "carol.env.bak"):
        (office.folder / name).touch()
    assert list(account_files(office.folder)) == ["alice", "bob-2"]
    for name in (".env", "-x.env", "ünï.env", "a b.env", "a" * 41 + ".env"):
        odd = office.folder / name
        odd.touch()
        if name == ".env":  # it is the folder's own, as everywhere
            assert list(account_files(office.folder)) == ["alice", "bob-2"]
        else:
            with pytest.raises(SettingsError, match="no account's name"):
                account_files(office.folder)
        odd.unlink()


async def test_pages_tell_of_each_account_by_its_name(office: Office) -> None:
    office.add("alice")
    office.add("bob")
    office.path("bob").write_text(office.path("bob").read_text() + "NOTIFY_URLS=nothing\n")
    async with working(office) as crew:
        await until(works(crew, "alice"))
        await until(lambda: "NOTIFY_URLS" in str(crew.members["bob"].problem))
        async with (
            served(crew_pages(crew, settings_token()), "127.0.0.1", 0) as address,
            httpx.AsyncClient(base_url=address) as http,
        ):
            plain = await http.get("/health")
            assert plain.status_code == 200
            assert plain.json()["state"] == "degraded"
            assert plain.json()["accounts"]["bob"] == {"state": "down", "ready": False}
            assert plain.json()["accounts"]["alice"]["parts"]["exchange"] == "ok"
            mine = {"authorization": f"Bearer {TOKEN}"}
            assert "NOTIFY_URLS" in (await http.get("/health", headers=mine)).json()["accounts"]["bob"]["said"]
            assert (await http.get("/health/live")).json() == {"state": "ok"}
            public, private = (await http.get("/metrics")).text, (await http.get("/metrics", headers=mine)).text
        found = samples(private)
        assert found["prediction_mcp_portfolio_dollars['alice']"] > 0
        assert found["prediction_mcp_account_works['alice']"] == 1
        assert found["prediction_mcp_account_works['bob']"] == 0
        assert found["prediction_mcp_active['alerts', 'alice']"] == 0
        assert "portfolio_dollars" not in public
        office.path("alice").unlink()
        await until(lambda: "alice" not in crew.members)
        assert "'alice'" not in str(samples((await metrics.crew_text(crew)).decode()))


async def test_who_looks_at_it_when_none_works(office: Office) -> None:
    async with (
        working(office) as crew,
        served(crew_pages(crew, None), "127.0.0.1", 0) as address,
        httpx.AsyncClient(base_url=address) as http,
    ):
        found = await http.get("/health")
        assert (found.status_code, found.json()["accounts"]) == (200, {})
        office.write("alice", KALSHI_API_KEY_ID="x", KALSHI_PRIVATE_KEY_PATH="nowhere.pem")
        await until(lambda: "alice" in crew.members)
        assert (await http.get("/health")).status_code == 503


def environment(office: Office, **more: str) -> dict[str, str]:
    return {**os.environ, "WORKER_ACCOUNTS": str(office.folder), **more}


async def test_the_command_works_for_all_and_says_so(office: Office) -> None:
    office.add("alice")
    office.add("bob")
    office.write("carol", KALSHI_API_KEY_ID="x", KALSHI_PRIVATE_KEY_PATH="nowhere.pem")
    await office.rule("bob", count=2)
    command = [sys.executable, "-m", "prediction_mcp", "worker"]
    process = await asyncio.create_subprocess_exec(*command, env=environment(office), stderr=subprocess.PIPE)
    try:
        await until(lambda: office.held("bob") == 2)
        status = await asyncio.create_subprocess_exec(
            *command, "status", "--json", env=environment(office), stdout=subprocess.PIPE
        )
        shown, _ = await asyncio.wait_for(status.communicate(), PATIENCE_S)
        lines = {line.pop("name"): line for line in json.loads(shown)["accounts"]}
        assert lines["alice"] == {"mode": "paper", "runs": True, "alerts": 0, "standing": 0}
        assert lines["bob"]["standing"] == 1
        assert lines["carol"].keys() == {"runs", "problem"}
        assert "nowhere.pem" in lines["carol"]["problem"]
    finally:
        process.terminate()
        _, said = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    assert process.returncode == 0
    assert b"alice: working, mode paper" in said
    assert b"carol doesn't work, and is tried again in 5 s" in said


@pytest.mark.long
@pytest.mark.usefixtures("redis_answers")
async def test_three_processes_share_all_accounts_over_redis(
    office: Office, postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over one PostgreSQL, two of the three killed again and again: each run happens once, for its own account."""
    for name, value in {"DATABASE_URL": postgres, "REDIS_URL": REDIS, "STANDING_EVERY": "1"}.items():
        monkeypatch.setenv(name, value)
    async with Database(postgres) as database:
        await database.migrate("head")
    names = [f"account-{number}" for number in range(6)]
    for name in names:
        office.add(name)
    rules = {name: [await office.rule(name, count=n + 1) for n in range(3)] for name in names}

    async def start() -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "prediction_mcp", "worker", env=environment(office), stderr=subprocess.DEVNULL
        )

    workers = [await start() for _ in range(3)]
    try:
        for number in range(4):
            await asyncio.sleep(2.5)
            workers[number % 2].kill()
            await workers[number % 2].wait()
            workers[number % 2] = await start()
        await until(lambda: all(office.held(name) == 6 for name in names), 120)
    finally:
        for worker in workers:
            worker.terminate()
        for worker in workers:
            await asyncio.wait_for(worker.wait(), PATIENCE_S)
    for name, made in rules.items():
        for rule in made:
            assert [run.state for run in await office.runs(name, rule)] == ["done"]
        assert office.held(name) == 6
