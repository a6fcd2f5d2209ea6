"""The worker at the command line: run it, have the system keep it, see how it goes."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .automation import Json, Yes, with_desk
from .output import REFUSED, ask, show

if TYPE_CHECKING:
    from prediction_mcp.automation.pages import Page
    from prediction_mcp.automation.worker import Worker
    from prediction_mcp.settings import Settings

worker = typer.Typer(help="Work while nobody looks: alerts, standing orders, records. Ends with Ctrl-C.")


@worker.callback(invoke_without_command=True)
def run_worker(
    context: typer.Context,
    metrics_port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Serve /metrics and /health here; 0 takes a free port.")
    ] = None,
    metrics_host: Annotated[str, typer.Option(help="Address to serve them on.")] = "127.0.0.1",
    env_file: Annotated[Path | None, typer.Option(help="More settings as NAME=value, for your eyes only.")] = None,
) -> None:
    """Work until it is ended: for the account of the environment, or for all of the folder WORKER_ACCOUNTS."""
    if context.invoked_subcommand is not None:
        return
    if env_file is not None:
        from prediction_mcp.settings.accounts import read_env_file

        os.environ.update(read_env_file(env_file))
    asyncio.run(_work(metrics_port, metrics_host))


@asynccontextmanager
async def _paged(pages: Callable[[], dict[str, Page]], port: int | None, host: str) -> AsyncIterator[None]:
    """The worker's pages, where they are wanted."""
    if port is None:
        yield
        return
    from prediction_mcp.automation.pages import served

    async with served(pages(), host, port) as address:
        _say(f"{address}/metrics and {address}/health")
        yield


def _say(text: str) -> None:
    sys.stderr.write(f"prediction-mcp: {text}\n")
    sys.stderr.flush()


async def _work(port: int | None, host: str) -> None:
    import contextlib
    import signal

    from prediction_mcp.logs import configure_logging
    from prediction_mcp.settings import load_settings

    settings = load_settings()
    configure_logging(settings.log_level)
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - asyncio.run made it
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows has no handlers of a loop
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await (_one(settings, port, host) if settings.accounts is None else _many(settings, port, host))


async def _one(settings: Settings, port: int | None, host: str) -> None:
    """The account of the environment."""
    from prediction_mcp.automation.home import work
    from prediction_mcp.connection import open_account

    def pages(worker: Worker) -> dict[str, Page]:
        from prediction_mcp.automation.pages import worker_pages  # a web server's weight, for who wants one

        return worker_pages(worker)

    async with open_account(settings) as account:
        await work(
            account, "worker", lambda: _say("another process of yours works; this one waits until it is gone"),
            lambda: _say(f"working, {settings.describe()}"),
            lambda worker: _paged(lambda: pages(worker), port, host),
        )  # fmt: skip


async def _many(settings: Settings, port: int | None, host: str) -> None:
    """Those of a folder."""
    from prediction_mcp.automation.crew import Crew
    from prediction_mcp.connection import open_account

    def pages() -> dict[str, Page]:
        from prediction_mcp.automation.pages import crew_pages

        return crew_pages(crew, settings.http_token)

    assert settings.accounts is not None  # noqa: S101 - told by who calls
    crew = Crew(settings.accounts.expanduser(), open_account, _say)
    async with _paged(pages, port, host):
        await crew.run()


@worker.command("install")
def install_worker(yes: Yes = False, as_json: Json = False) -> None:
    """Have the system keep a worker running, with this environment's settings; shown first, written on your yes."""
    from prediction_mcp.automation import services
    from prediction_mcp.install.again import lasting

    made = services.service(command=lasting(["automation"]))
    shown = f"{made.path}\n{made.content}\n" + "".join(f"$ {' '.join(command)}\n" for command in made.begin)
    sys.stderr.write(shown)
    if made.aside:
        sys.stderr.write(f"Secrets aren't written: put {', '.join(made.aside)} into {made.env_file} (chmod 600).\n")
    if not yes:
        ask("Write this and begin?", as_json=as_json)
    services.write(made)
    _serviced(made.path, installed=True, problems=services.run(made.begin), as_json=as_json)


@worker.command("uninstall")
def uninstall_worker(yes: Yes = False, as_json: Json = False) -> None:
    """End it, and take away what was written."""
    from prediction_mcp.automation import services

    made = services.service()
    sys.stderr.write("".join(f"$ {' '.join(command)}\n" for command in made.end) + f"removes {made.path}\n")
    if not yes:
        ask("Do this?", as_json=as_json)
    problems = services.run(made.end) if made.path.exists() else ["There was none."]
    services.remove(made.path)
    _serviced(made.path, installed=False, problems=problems, as_json=as_json)


def _serviced(path: Path, *, installed: bool, problems: list[str], as_json: bool) -> None:
    show({"installed": installed, "file": str(path), "problems": problems}, as_json=as_json)
    raise typer.Exit(REFUSED if problems else 0)


@worker.command("status")
def worker_status(as_json: Json = False) -> None:
    """Who works, how the jobs go, what waits; with WORKER_ACCOUNTS a line an account."""
    from prediction_mcp.automation.status import crew_status, status
    from prediction_mcp.connection import open_account
    from prediction_mcp.settings import load_settings

    folder = load_settings().accounts
    if folder is None:
        with_desk(status, as_json=as_json)
    else:
        show(asyncio.run(crew_status(folder.expanduser(), open_account)), as_json=as_json)
