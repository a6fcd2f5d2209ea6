"""rp2's answer to histories on stdin: of each closing the lot, its contracts, basis and proceeds."""

from __future__ import annotations

import json
import logging
import sys
import tempfile
from pathlib import Path
from typing import Any

logging.disable(logging.CRITICAL)

from prezzemolo.avl_tree import AVLTree  # noqa: E402
from rp2.accounting_engine import AccountingEngine  # noqa: E402
from rp2.configuration import Configuration  # noqa: E402
from rp2.in_transaction import InTransaction  # noqa: E402
from rp2.input_data import InputData  # noqa: E402
from rp2.out_transaction import OutTransaction  # noqa: E402
from rp2.plugin.accounting_method import fifo, hifo, lifo  # noqa: E402
from rp2.plugin.country.us import US  # noqa: E402
from rp2.rp2_decimal import RP2Decimal  # noqa: E402
from rp2.tax_engine import compute_tax  # noqa: E402
from rp2.transaction_set import TransactionSet  # noqa: E402

INI = """
[general]
assets = YES, NO
exchanges = X
holders = me
[in_header]
asset = 0
timestamp = 1
exchange = 2
holder = 3
transaction_type = 4
spot_price = 5
crypto_in = 6
[out_header]
asset = 0
timestamp = 1
exchange = 2
holder = 3
transaction_type = 4
spot_price = 5
crypto_out_no_fee = 6
crypto_fee = 7
[intra_header]
asset = 0
timestamp = 1
from_exchange = 2
from_holder = 3
to_exchange = 4
to_holder = 5
spot_price = 6
crypto_sent = 7
crypto_received = 8
[accounting_methods]
2020 = fifo
"""
METHODS = {"fifo": fifo, "lifo": lifo, "hifo": hifo}
NEXT_TO_NOTHING = RP2Decimal("0.000000000001")
"""rp2 refuses a worth of zero, which a contract that ended wrong has."""


def answer(configuration: Configuration, method: str, events: list[dict[str, Any]]) -> list[list[str]]:
    found = list[list[str]]()
    for side in ("YES", "NO"):
        mine = [event for event in events if event["side"] == side]
        if not any(not event["buys"] for event in mine):
            continue
        ins = TransactionSet(configuration, "IN", side)
        outs = TransactionSet(configuration, "OUT", side)
        intra = TransactionSet(configuration, "INTRA", side)
        for row, event in enumerate(mine, 1):
            count = RP2Decimal(event["count"])
            unit = RP2Decimal(event["worth"]) / count
            if event["buys"]:
                ins.add_entry(InTransaction(configuration, event["time"], side, "X", "me", "BUY", unit, count,
                                            fiat_fee=None, row=row, unique_id=event["key"]))  # fmt: skip
            else:
                unit = unit if unit > NEXT_TO_NOTHING else NEXT_TO_NOTHING
                outs.add_entry(OutTransaction(configuration, event["time"], side, "X", "me", "SELL", unit, count,
                                              RP2Decimal("0"), row=row, unique_id=event["key"]))  # fmt: skip
        years: AVLTree[int, Any] = AVLTree()
        years.insert_node(2020, METHODS[method].AccountingMethod())
        done: Any = compute_tax(configuration, AccountingEngine(years), InputData(side, ins, outs, intra))
        for gain in done.gain_loss_set:
            lot = gain.acquired_lot
            worth = gain.taxable_event_fiat_amount_with_fee_fraction
            numbers = map(str, (gain.crypto_amount, gain.fiat_cost_basis, worth))
            found.append([gain.taxable_event.unique_id, lot.unique_id, *numbers])
    return found


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rp2.ini"
        path.write_text(INI)
        configuration = Configuration(str(path), US())
        answers = [answer(configuration, one["method"], one["events"]) for one in json.load(sys.stdin)]
    sys.stdout.write(json.dumps(answers))


if __name__ == "__main__":
    main()
