"""Whether writing is on: every way to set it, and every typo."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from prediction_mcp.settings import Settings, SettingsError, load_settings

LIVE = {
    "KALSHI_ENV": "live", "READ_ONLY": "false", "LIVE_TRADING": "real-money", "KALSHI_API_KEY_ID": "k",
    "KALSHI_PRIVATE_KEY": "pem",
}  # fmt: skip


def load(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Settings:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return load_settings()


def test_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    paper = load(monkeypatch)
    assert [paper.writes_allowed, paper.confirm_over, paper.fallback] == [True, None, "token"]
    demo = load(monkeypatch, KALSHI_ENV="demo")
    assert [demo.writes_allowed, demo.confirm_over, demo.fallback] == [False, 0, "token"]
    live = load(monkeypatch, KALSHI_ENV="live")
    assert [live.writes_allowed, live.confirm_over, live.fallback] == [False, 0, "refuse"]


def test_live_takes_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(monkeypatch, **LIVE).writes_allowed
    assert "REAL MONEY), orders allowed, asks before each" in load_settings().describe()


@pytest.mark.parametrize("missing", ["READ_ONLY", "LIVE_TRADING", "KALSHI_API_KEY_ID", "KALSHI_PRIVATE_KEY"])
def test_live_without_one_of_them_is_read_only(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    settings = load(monkeypatch, **{name: value for name, value in LIVE.items() if name != missing})
    assert not settings.writes_allowed
    assert settings.why_read_only


def typos(value: str) -> list[str]:
    """A letter left out, doubled, or another case."""
    return [
        *(value[:i] + value[i + 1 :] for i in range(len(value))),
        *(value[:i] + value[i] + value[i:] for i in range(len(value))),
    ]


@pytest.mark.parametrize("name", ["KALSHI_ENV", "READ_ONLY", "LIVE_TRADING"])
def test_no_typo_turns_real_money_on(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A value mistyped, and a name mistyped: refused, read-only, or paper; never orders with real money."""
    others = {key: value for key, value in LIVE.items() if key != name}
    for value in (*typos(LIVE[name]), "", "yes", "1", "true", "on"):
        with monkeypatch.context() as here:
            try:
                settings = load(here, **others, **{name: value})
            except SettingsError:
                continue
            assert settings.env != "live" or not settings.writes_allowed or settings.read_only is False, value
            if name != "READ_ONLY":
                assert settings.env != "live" or not settings.writes_allowed, value
    for wrong in typos(name):
        with monkeypatch.context() as here:
            settings = load(here, **others, **{wrong: LIVE[name]})
            assert settings.env != "live" or not settings.writes_allowed, wrong


@pytest.mark.parametrize("env", ["paper", "demo"])
@pytest.mark.parametrize("host", ["api.elections.kalshi.com", "external-api.kalshi.com"])
def test_a_play_mode_never_reaches_production(monkeypatch: pytest.MonkeyPatch, env: str, host: str) -> None:
    with pytest.raises(SettingsError, match="must be live"):
        load(monkeypatch, KALSHI_ENV=env, KALSHI_BASE_URL=f"https://{host}/trade-api/v2")


def test_paper_elsewhere_is_read_only_until_told(monkeypatch: pytest.MonkeyPatch) -> None:
    there = {"KALSHI_BASE_URL": "https://paper.example/trade-api/v2"}
    assert not load(monkeypatch, **there).writes_allowed
    assert load(monkeypatch, **there, READ_ONLY="false").writes_allowed


@pytest.mark.parametrize(
    ("rule", "over"), [("always", 0), ("NEVER", None), ("over:50", 50), ("over:12.50", Decimal("12.5")), ("over:0", 0)]
)
def test_rules_of_confirmation(monkeypatch: pytest.MonkeyPatch, rule: str, over: Any) -> None:
    assert load(monkeypatch, CONFIRM=rule).confirm_over == over


@pytest.mark.parametrize("rule", ["allways", "over", "over:", "over:-5", "over:5 dollars", "no", "false"])
def test_rules_that_are_none(monkeypatch: pytest.MonkeyPatch, rule: str) -> None:
    with pytest.raises(SettingsError, match="CONFIRM"):
        load(monkeypatch, CONFIRM=rule)


def test_settings_that_would_open_a_door(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (
        ("HTTP_TOKEN", "short"), ("HTTP_JWKS_URL", "http://id.example/jwks"), ("HTTP_JWKS_URL", "https://id.example/jwks"),
        ("LIMIT_DAY_SPENT", "-1"), ("CONFIRM_FALLBACK", "allow"), ("TOOLSETS", "everything"), ("LIVE_TRADING", "true"),
    ):  # fmt: skip
        with monkeypatch.context() as here, pytest.raises(SettingsError):
            load(here, **{name: value})


def test_accounts_do_not_share_their_records(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    homes = {load_settings(env="live", api_key_id=key).safety_home for key in ("a", "b")}
    homes |= {load_settings(env="demo", api_key_id="a").safety_home}
    assert len(homes) == 3
    monkeypatch.delenv("SAFETY_FOLDER")
    assert load_settings(paper_keep=False).safety_home is None
    assert load_settings(paper_folder=tmp_path).safety_home == tmp_path / "safety"
