"""The paper exchange's documents: the terms of its contracts, as PDF, since that is what an exchange has."""

from __future__ import annotations

import textwrap

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from prediction_mcp.exchange.simulation import Exchange
from prediction_mcp.exchange.world.listed import Series

PREFIX = "/documents"
WIDTH, LINES = 88, 56
"""Characters of a line, lines of a page."""
_FONT = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"


def terms_url(address: str, ticker: str) -> str:
    """Where the terms of a series are."""
    return f"{address}{PREFIX}/terms/{ticker}.pdf"


def routes(exchange: Exchange) -> list[Route]:
    async def terms(request: Request) -> Response:
        found = exchange.catalogue.series.get(request.path_params["ticker"])
        if found is None:
            return Response("there is no such document", 404, media_type="text/plain")
        return Response(pdf(terms_of(found)), media_type="application/pdf")

    return [Route(PREFIX + "/terms/{ticker}.pdf", terms, methods=["GET"])]


def terms_of(series: Series) -> str:
    """The terms of a series' contracts as this exchange really settles them."""
    name, url = series.source
    return f"""{series.title} ({series.ticker}): terms of the contracts

Paper exchange. All money is play money; nothing here is an offer.

1. Scope. Each market of this series asks a question with two answers, YES and NO. One contract of the side that is \
right is worth $1.00 when the market ends, one of the other side nothing.

2. Underlying. The source that a real exchange would settle by is {name} ({url}). This exchange doesn't ask it: \
outcomes are drawn by its own random numbers, from the seed it was started with.

3. Trading. Prices are dollars of YES between $0 and $1, in the steps that each market names. Counts have two \
decimals. A bid for NO at a price is an offer of YES at one dollar less that price.

4. Fees. Type {series.fee_type}, multiplier {series.fee_multiplier}: for each trade the multiplier times 0.07 times \
contracts times price times one dollar less the price, rounded up to a millionth of a dollar.

5. Close and settlement. A market takes no orders after its close; what rests then is cancelled. It is determined, and \
settled once its settlement timer has run. A market may close early where its listing says so.

6. Position limits. None.
"""


def pdf(text: str) -> bytes:
    """Text as the smallest PDF that any reader takes: Helvetica, one column, as many pages as it needs."""
    lines = [line for part in text.splitlines() for line in textwrap.wrap(part, WIDTH) or [""]]
    pages = [lines[start : start + LINES] for start in range(0, len(lines), LINES)]
    first = 4  # after the catalogue, the pages and the font: a page and its content each
    kids = " ".join(f"{first + 2 * n} 0 R" for n in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        _FONT,
    ]
    for number, page in enumerate(pages):
        shown = "".join(f"({_escaped(line)}) Tj T*\n" for line in page)
        stream = f"BT /F1 11 Tf 13 TL 54 780 Td\n{shown}ET".encode("cp1252", "replace")
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 842] /Resources << /Font << /F1 3 0 R >> >> "
            f"/Contents {first + 2 * number + 1} 0 R >>".encode()
        )
        objects.append(f"<< /Length {len(stream)} >>\nstream\n".encode() + stream + b"\nendstream")
    out, offsets = bytearray(b"%PDF-1.4\n"), list[int]()
    for number, content in enumerate(objects, 1):
        offsets.append(len(out))
        out += f"{number} 0 obj\n".encode() + content + b"\nendobj\n"
    start = len(out)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    out += b"".join(f"{offset:010d} 00000 n \n".encode() for offset in offsets)
    out += f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n".encode()
    return bytes(out)


def _escaped(line: str) -> str:
    return line.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
