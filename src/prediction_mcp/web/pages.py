"""The page over HTTP: signing in with the server's token, what goes on, the kill switch.

Nothing of it runs scripts but one file of ours, nothing may frame it, and what changes something takes the session's
own word beside its cookie.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from loguru import logger
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from prediction_mcp import __version__
from prediction_mcp.net.errors import PlatformError
from prediction_mcp.net.words import printed
from prediction_mcp.safety.halt import UNREAD
from prediction_mcp.safety.journal import JournalError
from prediction_mcp.safety.text import clean

from .sessions import LONGEST_S, Sessions, SignedIn
from .view import look

if TYPE_CHECKING:
    from jinja2 import Environment
    from starlette.requests import Request

    from prediction_mcp.desk.kalshi.account import Account

COOKIE = "prediction_mcp"
WORD = "RESUME"
"""What a person types to let orders through again."""
BY = "a person at the dashboard"
LARGEST = 10_000
"""Bytes of a form."""
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",  # with no-referrer browsers call our own forms nobody's (Origin: null)
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}
STATIC = {"desk.css": "text/css", "desk.js": "text/javascript"}


class Dashboard:
    """The page of one account.

    Args:
        account: as the server holds it; opened by the first look.
        verify: whether a token is one that MCP takes, too; None where the server asks nobody for one, and is read-only.
    """

    def __init__(self, account: Callable[[], Account], verify: Callable[[str], Awaitable[bool]] | None) -> None:
        self._account, self._verify = account, verify
        self.sessions = Sessions()

    # -- what is shown ---------------------------------------------------------------------------------------------

    async def show(self, request: Request) -> Response:
        who = self._who(request)
        if who is None:
            return self._page("login.html", problem=None)
        return await self._desk(who, "desk.html")

    async def parts(self, request: Request) -> Response:
        """What changes, for the script that looks again."""
        who = self._who(request)
        if who is None:
            return self._text("You are signed out.", 401)
        return await self._desk(who, "parts.html")

    async def _desk(self, who: SignedIn, template: str, said: str | None = None, status: int = 200) -> Response:
        at = datetime.now(UTC)  # before it is read: nothing that is shown is older
        try:
            view, problem = await look(self._account()), None
        except PlatformError as error:
            view, problem = None, str(error)
        may = self._verify is not None
        return self._page(template, status, view=view, at=at, problem=problem, said=said, csrf=who.csrf, may_brake=may)

    async def static(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in STATIC:
            return self._text("There is no such file.", 404)
        return Response(_file(name), media_type=STATIC[name], headers={**HEADERS, "cache-control": "max-age=3600"})

    # -- signing in ------------------------------------------------------------------------------------------------

    def _who(self, request: Request) -> SignedIn | None:
        """Who asks; anybody of this machine where nobody is asked for a token: they can change nothing."""
        if self._verify is None:
            return SignedIn(0.0, csrf="")
        return self.sessions.get(request.cookies.get(COOKIE))

    async def login(self, request: Request) -> Response:
        if self._verify is None or not _same_origin(request):
            return self._text("Sign in at this page.", 403)
        form = await _form(request)
        if not await self._verify(form.get("token", "").strip()):
            if self.sessions.wrong():
                return self._page("login.html", 429, problem="That token isn't right, and many weren't: wait a minute.")
            logger.warning("a wrong token was given at the dashboard")
            return self._page("login.html", 401, problem="That token isn't right.")
        answer = RedirectResponse("/", 303, HEADERS)
        secure = request.url.scheme == "https"
        answer.set_cookie(
            COOKIE, self.sessions.begin(), int(LONGEST_S), httponly=True, samesite="strict", secure=secure, path="/"
        )
        return answer

    async def logout(self, request: Request) -> Response:
        refused, _ = await self._checked(request)
        if refused is not None:
            return refused
        self.sessions.end(request.cookies[COOKIE])
        answer = RedirectResponse("/", 303, HEADERS)
        answer.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
        return answer

    async def _checked(self, request: Request) -> tuple[Response | None, dict[str, str]]:
        """A refusal where a form isn't this session's, and the form."""
        who = self.sessions.get(request.cookies.get(COOKIE)) if self._verify is not None else None
        if who is None:
            return self._text("Sign in first.", 401), {}
        form = await _form(request)
        if not _same_origin(request) or not who.owns(form.get("csrf", "")):
            return self._text("This form isn't from your page: load it again.", 403), {}
        return None, form

    # -- the brakes ------------------------------------------------------------------------------------------------

    async def halt(self, request: Request) -> Response:
        """Asks nothing twice."""
        refused, _ = await self._checked(request)
        if refused is not None:
            return refused
        return await self._braked(request, await self._halted())

    async def _halted(self) -> str:
        try:
            done, problem = await self._account().guard.stop(BY)
        except PlatformError as error:
            return f"Halted: no new orders. What rests could NOT be cancelled ({error}): halt again."
        orders = "order" if done.cancelled == 1 else "orders"
        count = printed(done.contracts)
        said = [f"Halted: no new orders. Cancelled {done.cancelled} resting {orders}, {count} contracts."]
        if done.left is None:
            said.append(UNREAD)
        elif done.left:
            said.append(f"{done.left} orders still rest: halt again.")
        return " ".join([*said, *filter(None, (problem,))])

    async def resume(self, request: Request) -> Response:
        """Takes a word that a person types."""
        refused, form = await self._checked(request)
        if refused is not None:
            return refused
        if not hmac.compare_digest(form.get("word", "").strip().encode(), WORD.encode()):
            return await self._braked(request, f"Nothing was changed: type {WORD} to let orders through again.", 400)
        try:
            was = self._account().guard.resume(BY)
        except JournalError as error:
            return await self._braked(request, f"Trading could NOT be resumed: {error}", 500)
        return await self._braked(request, "Orders go through again." if was else "Trading wasn't halted.")

    async def _braked(self, request: Request, said: str, status: int = 200) -> Response:
        who = self._who(request)
        assert who is not None  # noqa: S101 - it was checked
        return await self._desk(who, "desk.html", said, status)

    # -- answers ---------------------------------------------------------------------------------------------------

    def _page(self, template: str, status: int = 200, **values: Any) -> Response:
        text = _templates().get_template(template).render(version=__version__, word=WORD, **values)
        return Response(text, status, HEADERS, media_type="text/html; charset=utf-8")

    def _text(self, said: str, status: int) -> Response:
        return PlainTextResponse(f"{said}\n", status, HEADERS)


async def _form(request: Request) -> dict[str, str]:
    """A form's fields, each once; nothing of one that is too large or isn't one."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > LARGEST:
            return {}
    try:
        fields = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=20)
    except (ValueError, UnicodeDecodeError):
        return {}
    return {name: values[-1] for name, values in fields.items()}


def _same_origin(request: Request) -> bool:
    """Whether a browser says that the form is from this page; other programs say nothing."""
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        return False
    return origin is None or urlsplit(origin).netloc == request.headers.get("host")


@cache
def _file(name: str) -> bytes:
    return (files("prediction_mcp.web") / "static" / name).read_bytes()


@cache
def _templates() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("prediction_mcp.web"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    made.filters["money"] = _money
    made.filters["clean"] = clean
    made.filters["count"] = printed
    return made


def _money(value: Any) -> str:
    """Dollars with their cents, and more digits only where there are some."""
    text = f"{value:,.4f}"
    whole = text[:-2] if text.endswith("00") else text.rstrip("0")
    return f"-${whole[1:]}" if whole.startswith("-") else f"${whole}"
