"""The command line: serve, demo, tools, call, exchange. Without a command it serves MCP over stdio."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from prediction_mcp import __version__

from . import automation, database, install, moving, records, worker
from .console import prepare
from .output import ask

app = typer.Typer(
    add_completion=False,
    no_args_is_help=False,
    pretty_exceptions_enable=False,
    help="Research, trade and watch prediction markets from an AI assistant. Without a command: MCP over stdio.",
)
OF_TOOLSETS = "Toolsets beside the 52, separated by commas: advanced, across, automation, polymarket, records, safety."
Toolsets = Annotated[str | None, typer.Option(help=OF_TOOLSETS)]
Lean = Annotated[bool | None, typer.Option("--lean/--all", help="Offer a search and a call tool instead of all tools.")]
Json = Annotated[bool, typer.Option("--json", help="Nothing but JSON; see “prediction-mcp schema”.")]
AT_A_TERMINAL = (
    "This waits for an MCP client, which talks to it here. “prediction-mcp install CLIENT” sets one up, "
    "“prediction-mcp demo” shows a conversation, Ctrl-C ends it.\n"
)
HttpPort = Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")]


def main() -> None:
    """Entry point. A problem is one sentence on stderr and an exit code: see :mod:`.output`."""
    from .output import code_of, is_json, show_error

    prepare()
    try:
        if is_json():
            _run_for_program()
        app()
    except Exception as error:
        # Loaded only where one is told: to import the settings takes three times as long as --version or --help.
        from prediction_mcp.net.errors import PlatformError
        from prediction_mcp.settings import SettingsError

        if not isinstance(error, SettingsError | PlatformError):
            raise
        show_error(str(error))
        raise SystemExit(code_of(error)) from None


def _run_for_program() -> NoReturn:
    """As ``app()``, but a wrong call is told as JSON, too, as every failure is."""
    from .output import show_error

    try:
        code = app(standalone_mode=False)
    except Exception as error:
        if not hasattr(error, "format_message"):  # typer carries a click of its own: told by its shape
            raise
        show_error(" ".join(str(error.format_message()).split()))
        raise SystemExit(2) from None
    raise SystemExit(code if isinstance(code, int) else 0)


@app.callback(invoke_without_command=True)
def default(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
    toolsets: Toolsets = None,
    lean: Lean = None,
) -> None:
    if version:
        typer.echo(f"prediction-mcp {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        _serve_stdio(_chosen(toolsets, lean))
    elif toolsets is not None or lean is not None:
        raise typer.BadParameter("--toolsets and --lean go with serving: without a command, or after “serve”.")


def _chosen(toolsets: str | None, lean: bool | None) -> dict[str, Any]:
    """What the command line says beside the settings; it has the last word."""
    given = {"toolsets": toolsets, "lean": lean}
    return {name: value for name, value in given.items() if value is not None}


def _serve_stdio(chosen: dict[str, Any]) -> None:
    from prediction_mcp.logs import configure_logging
    from prediction_mcp.server import create_server, serve_stdio
    from prediction_mcp.settings import load_settings

    if os.name == "posix":
        # Nothing is open until serve_stdio listens for it itself: an interrupt in an import may get lost, and one while
        # the loop begins would wait for the next line of stdin.
        signal.signal(signal.SIGINT, lambda *_: os._exit(128 + signal.SIGINT))
    settings = load_settings(**chosen)
    configure_logging(settings.log_level)
    sys.stderr.write(f"prediction-mcp {__version__}: {settings.describe()}\n")
    if sys.stdin is not None and sys.stdin.isatty():
        sys.stderr.write(AT_A_TERMINAL)
    asyncio.run(serve_stdio(create_server(settings)))


@app.command()
def serve(
    http: Annotated[bool, typer.Option("--http", help="Serve streamable HTTP instead of stdio.")] = False,
    host: Annotated[
        str, typer.Option(help="Address to listen on; others than loopback need HTTP_TOKEN.")
    ] = "127.0.0.1",
    port: HttpPort = 8000,
    allow_host: Annotated[
        list[str] | None, typer.Option(help="Name in the Host header that is accepted too; repeatable.")
    ] = None,
    toolsets: Toolsets = None,
    lean: Lean = None,
) -> None:
    """Serve MCP: over stdio, or over HTTP."""
    if not http:
        _serve_stdio(_chosen(toolsets, lean))
        return
    from starlette.middleware import Middleware

    from prediction_mcp.logs import configure_logging
    from prediction_mcp.protocol.unreadable import ReadableBodies
    from prediction_mcp.server import create_server
    from prediction_mcp.settings import SettingsError, load_settings
    from prediction_mcp.settings.folder_env import LOOPBACK

    settings = load_settings(**_chosen(toolsets, lean))
    here = host in LOOPBACK
    if not settings.http_authenticated:
        if not here:
            raise SettingsError(
                "Without HTTP_TOKEN (or HTTP_JWKS_URL) HTTP is for this machine only: leave --host out."
            )
        settings = settings.model_copy(update={"read_only": True})
    elif not here and not allow_host:
        raise SettingsError("Name the hosts that clients use with --allow-host: others are refused (DNS rebinding).")
    configure_logging(settings.log_level)
    known = "bearer token asked" if settings.http_authenticated else "no authentication"
    sys.stderr.write(f"prediction-mcp {__version__}: {settings.describe()}, {known}; http://{host}:{port}/mcp\n")
    create_server(settings).run(
        transport="http", host=host, port=port, show_banner=False, host_origin_protection=True, log_level="warning",
        allowed_hosts=[*(allow_host or []), *(LOOPBACK if here else ())],
        middleware=[Middleware(ReadableBodies)],
    )  # fmt: skip


app.command("install")(install.install)


@app.command()
def demo() -> None:
    """Play the main job through a real MCP session over stdio: find, read, trade, look at the result."""
    from prediction_mcp.cli.demo import play

    asyncio.run(play())


@app.command()
def tools(as_json: Json = False) -> None:
    """List the tools of this server, with what they cost in context."""
    from prediction_mcp.cli.inspect import list_tools

    asyncio.run(list_tools(as_json=as_json))


@app.command(context_settings={"ignore_unknown_options": True})
def call(
    tool: Annotated[str, typer.Argument(help="Name of a tool; the prefix kalshi_ may be left out.")],
    arguments: Annotated[list[str] | None, typer.Argument(help="Arguments as name=value; lists as JSON.")] = None,
    as_json: Json = False,
) -> None:
    """Call one tool and print its answer."""
    from prediction_mcp.cli.inspect import call_tool

    raise typer.Exit(asyncio.run(call_tool(tool, arguments or [], as_json=as_json)))


@app.command()
def watch(
    tickers: Annotated[list[str], typer.Argument(help="Markets to watch.")],
    seconds: Annotated[float | None, typer.Option(min=0, help="Stop by itself after this long.")] = None,
    as_json: Json = False,
) -> None:
    """Show live books and trades; q quits. With --json a line for each market whenever something changed."""
    from prediction_mcp.cli.watch import watch as show

    asyncio.run(show(tickers, seconds, as_json=as_json))


@app.command()
def halt(as_json: Json = False) -> None:
    """Kill switch: cancel everything that rests, and refuse new orders until you resume."""
    from prediction_mcp.cli.safety import halt_trading

    raise typer.Exit(asyncio.run(halt_trading(as_json=as_json)))


@app.command()
def resume(as_json: Json = False) -> None:
    """Let orders through again after a halt."""
    from prediction_mcp.cli.safety import resume_trading

    resume_trading(as_json=as_json)


@app.command()
def limits(
    reset: Annotated[bool, typer.Option("--reset", help="Forget what was made tighter at run time.")] = False,
    as_json: Json = False,
) -> None:
    """Show the limits on orders and what was used of them."""
    from prediction_mcp.cli.safety import show_limits

    show_limits(reset=reset, as_json=as_json)


@app.command()
def journal(
    last: Annotated[int, typer.Option("--last", "-n", min=1, help="How many lines.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="As they are written.")] = False,
    settle: Annotated[
        str | None, typer.Option(metavar="ID", help="Let go of a write of unknown fate, after you looked at Kalshi.")
    ] = None,
) -> None:
    """Show what was asked, answered, sent and done."""
    from prediction_mcp.cli.safety import settle_by_hand, show_journal

    if settle is not None:
        settle_by_hand(settle, as_json=as_json)
        return
    show_journal(last=last, as_json=as_json)


app.command("orders")(records.orders)
app.command("fills")(records.fills)
app.command("transactions")(records.transactions)
records.portfolio.command("move")(moving.portfolio_move)
app.add_typer(records.portfolio, name="portfolio")
app.add_typer(records.tax, name="tax")
app.add_typer(records.forecast, name="forecast")
app.add_typer(records.records, name="records")
app.add_typer(database.db, name="db")
app.add_typer(automation.alerts, name="alerts")


@app.command()
def doctor(
    bundle: Annotated[Path | None, typer.Option(help="Write a report for an issue: no secrets in it.")] = None,
    as_json: Json = False,
) -> None:
    """Look at everything that could be the matter, and say what to do about it. Exit code 1 where something fails."""
    from prediction_mcp.cli.doctor import show_doctor

    raise typer.Exit(show_doctor(bundle, as_json=as_json))


@app.command()
def health(as_json: Json = False) -> None:
    """Whether exchange, database, worker, rate budget and journal are as they should be."""
    automation.show_health(as_json=as_json)


app.add_typer(automation.standing, name="standing")
app.add_typer(worker.worker, name="worker")
app.add_typer(automation.notify, name="notify")


@app.command()
def schema(
    command: Annotated[str | None, typer.Argument(help="Like “tax report”; all of them without it.")] = None,
) -> None:
    """The JSON Schema of what commands answer with --json."""
    from prediction_mcp.cli.schemas import show_schema

    show_schema(command)


paper = typer.Typer(help="The paper money that is kept between sessions.", no_args_is_help=True)
app.add_typer(paper, name="paper")


@paper.command("status")
def paper_status(as_json: Json = False) -> None:
    """Where it is kept, whether it runs, what the account holds."""
    from prediction_mcp.cli.paper import show_status

    show_status(as_json=as_json)


@paper.command("deposit")
def paper_deposit(
    dollars: Annotated[str, typer.Argument(help="Paper dollars, like 2500 or 99.50.")], as_json: Json = False
) -> None:
    """Add paper money to the account."""
    from prediction_mcp.cli.paper import make_deposit

    make_deposit(dollars, as_json=as_json)


@paper.command("reset")
def paper_reset(
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
    as_json: Json = False,
) -> None:
    """Throw all paper money, orders and history away and begin anew."""
    from prediction_mcp.cli.paper import reset

    if not yes:
        ask("Throw all paper money, orders and history away?", as_json=as_json)
    reset(as_json=as_json)


@app.command()
def exchange(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; 0 takes a free one.")] = 0,
    seed: Annotated[int, typer.Option(help="The same seed and start time give the same listing.")] = 1,
    tier: Annotated[str, typer.Option(help="Usage tier of the account, which sets its rate limits.")] = "basic",
    deposit: Annotated[str, typer.Option(help="Paper dollars to start with.")] = "10000",
    algorithm: Annotated[str, typer.Option(help="Kind of the API key: ed25519 or rsa.")] = "ed25519",
    scope: Annotated[str, typer.Option(help="What the key may do: read, or read,write.")] = "read,write",
    key_file: Annotated[Path | None, typer.Option(help="Where to write the private key.")] = None,
    fault: Annotated[
        list[str] | None,
        typer.Option(help="What goes wrong: 429@0.05, latency:300, cut_after@0.1/POST; repeatable."),
    ] = None,
    quiet_crowd: Annotated[bool, typer.Option("--quiet", help="No simulated trading after the start.")] = False,
    scenario: Annotated[str, typer.Option(help="What is listed: everyday, or small (five series).")] = "everyday",
    speed: Annotated[float, typer.Option(help="Simulated seconds a second; 0 stands still until stepped.")] = 1.0,
    store: Annotated[Path | None, typer.Option(help="File to keep everything in; a second start goes on.")] = None,
    weekly: Annotated[bool, typer.Option("--weekly", help="Pause trading on Thursdays 03:00-05:00 ET.")] = False,
    venue: Annotated[str, typer.Option(help="Whose addresses are told: kalshi or polymarket.")] = "kalshi",
    roots: Annotated[
        int | None,
        typer.Option(help="Also serve Gamma, CLOB and Data API at the roots of this port and the next two."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Run the paper exchange alone, for any client of Kalshi or Polymarket."""
    from prediction_mcp.cli.exchange import run

    options: dict[str, Any] = {
        "port": port,
        "seed": seed,
        "tier": tier,
        "deposit": deposit,
        "algorithm": algorithm,
        "scopes": frozenset(part.strip() for part in scope.split(",") if part.strip()),
        "key_file": key_file,
        "with_crowd": not quiet_crowd,
        "faults": fault or [],
        "scenario": scenario,
        "speed": speed,
        "store_file": store,
        "weekly": weekly,
        "venue": venue.strip().lower(),
        "roots": roots,
        "as_json": as_json,
    }
    asyncio.run(run(**options))
