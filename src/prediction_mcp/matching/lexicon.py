"""Words that mean the same, words that turn a meaning round, and words that say nothing. Facts, not rules of law."""

from __future__ import annotations

import re

MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
MONTH = "|".join(f"{name}|{name[:3]}\\.?" for name in MONTHS) + "|sept\\.?"
ZONES = {
    "et": "America/New_York", "est": "America/New_York", "edt": "America/New_York", "ct": "America/Chicago",
    "cst": "America/Chicago", "cdt": "America/Chicago", "mt": "America/Denver", "pt": "America/Los_Angeles",
    "pst": "America/Los_Angeles", "pdt": "America/Los_Angeles", "utc": "UTC", "gmt": "UTC", "z": "UTC",
}  # fmt: skip
"""Zones as people write them: "EST" in July means New York's time, too."""

# (phrase, what it is called here); longer phrases first. A "-" before the name turns the meaning round.
_PHRASES: tuple[tuple[str, str], ...] = (
    ("no longer", "-remain"), ("no change", "unchanged"), ("unchanged", "unchanged"), ("left unchanged", "unchanged"),
    ("maintains? rates?", "unchanged"), ("maintains?", "unchanged"), ("leaves? rates unchanged", "unchanged"),
    ("holds? rates", "unchanged"),
    ("stays? open", "-shutdown"), ("remains? open", "-shutdown"), ("shuts? down", "shutdown"),
    ("shutdown", "shutdown"), ("lapse in appropriations", "shutdown"),
    ("remains? in office", "-leave_office"), ("stays? in office", "-leave_office"),
    ("leaves? office", "leave_office"), ("out as", "leave_office"), ("steps? down", "leave_office"),
    ("resigns?", "leave_office"), ("removed from office", "leave_office"), ("ousted", "leave_office"),
    ("supreme court", "supreme_court"), ("scotus", "supreme_court"), ("prime minister", "prime_minister"),
    ("vacant", "vacancy"), ("vacancy", "vacancy"), ("becomes? law", "law"), ("signed into law", "law"),
    ("enacted", "law"), ("new york city", "new_york"), ("nyc", "new_york"), ("new york", "new_york"),
    ("los angeles", "los_angeles"), ("san francisco", "san_francisco"), ("washington,? d\\.?c\\.?", "washington_dc"),
    ("united states", "us"), ("u\\.s\\.a?\\.?", "us"), ("usa", "us"), ("american", "us"), ("federal", "us"),
    ("national", "us"),
    ("btc", "bitcoin"), ("ether", "ethereum"), ("eth", "ethereum"), ("sol", "solana"), ("xrp", "ripple"),
    ("doge", "dogecoin"), ("federal reserve", "fed"), ("fomc", "fed"), ("fed", "fed"),
    ("european central bank", "ecb"), ("ecb", "ecb"), ("bank of england", "boe"), ("bank of japan", "boj"),
    ("consumer price index", "cpi"), ("inflation", "cpi"), ("cpi", "cpi"), ("year-over-year", "annual"),
    ("year over year", "annual"), ("yoy", "annual"),
    ("over the year", "annual"), ("annual", "annual"), ("twelve months", "annual"),
    ("12 months", "annual"), ("gross domestic product", "gdp"), ("basis points?", "bps"), ("bps?", "bps"),
    ("market capitali[sz]ation", "market_cap"), ("market cap", "market_cap"), ("market value", "market_cap"),
    ("s&p 500", "sp500"), ("s&p", "sp500"), ("spx", "sp500"), ("nasdaq[- ]100", "nasdaq100"), ("ndx", "nasdaq100"),
    ("dow jones", "dow"), ("best picture", "best_picture"), ("best director", "best_director"),
    ("best actor", "best_actor"), ("best actress", "best_actress"), ("academy awards?", "oscar"), ("oscars?", "oscar"),
    ("rotten tomatoes", "rotten_tomatoes"), ("box office", "box_office"), ("gross(?:es)?", "box_office"),
    ("super bowl", "super_bowl"), ("world cup", "world_cup"), ("win(?:s|ner|ning)?", "win"), ("won", "win"),
    ("victory", "win"), ("champions?", "win"), ("beats?", "win"), ("defeats?", "win"), ("ties?", "draw"),
    ("tied", "draw"), ("draws?", "draw"), ("presidency", "president"), ("presidential", "president"),
    ("presidents?", "president"), ("nominations?", "nominee"), ("nominees?", "nominee"), ("nominated", "nominated"),
    ("democrats?", "democratic"), ("democratic", "democratic"), ("republicans?", "republican"), ("gop", "republican"),
    ("house of representatives", "house"), ("majority", "control"), ("controls?", "control"),
    ("elections?", "election"), ("hurricanes?", "hurricane"), ("landfall", "landfall"),
    ("temperatures?", "temperature"), ("temps?", "temperature"),
    ("ipo", "ipo"), ("initial public offering", "ipo"), ("gas(?:oline)?", "gas"),
    ("launch(?:es|ed)?", "launch"), ("passengers?", "passenger"), ("cease-?fire", "ceasefire"), ("truce", "ceasefire"),
    ("approval", "approval"), ("disapproval", "disapproval"), ("unemployment", "unemployment"),
    ("recession", "recession"), ("releases?", "release"), ("released", "release"), ("albums?", "album"),
    ("singles?", "single"), ("said", "say"), ("says?", "say"), ("mentions?", "say"), ("mentioned", "say"),
    ("pass(?:es|ed)?", "pass"), ("announces?", "announce"), ("announced", "announce"), ("retire(?:ment|s)?", "retire"),
    ("decreases?", "cut"), ("lower(?:s|ed)", "cut"), ("cuts?", "cut"), ("increases?", "raise"),
    ("rais(?:e|es|ed)", "raise"), ("hikes?", "raise"), ("rises?", "raise"),
)  # fmt: skip
_LONGEST_FIRST = sorted(_PHRASES, key=lambda pair: -len(pair[0]))
PHRASE = re.compile(rf"(?<!\w)(?:{'|'.join(f'({pattern})' for pattern, _ in _LONGEST_FIRST)})(?!\w)")
"""Any of them, in a text of small letters; the number of its group tells which."""
MEANS = [name for _, name in _LONGEST_FIRST]
SPELT = {
    spelling: name.removeprefix("-")
    for pattern, name in _PHRASES
    for spelling in (pattern.removesuffix("s?"), pattern.replace("s?", "s"))
    if spelling.isalpha()
}
"""Those that are a single word, by their plain spellings."""
NEGATIONS = frozenset(("no", "not", "never", "without", "fail", "fails", "avoid", "avoids", "neither"))
NARROWS = frozenset(("major",))
"""What makes a question a part of the one without it."""
CHANGES = frozenset((
    "core", "nominated", "nominee", "announce", "second", "third", "worldwide", "global", "domestic", "continuing",
    "initial", "disapproval", "women", "men", "first", "runner-up", "semifinal", "play", "retire", "single", "album",
    "best_director", "best_picture", "president", "house", "senate", "pass", "law", "leader", "mayor", "governor",
))  # fmt: skip
"""What makes it another question where only one side has it, whatever the rest is."""
TAKEN_FOR_GRANTED = frozenset(("us", "basketball", "football", "soccer", "baseball", "hockey", "tennis"))
"""What one side may leave unsaid, as long as the other says nothing against it."""
SAY_NOTHING = frozenset((
    "a", "above", "according", "adjusted", "after", "after's", "against", "am", "an", "and", "any", "any's", "are",
    "as", "at", "at's", "average", "be", "become", "becomes", "been", "before", "below", "between", "by", "can",
    "close", "closed", "closes", "closing", "come", "comes", "contract", "could", "count", "counts", "date", "day",
    "decision", "degrees", "did", "do", "does", "during", "each", "either", "end", "ending", "ends", "equal", "est",
    "et", "exactly", "excluded", "extra", "fewer", "final", "first's", "following", "for", "from", "game", "given",
    "greater", "had", "has", "have", "held", "high", "higher", "highest", "hit", "hits", "hold", "holds", "how",
    "if", "in", "include", "included", "includes", "index", "interest", "into", "is", "it", "its", "itself",
    "least", "less", "level", "low", "lower", "maintain", "make", "makes", "many", "market", "markets", "match",
    "meeting", "minutes", "month", "more", "most", "much", "must", "named", "new", "number", "of", "off",
    "official", "on", "once", "only", "or", "other", "otherwise", "out", "over", "overtime", "own", "party", "per",
    "place", "places", "pm", "point", "price", "priced", "prices", "publish", "published", "publishes", "quarter",
    "question", "range", "ranges", "rate", "rates", "reach", "reaches", "real", "record", "recorded", "release's",
    "report", "reported", "reports", "resolve", "resolved", "resolves", "result", "results", "scheduled", "scored",
    "seasonally", "shall", "should", "since", "so", "some", "source", "sources", "stand", "stands", "take", "takes",
    "than", "that", "the", "their", "them", "then", "there", "these", "they", "this", "those", "through", "time",
    "times", "to", "today's", "total", "touch", "touches", "trade", "trades", "trading", "under", "until", "up",
    "upon", "utc", "value", "versus", "vs", "was", "week", "weekend", "were", "what", "when", "where", "whether",
    "which", "while", "who", "who's", "whole", "will", "with", "within", "would", "x", "year", "year's", "yes",
    "you",
))  # fmt: skip
"""Words of every question, and what is compared as a fact of its own: times, numbers, directions."""

SOURCES: dict[str, tuple[str, ...]] = {
    "binance": ("binance",), "coinbase": ("coinbase",), "kraken": ("kraken",), "chainlink": ("chainlink",),
    "cf benchmarks": ("cf benchmarks", "brti", "ethusd_rti"), "nws": ("national weather service", "nws"),
    "weather underground": ("weather underground", "wunderground"), "bls": ("bureau of labor statistics", "bls"),
    "bea": ("bureau of economic analysis", "bea"), "statistics canada": ("statistics canada",),
    "fed": ("federal reserve", "fomc"), "ecb": ("european central bank", "ecb"),
    "opm": ("office of personnel management", "opm"), "aaa": ("aaa",), "eia": ("eia", "energy information"),
    "tsa": ("tsa", "transportation security"), "nhc": ("national hurricane center", "nhc"),
    "dol": ("department of labor",), "rotten tomatoes": ("rotten tomatoes",), "metacritic": ("metacritic",),
    "companiesmarketcap": ("companiesmarketcap",), "spotify": ("spotify",), "apple music": ("apple music",),
    "ap": ("associated press",), "sec": ("securities and exchange commission", "the sec"),
    "s&p": ("s&p dow jones",), "census": ("census bureau",), "noaa": ("noaa",),
}  # fmt: skip
"""Who publishes what decides, by the names that people give them."""
EDITIONS = ("advance estimate", "second estimate", "third estimate", "preliminary", "revised", "final estimate")
"""Which of a source's publications counts."""
