"""Two markets' facts compared one by one, and the relation that follows. Likeness of words decides nothing."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from .facts import Facts, Subject
from .lexicon import CHANGES, NARROWS, TAKEN_FOR_GRANTED
from .moments import Window
from .numbers import INFINITE, Interval

Relation = Literal["identity", "complement", "subset", "superset", "overlap", "disjoint", "unknown"]
Name = Literal["entity", "threshold", "window", "source", "structure", "void rule", "early close"]
State = Literal["equal", "different", "unknown"]
Confidence = Literal["high", "medium", "low"]
_DECIDES: frozenset[Name] = frozenset(("entity", "threshold", "window", "source", "structure"))
"""Facts without which there is no relation; of the source only where one side names one."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact of both markets; ``said`` is what each has, "" where it says nothing."""

    name: Name
    state: State
    said: tuple[str, str] = ("", "")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What two markets are to each other: "the first is yes" against "the first outcome of the second is right".

    Attributes:
        relation: identity (the same contract), complement (exactly one of both is right), subset (the first right means
            the second right), superset, disjoint (never both), overlap (neither says anything certain of the other), or
            unknown: a fact that decides isn't said by both.
        would_be: what it is if all that is unknown turns out equal.
        confidence: high where every fact is known, medium where only what happens without a result or early is not.
    """

    relation: Relation
    would_be: Relation
    facts: tuple[Fact, ...]
    confidence: Confidence

    @property
    def is_same_question(self) -> bool:
        return self.relation in ("identity", "complement")

    @property
    def is_turned(self) -> bool:
        """Whether yes of the one is no of the other."""
        return self.would_be == "complement"

    def named(self, state: State) -> list[Name]:
        return [fact.name for fact in self.facts if fact.state == state]


def compare(a: Facts, b: Facts) -> Verdict:
    """The facts of two markets held against each other."""
    entity, part = _entity(a, b)
    window = _window(a.window, b.window)
    source = _source(a, b)
    threshold, numbers = _threshold(a, b)
    structure = _structure(a, b)
    void = _plain("void rule", a.void, b.void)
    early = _plain("early close", _early(a.early), _early(b.early))
    facts = (entity, threshold, window, source, structure, void, early)
    would_be = _relation(a, b, part, numbers, {fact.name: fact.state for fact in facts})
    missing = [f for f in facts if f.state == "unknown" and f.name in _DECIDES and (f.name != "source" or any(f.said))]
    relation: Relation = "unknown" if missing and would_be != "overlap" else would_be
    unknown = any(fact.state == "unknown" for fact in facts)
    return Verdict(relation, would_be, facts, "low" if missing else "medium" if unknown else "high")


# -- what follows from the facts -----------------------------------------------------------------------------------


def _relation(a: Facts, b: Facts, part: Relation, numbers: Relation, states: dict[Name, State]) -> Relation:
    """The relation, with everything unknown taken for equal."""
    when = _earlier(a.window, b.window) if states["window"] == "different" else "identity"
    relation = _together(part, _together(numbers, when))
    if states["window"] == "different" and relation in ("disjoint", "complement"):
        relation = "overlap"  # of two days each may have its own answer
    turned_a, turned_b = a.subject.is_negated, b.subject.is_negated
    if b.is_versus and _names(a.subject.option, b.subject.other, b.subject.option):
        turned_b = not turned_b
    elif a.is_versus and not b.is_versus and _names(b.subject.option, a.subject.other, a.subject.option):
        turned_a = not turned_a
    if turned_b:
        relation = _turned(relation)
    if turned_a:
        relation = _mirrored(_turned(_mirrored(relation)))
    if "different" in (states["source"], states["structure"], states["void rule"], states["early close"]):
        return "overlap"  # they may part, so nothing is certain
    return relation


_MIRROR: dict[Relation, Relation] = {"subset": "superset", "superset": "subset"}


def _mirrored(relation: Relation) -> Relation:
    """The same, seen from the other market."""
    return _MIRROR.get(relation, relation)


def _turned(relation: Relation) -> Relation:
    """The same where yes and no of the second market are exchanged."""
    turned: dict[Relation, Relation] = {
        "identity": "complement", "complement": "identity", "subset": "disjoint", "disjoint": "subset",
    }  # fmt: skip
    return turned.get(relation, "overlap")


def _together(one: Relation, other: Relation) -> Relation:
    """Two aspects of the same question, each with a relation of its own, where a market has to be right in both."""
    if one == "identity" or one == other:
        return other
    if other == "identity":
        return one
    return "disjoint" if "disjoint" in (one, other) else "overlap"


# -- facts ---------------------------------------------------------------------------------------------------------


def _entity(a: Facts, b: Facts) -> tuple[Fact, Relation]:
    """What both are about, and what follows where all else is equal."""
    one, other = a.subject, b.subject
    only_a, only_b = one.head - other.body, other.head - one.body
    if not (only_a and only_b):
        only_a, only_b = only_a - TAKEN_FOR_GRANTED, only_b - TAKEN_FOR_GRANTED
    said = (" ".join(sorted(one.head)), " ".join(sorted(other.head)))
    if one.option and other.option:  # that an answer wins goes without saying, and "who wins?" asks of a draw, too
        only_a, only_b = only_a - {"win"}, only_b - {"win"}
    if apart := _apart(a, b):
        rest_a, rest_b = only_a - one.option, only_b - other.option
        exclusive = a.exclusive or b.exclusive or (b.is_versus and a.is_versus)
        state: State = "different"
        relation: Relation = "disjoint" if exclusive and not rest_a and not rest_b else "overlap"
        return Fact("entity", state, apart), relation
    changes = (CHANGES & one.head) ^ (CHANGES & other.head)
    changed = {word for word in changes if word not in (other.body if word in one.head else one.body)}
    if not only_a and not only_b:
        return Fact("entity", "equal", said), "identity"
    shown = (" ".join(sorted(only_a)), " ".join(sorted(only_b)))
    if only_a <= NARROWS and only_b <= NARROWS and not (only_a and only_b):
        return Fact("entity", "different", shown), "subset" if only_a else "superset"
    if changed or (only_a and only_b and (one.head & other.head)):
        return Fact("entity", "different", shown), "overlap"
    if only_a and only_b:
        return Fact("entity", "different", said), "overlap"
    return Fact("entity", "unknown", shown), "identity"


def _apart(a: Facts, b: Facts) -> tuple[str, str] | None:
    """The answers that two markets are about, where they are two."""
    one, other = a.subject, b.subject
    if not one.option or not other.option:
        return None
    sides_a, sides_b = ([s for s in (subject.option, subject.other) if s] for subject in (one, other))
    if a.is_versus and b.is_versus:
        met = all(any(mine & side for side in sides_b) for mine in sides_a)
    else:
        met = any(mine & side for mine in sides_a for side in sides_b)
    return None if met else _shown(one, other)


def _shown(one: Subject, other: Subject) -> tuple[str, str]:
    return " ".join(sorted(one.option | one.other)), " ".join(sorted(other.option | other.other))


def _names(option: Set[str], side: Set[str], against: Set[str]) -> bool:
    """Whether an option is this side rather than the one against it."""
    return len(option & side) > len(option & against)


def _threshold(a: Facts, b: Facts) -> tuple[Fact, Relation]:
    one, other = a.threshold, b.threshold
    if one is None and other is None:
        return Fact("threshold", "equal"), "identity"
    if one is None or other is None:
        said = ("" if one is None else one.said, "" if other is None else other.said)
        return Fact("threshold", "unknown", said), "identity"
    step = a.step if a.step == b.step else None
    relation = _numbers(one.on_grid(step), other.on_grid(step), step)
    said = (_reached(one, a), _reached(other, b))
    if a.touches != b.touches:
        reach: Relation = "subset" if b.touches else "superset"
        if not _ends_alike(a.window, b.window) or relation not in ("identity", reach):
            reach = "overlap"
        return Fact("threshold", "different", said), reach
    return Fact("threshold", "equal" if relation == "identity" else "different", said), relation


def _ends_alike(a: Window | None, b: Window | None) -> bool:
    return a is not None and b is not None and (a.end, a.at) == (b.end, b.at)


def _reached(numbers: Interval, facts: Facts) -> str:
    return f"{numbers.said}, once" if facts.touches else numbers.said


def _numbers(a: Interval, b: Interval, step: Decimal | None) -> Relation:
    """Of two sets of numbers, on a grid where there is one."""
    if a == b:
        return "identity"
    first, second = (a, b) if (a.low, not a.has_low) <= (b.low, not b.has_low) else (b, a)
    meets = second.low < first.high or (second.low == first.high and second.has_low and first.has_high)
    if not meets:
        all_but_gap = first.low == -INFINITE and second.high == INFINITE
        if step is None:
            touch = first.high == second.low and (first.has_high or second.has_low)
        else:
            touch = second.low - first.high == step
        return "complement" if all_but_gap and touch else "disjoint"
    if _within(a, b):
        return "subset"
    return "superset" if _within(b, a) else "overlap"


def _within(inner: Interval, outer: Interval) -> bool:
    above = inner.low > outer.low or (inner.low == outer.low and (outer.has_low or not inner.has_low))
    below = inner.high < outer.high or (inner.high == outer.high and (outer.has_high or not inner.has_high))
    return above and below


def _window(a: Window | None, b: Window | None) -> Fact:
    said = ("" if a is None else a.said, "" if b is None else b.said)
    if a is None or b is None:
        return Fact("window", "unknown", said)
    if a == b:
        return Fact("window", "equal", said)
    if a.kind == b.kind and a.end == b.end and (a.at is None) != (b.at is None):
        told = a.is_said if b.at is None else b.is_said
        return Fact("window", "unknown" if told else "equal", said)
    if a.kind == b.kind:
        same = a.end == b.end and a.at == b.at  # of two that begin apart
        return Fact("window", "unknown" if same and None in (a.start, b.start) else "different", said)
    if {a.kind, b.kind} == {"by", "on"} and a.end == b.end and (a.at == b.at or None in (a.at, b.at)):
        return Fact("window", "equal" if a.at == b.at else "unknown", said)
    if (a.end.year, a.end.month) == (b.end.year, b.end.month) or "year" in (a.kind, b.kind):
        same_year = a.end.year == b.end.year
        return Fact("window", "unknown" if same_year else "different", said)
    return Fact("window", "different", said)


def _earlier(a: Window | None, b: Window | None) -> Relation:
    """Two deadlines: what happens by the earlier one has happened by the later one."""
    if a is None or b is None or a.kind != "by" or b.kind != "by" or a.start != b.start:
        return "overlap"
    return "subset" if (a.at and b.at and a.at < b.at) or a.end < b.end else "superset"


def _source(a: Facts, b: Facts) -> Fact:
    said = tuple(" ".join((*sorted(f.sources), *sorted(f.station))) for f in (a, b))
    states = {_sets(a.sources, b.sources), _sets(a.station, b.station)}
    nobody_says = not any(said)
    state: State = "different" if "different" in states else "equal"
    if nobody_says or (state == "equal" and "unknown" in states):
        state = "unknown"
    return Fact("source", state, (said[0], said[1]))


def _sets(a: frozenset[str], b: frozenset[str]) -> State:
    """Names that are said by both are compared; what nobody says is no difference."""
    if not a and not b:
        return "equal"
    if not a or not b:
        return "unknown"
    if a == b:
        return "equal"
    if a < b or b < a:
        return "unknown"
    if not a & b:
        loose = {w for name in a for w in name.split()} & {w for name in b for w in name.split()}
        return "unknown" if loose else "different"
    return "different" if len(a) == len(b) else "unknown"


def _structure(a: Facts, b: Facts) -> Fact:
    said = tuple(", ".join(filter(None, ("two names" if f.is_versus else "yes or no", f.length))) for f in (a, b))
    shown = (said[0], said[1])
    if a.length != b.length:
        return Fact("structure", "unknown" if None in (a.length, b.length) else "different", shown)
    return Fact("structure", "equal", shown)


def _plain(name: Name, a: str | None, b: str | None) -> Fact:
    if a is None or b is None:
        return Fact(name, "unknown", (a or "", b or ""))
    return Fact(name, "equal" if a == b else "different", (a, b))


def _early(said: bool | None) -> str | None:
    return None if said is None else "may be over early" if said else "isn't over early"
