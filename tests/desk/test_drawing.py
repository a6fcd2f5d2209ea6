"""Pictures: SVG that every reader takes, PNG of it, titles that are only text, figures and times that people expect."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prediction_mcp.desk import colours
from prediction_mcp.desk.drawing import Panel, Picture, Scale, figures, history, moments, spread

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
SVG = "{http://www.w3.org/2000/svg}"


@given(st.text())
def test_any_title_is_text_and_nothing_else(title: str) -> None:
    """Of others: tags, entities, control characters, halves of letters."""
    picture = Picture(title)
    picture.key(title, colours.LINE)
    root = ET.fromstring(picture.svg.encode())  # noqa: S314 - ours
    assert {part.tag for part in root.iter()} == {f"{SVG}svg", f"{SVG}title", f"{SVG}rect", f"{SVG}text", f"{SVG}path"}


@pytest.mark.parametrize("title", ["Will <b>it</b> rain & $5?", "日本 \U0001f600 \x00\ud800", '"><script>'])
def test_any_title_becomes_a_png(title: str) -> None:
    assert Picture(title).png.startswith(b"\x89PNG\r\n")


@given(st.floats(-1e7, 1e7), st.floats(0.01, 1e9), st.integers(2, 10))
def test_figures_are_round_few_and_within(low: float, span: float, most: int) -> None:
    high = low + span
    found = figures(low, high, most)
    assert len(found) <= most + 1
    assert all(low - span * 1e-6 - 1e-9 <= value <= high + span * 1e-6 + 1e-9 for value in found)
    assert found == sorted(found)


def test_figures_people_expect() -> None:
    assert figures(38, 66) == [40, 45, 50, 55, 60, 65]
    assert figures(0, 4_100) == [0, 1000, 2000, 3000, 4000]
    assert figures(0.2, 0.9) == [0.2, 0.4, 0.6, 0.8]
    assert figures(5, 5) == [5]


def test_times_people_expect() -> None:
    def words(**span: float) -> list[str]:
        return [text for _, text in moments(NOON, NOON + timedelta(**span))]

    assert words(hours=4) == ["12:00\n20 Nov", "12:30", "13:00", "13:30", "14:00", "14:30", "15:00", "15:30", "16:00"]
    assert words(hours=30) == ["12:00\n20 Nov", "18:00", "00:00\n21 Nov", "06:00", "12:00", "18:00"]
    assert words(days=5) == ["21 Nov", "22 Nov", "23 Nov", "24 Nov", "25 Nov"]
    assert words(days=400) == ["Jan 2027", "Mar 2027", "May 2027", "Jul 2027", "Sep 2027", "Nov 2027"]
    assert words(seconds=0) == ["12:00\n20 Nov"]


@given(st.integers(0, 7 * 10**9), st.timedeltas(timedelta(0), timedelta(days=20_000)))
def test_times_are_few_in_sequence_and_within(second: int, span: timedelta) -> None:
    begin = datetime.fromtimestamp(second, UTC)
    found = [at for at, _ in moments(begin, begin + span)]
    assert len(found) <= 9
    assert found == sorted(set(found))
    assert all(begin - timedelta(minutes=1) <= at <= begin + span for at in found)


def test_lines_have_gaps_where_nothing_is_known() -> None:
    picture = Picture("x")
    panel = Panel(picture, (0, 3), (0, 1), "y")
    nothing = float("nan")
    picture.path([(panel.x(n), panel.y(v)) for n, v in enumerate((0.1, nothing, 0.3, 0.4))], colours.LINE)
    assert picture.parts[-1].count("M") == 2
    before = len(picture.parts)
    picture.path([(0, nothing)], colours.LINE)
    assert len(picture.parts) == before


def test_one_line_has_its_last_price_beside_it_two_in_their_labels() -> None:
    points = [(NOON, Decimal("0.4")), (NOON + timedelta(hours=1), Decimal("0.455"))]
    alone = history("x", "cents", "UTC", [("", points, colours.LINE, "")]).svg
    assert ">45.5¢</text>" in alone
    both = history("x", "cents", "UTC", [("a", points, colours.LINE, ""), ("b", points[:1], colours.BARS, "7 4")]).svg
    assert ">a: 45.5¢</text>" in both
    assert ">b: 40¢</text>" in both


def test_scales_and_spreads_bear_a_single_figure() -> None:
    assert Scale(3, 3, 10, 20)(3) == 10
    low, high = spread([0.5, 0.5])
    assert low < 0.5 < high
    assert spread([float("nan")]) == (0, 1)


def contrast(first: str, second: str) -> float:
    """As WCAG 2.2 defines it."""

    def light(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    high, low = sorted((light(first), light(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_lines_and_words_stand_out_from_the_ground() -> None:
    for name in ("INK", "QUIET", "LINE", "BUY", "SELL"):
        assert contrast(getattr(colours, name), colours.GROUND) > 4.5
    assert contrast(colours.BARS, colours.GROUND) > 3
