"""The words for sides, written once. YES and NO are one book: bids and asks are of YES."""

from typing import Literal

Side = Literal["yes", "no"]
Action = Literal["buy", "sell"]
BookSide = Literal["bid", "ask"]
