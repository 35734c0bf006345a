"""How two runs are compared: one hash over every decision and its events, by natural keys only."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any


def decisions_digest(records: Iterable[Mapping[str, Any]]) -> str:
    """Return SHA-256 in hex over the sorted canonical JSON of the records.

    A record holds lender, borrower_no, loan_no, row_no, anchor_no, step and events (outcome, reason, channels, not_before).
    The order the records come in does not matter; ids and wall times of the machine must not be in them.
    """
    lines = sorted(json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False) for record in records)
    digest = hashlib.sha256()
    for line in lines:
        digest.update(line.encode())
        digest.update(b"\n")
    return digest.hexdigest()
