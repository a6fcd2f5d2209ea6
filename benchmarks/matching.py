"""Are two markets the same contract? The labelled pairs by facts beside rapidfuzz's plain ratio; and finding at scale.

usage: matching.py [--whole]     the whole of 85,000 × 195,000 titles; without it a twentieth of both
"""

from __future__ import annotations

import random
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from rapidfuzz import fuzz
from tests.matching.labelled import Pair, pairs

from prediction_mcp.matching.candidates import Card, Cards, all_of
from prediction_mcp.matching.facts import facts_of
from prediction_mcp.matching.verdict import compare

KALSHI, POLYMARKET = 85_000, 195_000
"""Open markets, as they were counted in August 2026."""
SYLLABLES = (
    "ar", "bel", "cor", "dan", "el", "fen", "gar", "hol", "is", "jor", "kel", "lin", "mor", "nor", "os", "pel",
    "quin", "ros", "sel", "tor", "ul", "ver", "wil", "xan", "yor", "zel",
)  # fmt: skip
TEMPLATES = (
    ("Sports", "{a} at {b} Winner?", "{a} vs. {b}"),
    ("Sports", "{a} at {b}: total points?", "{a} vs. {b}: O/U {n}.5"),
    ("Sports", "Will {a} win the {c} championship?", "Will {a} win the {c} title?"),
    ("Politics", "Who will win the {a} mayoral election?", "Will {b} {c} win the {a} mayoral election?"),
    ("Politics", "Will {a} {b} leave office before {m} 1, 2027?", "{a} {b} out before {m} 1, 2027?"),
    ("Crypto", "{a}coin price on {m} {d}, 2026?", "Will the price of {a}coin be above ${n},000 on {m} {d}?"),
    ("Economics", "{a} inflation in {m} 2026?", "Will annual inflation in {a} be above {n}.5% in {m}?"),
    ("Weather", "Highest temperature in {a} on {m} {d}, 2026?",
     "Will the highest temperature in {a} be {n}°F on {m} {d}?"),
    ("Entertainment", "{a} {b} Rotten Tomatoes score?", "Will “{a} {b}” score above {n} on Rotten Tomatoes?"),
    ("Companies", "Will {a} {b} IPO before {m} 1, 2027?", "{a} {b} IPO before {m} 1, 2027?"),
)  # fmt: skip


def main(*, whole: bool) -> None:
    print("labelled pairs                   right       identities found   false identities")
    for label, apart in (("tuned on", False), ("kept apart", True)):
        chosen = [pair for pair in pairs() if pair.apart is apart]
        report(f"facts, {label}", chosen, lambda p: compare(facts_of(p.one), facts_of(p.other)).relation)
        for cut in (80, 90, 95):
            report(
                f"  ratio of titles ≥ {cut}", chosen,
                lambda p, cut=cut: "identity" if fuzz.ratio(p.one.title, p.other.title) >= cut else "overlap",  # type: ignore[misc]
            )  # fmt: skip
    scale(1 if whole else 20)


def report(name: str, chosen: list[Pair], relation: Callable[[Pair], str]) -> None:
    said = [(pair.relation, relation(pair)) for pair in chosen]
    right = sum(label == found for label, found in said)
    same = [found for label, found in said if label == "identity"]
    false = sum(found == "identity" != label for label, found in said)
    share, known = f"{right:4}/{len(said):<4} {right / len(said):4.0%}", f"{same.count('identity'):3}/{len(same):<14}"
    print(f"{name:28} {share}   {known} {false:5}")


def scale(part: int) -> None:
    rng = random.Random(1)
    names = [rng.choice(SYLLABLES).capitalize() + rng.choice(SYLLABLES) + rng.choice(SYLLABLES) for _ in range(9_000)]
    began = time.process_time()
    one = Cards(made("k", KALSHI // part, 0, names, random.Random(2)))
    other = Cards(made("p", POLYMARKET // part, 1, names, random.Random(3)))
    filled = time.process_time() - began
    began, found = time.process_time(), 0
    for _ in all_of(one, other):
        found += 1
    took = time.process_time() - began
    print(
        f"{len(one.cards):,} × {len(other.cards):,} synthetic titles: {found:,} candidates in {took:.1f} s after "
        f"{filled:.1f} s of reading, {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB at most"
    )
    times = list[float]()
    for card in random.Random(4).sample([*one.cards.values()], 300):
        began = time.perf_counter()
        other.of(card, 20)
        times.append(time.perf_counter() - began)
    plain = [f"{card.key}" for card in other.cards.values()]
    began = time.perf_counter()
    for text in plain:
        fuzz.ratio("bitcoin price", text)
    print(
        f"one against all: median {statistics.median(times) * 1000:.2f} ms, slowest {max(times) * 1000:.1f} ms; "
        f"rapidfuzz over all titles {(time.perf_counter() - began) * 1000:,.0f} ms"
    )


def made(prefix: str, number: int, side: int, names: list[str], rng: random.Random) -> Iterator[Card]:
    """Titles as both platforms have them: many strikes and days of fewer questions."""
    months = ("January", "February", "March", "November", "December")
    while number > 0:
        category, *asked = rng.choice(TEMPLATES)
        a, b, c = rng.choices(names, k=3)
        month, first = rng.choice(months), rng.randrange(1, 28)
        for strike in range(min(rng.choice((1, 1, 2, 6, 12)), number)):
            number -= 1
            text = asked[side].format(a=a, b=b, c=c, m=month, d=first, n=rng.randrange(1, 99) + strike)
            yield Card.made(f"{prefix}{number}", text, category, 739_900 + first + rng.randrange(60))


if __name__ == "__main__":
    main(whole="--whole" in sys.argv)
