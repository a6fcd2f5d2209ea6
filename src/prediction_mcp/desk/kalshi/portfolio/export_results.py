"""What an export holds, and the answer that says where it went."""

from decimal import Decimal
from typing import ClassVar, Literal, NamedTuple

from prediction_mcp.desk.results import Answer, Number

Format = Literal["json", "csv", "parquet"]
Record = Literal["deposit", "withdrawal", "fill", "settlement", "position"]


class Row(NamedTuple):
    """One line of an account's statement; dollars and contracts are exact.

    ``cash`` is the change of cash after fees, so that all of them add up to free cash and what resting orders hold.
    ``price`` is of the side named: of a settlement what the side held was worth, of a position its average cost.
    A position's ``value`` is at the best bid, empty where nobody bids.
    """

    time: str
    record: Record
    ticker: str = ""
    side: str = ""
    action: str = ""
    contracts: Decimal | None = None
    price: Decimal | None = None
    fee: Decimal | None = None
    cash: Decimal | None = None
    position_after: Decimal | None = None
    value: Decimal | None = None
    id: str = ""


class ExportAnswer(Answer):
    """``file`` if it was written, else ``statement`` or ``csv``. Dollars are exact text; ``cash`` adds the rows up."""

    verbatim: ClassVar[frozenset[str]] = frozenset({"csv"})
    format: Format
    rows: int
    bytes: int
    file: str | None = None
    statement: list[dict[str, str]] | None = None
    csv: str | None = None
    cash: Number
    unexplained: Number | None = None
    note: str | None = None
