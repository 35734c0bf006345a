"""A file of PBOC-shaped records of one type, streamed: a document a line, as the accounts come.

The line at the head of such a file is added by the institution's own sending tool and is not written here.
"""

from collections.abc import Callable, Generator, Iterable, Mapping
from hashlib import sha256
from typing import NamedTuple

from app.domain.credit_accounts import DELETED, CreditAccount
from app.domain.credit_refusals import ByteSink, Refusal, Refuse, refused_account
from app.domain.errors import refused_at
from app.domain.pboc_checks import check_account
from app.domain.pboc_codes import OPEN
from app.domain.pboc_records import (
    Reporter,
    account_record,
    correction_record,
    deletion_record,
    person_deletion_record,
    person_record,
    record_bytes,
)

_FLUSH_RECORDS = 1000


class PbocFile(NamedTuple):
    """What was written: the type and number of records, how many accounts were refused, and the file's hash."""

    record_type: str
    records: int
    refused: int
    sha256: str


_WRITERS: Mapping[str, Callable[[CreditAccount, Reporter], str]] = {
    "210": account_record,
    "212": correction_record,
    "214": deletion_record,
    "110": person_record,
    "114": lambda account, reporter: person_deletion_record(account.consumer, reporter),
}


def check_pboc(account: CreditAccount) -> list[Refusal]:
    """Return why an account may not be reported in these records; nothing: it may."""
    return check_account(account)


def write_pboc(
    out: ByteSink,
    reporter: Reporter,
    accounts: Iterable[CreditAccount],
    *,
    record_type: str = "210",
    refuse: Refuse | None = None,
) -> PbocFile:
    """Write the records of these accounts. Without `refuse` the first wrong account stops it.

    Raises ValidationError: an account that may not be written, a reporter's code that is none, nothing to report.
    """
    parts = pboc_lines(reporter, accounts, record_type=record_type, refuse=refuse)
    while True:
        try:
            out.write(next(parts))
        except StopIteration as end:
            written: PbocFile = end.value
            return written


def pboc_lines(
    reporter: Reporter,
    accounts: Iterable[CreditAccount],
    *,
    record_type: str = "210",
    refuse: Refuse | None = None,
) -> Generator[bytes, None, PbocFile]:
    """Yield the same in parts of whole lines. `record_type`: 210, 212 (corrections), 214 (deletions), 110, 114 (people)."""
    _check_reporter(reporter)
    if record_type not in _WRITERS:
        raise refused_at("/record_type", "The record type is none that is written; take 210, 212, 214, 110 or 114.")
    write, digest, records, refused = _WRITERS[record_type], sha256(), 0, 0
    tells_accounts, takes_out = record_type in ("210", "212", "214"), record_type == "214"
    lines: list[str] = []
    for account in accounts:
        wrong = check_account(account)
        if tells_accounts and takes_out != (account.standing is not OPEN and account.standing in DELETED):
            wrong.append(
                Refusal("standing", "OTHER_RECORD", "A deleted account goes into a file of 214 alone; sort it there.")
            )
        if wrong:
            if refuse is None:
                raise refused_account(account, wrong)
            refuse(account, wrong)
            refused += 1
            continue
        lines.append(write(account, reporter))
        records += 1
        if len(lines) >= _FLUSH_RECORDS:
            yield _taken(lines, digest.update)
    if not records:
        raise refused_at("/accounts", "There is no account to report: a file of none is not taken; leave the month out.")
    if lines:
        yield _taken(lines, digest.update)
    return PbocFile(record_type, records, refused, digest.hexdigest())


def _taken(lines: list[str], hashed: Callable[[bytes], None]) -> bytes:
    data = record_bytes(lines)
    hashed(data)
    lines.clear()
    return data


def _check_reporter(reporter: Reporter) -> None:
    code = reporter.institution_code
    if not (len(code) == 14 and code.isalnum() and code.isascii() and code == code.upper()):
        raise refused_at("/reporter/institution_code", "The institution's code has 14 capital letters and digits; give it.")
    if not (len(reporter.district) == 6 and reporter.district.isascii() and reporter.district.isdigit()):
        raise refused_at("/reporter/district", "The district is six digits of the administrative division; give it.")
