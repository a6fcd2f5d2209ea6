"""The year's report as pages that one hands to an accountant."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING

from fpdf import FPDF
from fpdf.enums import XPos, YPos

from prediction_mcp import __version__
from prediction_mcp.analytics.lots import days_held
from prediction_mcp.net.words import printed
from prediction_mcp.records.columns import from_micros

if TYPE_CHECKING:
    from .tax import Report

WORDS = {
    "fifo": "first in, first out", "lifo": "last in, first out", "hifo": "highest cost first",
    "average": "average cost", "named": "named lots, then first in, first out",
}  # fmt: skip
MONEY = {"paper": "PAPER MONEY: nothing here is taxable", "demo": "DEMO MONEY: nothing here is taxable", "live": ""}
HEADINGS = ("Contract", "Side", "Acquired", "Disposed", "Contracts", "Proceeds", "Basis", "Gain", "Fees", "Days")
WIDTHS = (75.0, 11.0, 22.0, 22.0, 24.0, 27.0, 27.0, 27.0, 22.0, 12.0)
LOT_HEADINGS = ("Contract", "Side", "Acquired", "Contracts", "Basis")
LOT_WIDTHS = (75.0, 11.0, 22.0, 24.0, 27.0)
LEFT = 4
"""Columns of text, which are set to the left; numbers stand on the right."""
ROW, INK, QUIET, RULE = 5.2, (34, 37, 42), (93, 100, 110), (190, 194, 200)
GAP = 3.0


class Paper(FPDF):
    """Landscape pages with the report's name and their number at the foot."""

    def __init__(self, foot: str) -> None:
        super().__init__(orientation="L", format="letter", unit="mm")
        self.foot = foot
        self.set_margins(5, 12)
        self.set_auto_page_break(auto=True, margin=14)
        self.alias_nb_pages()

    def footer(self) -> None:
        self.set_y(-10)
        self.set_font("helvetica", size=7)
        self.set_text_color(*QUIET)
        self.cell(0, 5, self.foot)
        self.cell(0, 5, f"{self.page_no()} / {{nb}}", align="R")

    def words(self, text: str, size: float = 9, style: str = "", gap: float = 5) -> None:
        self.set_font("helvetica", style=style, size=size)
        self.set_text_color(*(INK if size > 8 or style else QUIET))
        self.cell(0, gap, text, new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def fitted(self, text: str, width: float) -> str:
        """A text that would run into the next column is cut, and says so."""
        if self.get_string_width(text) <= width:
            return text
        while text and self.get_string_width(text + "...") > width:
            text = text[:-1]
        return text + "..."

    def line_of(self, cells: tuple[str, ...], widths: tuple[float, ...], texts: int, style: str = "") -> None:
        self.set_font("helvetica", style=style, size=8)
        self.set_text_color(*INK)
        self.set_draw_color(*RULE)
        for at, (cell, width) in enumerate(zip(cells, widths, strict=True)):
            self.cell(width, ROW, self.fitted(cell, width - GAP), border="B", align="L" if at < texts else "R")
        self.ln(ROW)

    def rows_under(
        self, headings: tuple[str, ...], widths: tuple[float, ...], texts: int, rows: Sequence[tuple[str, ...]]
    ) -> None:
        """Rows under headings, which stand on each page again."""
        self.line_of(headings, widths, texts, "B")
        for row in rows:
            if self.will_page_break(ROW):
                self.add_page()
                self.line_of(headings, widths, texts, "B")
            self.line_of(row, widths, texts)


def pages(made: Report) -> bytes:
    """The PDF. Amounts are rounded to the cent here, totals from what is exact."""
    from .tax import PROFESSIONAL

    paper = Paper(f"prediction-mcp {__version__}, {made.made:%Y-%m-%d}. {PROFESSIONAL}")
    paper.set_title(f"Closed contracts {made.year}")
    paper.add_page()
    paper.words(f"Closed event contracts, {made.year}", 16, "B", 9)
    paper.words(f"Kalshi, {made.environment} account. Lots: {WORDS[made.method]}. Days in {made.zone}.", gap=5)
    if warning := MONEY[made.environment]:
        paper.words(warning, style="B")
    paper.ln(3)
    totals = made.totals
    for name, value in (("Proceeds", totals.proceeds), ("Basis", totals.basis), ("Gain", totals.gain)):
        paper.set_font("helvetica", style="B" if name == "Gain" else "", size=11)
        paper.cell(28, 6, name)
        paper.cell(34, 6, _dollars(value), align="R", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    paper.ln(1)
    paper.words(
        f"{totals.closings:,} closings. Fees of {_dollars(totals.fees)} are in basis and proceeds already. "
        "Rows are rounded to the cent, totals are of exact amounts.", 8,
    )  # fmt: skip
    if made.unknown:
        paper.words(f"Purchases that the exchange doesn't list, with a basis of nothing: {made.unknown}.", 8, "B")
    paper.ln(3)
    if made.closings:
        paper.rows_under(HEADINGS, WIDTHS, LEFT, _rows(made))
        cells = ("Total", "", "", "", "", _dollars(totals.proceeds), _dollars(totals.basis), _dollars(totals.gain),
                 _dollars(totals.fees), "")  # fmt: skip
        paper.line_of(cells, WIDTHS, LEFT, "B")
    else:
        paper.words("Nothing was closed in this year.")
    paper.ln(6)
    if paper.will_page_break(30):
        paper.add_page()
    paper.words(f"Still open at the end of {made.year}", 12, "B", 7)
    if made.open_lots:
        rows = [
            (_latin(lot.ticker), lot.side.upper(), f"{made.day(lot.acquired):%Y-%m-%d}", _count(lot.contracts),
             _dollars(lot.basis))
            for lot in made.open_lots
        ]  # fmt: skip
        paper.rows_under(LOT_HEADINGS, LOT_WIDTHS, 3, rows)
        paper.line_of(("Total", "", "", "", _dollars(made.open_basis)), LOT_WIDTHS, 3, "B")
    else:
        paper.words("Nothing.")
    return bytes(paper.output())


def _rows(made: Report) -> list[tuple[str, ...]]:
    found = list[tuple[str, ...]]()
    for one, acquired, disposed in made.dated():
        days = days_held(acquired, disposed)
        proceeds, basis, gain, fees = map(from_micros, (one.proceeds, one.basis, one.gain, one.fees))
        found.append((
            _latin(one.ticker), one.side.upper(), "unknown" if acquired is None else f"{acquired:%Y-%m-%d}",
            f"{disposed:%Y-%m-%d}", _count(from_micros(one.contracts)), _dollars(proceeds), _dollars(basis),
            _dollars(gain), _dollars(fees), "" if days is None else str(days),
        ))  # fmt: skip
    return found


def _dollars(value: Decimal) -> str:
    cents = value.quantize(Decimal("0.01"), ROUND_HALF_UP)
    return f"-${-cents:,}" if cents < 0 else f"${abs(cents):,}"


def _count(value: Decimal) -> str:
    return printed(value)


def _latin(ticker: str) -> str:
    """A ticker in the fonts that every PDF reader has."""
    return ticker.encode("latin-1", "replace").decode("latin-1")
