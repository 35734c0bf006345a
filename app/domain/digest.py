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
    return digest_of_lines(sorted(record_line(record) for record in records))


def record_line(record: Mapping[str, Any]) -> bytes:
    """Return a record as it is hashed: canonical JSON in UTF-8, whose order is that of the text, and a line feed."""
    return json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def digest_of_lines(lines: Iterable[bytes]) -> str:
    """Return SHA-256 in hex over lines that come in order."""
    digest = hashlib.sha256()
    for line in lines:
        digest.update(line)
    return digest.hexdigest()
