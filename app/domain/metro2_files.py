"""A whole Metro 2 file, streamed: header first, a record per account as they come, the trailer's totals at the end.

Memory does not grow with the accounts. Each record is a line of its own (the newline is not counted in its length).
"""

from collections import Counter
from collections.abc import Callable, Generator, Iterable
from datetime import date, datetime
from hashlib import sha256
from typing import NamedTuple

from app.domain.credit_accounts import CreditAccount, CreditConsumer
from app.domain.credit_refusals import ByteSink, Refusal, Refuse, refused_account
from app.domain.errors import refused_at
from app.domain.metro2_checks import check_account
from app.domain.metro2_codes import status_of
from app.domain.metro2_records import Furnisher, base_record, header_record, stamp_of, trailer_record
from app.domain.metro2_refusals import refusal

_FLUSH_RECORDS = 1000


class Metro2File(NamedTuple):
    """What was written: the trailer's totals, how many accounts were refused, and the file's hash."""

    totals: dict[str, int]
    refused: int
    sha256: str


def check_metro2(account: CreditAccount) -> list[Refusal]:
    """Return why an account may not be reported in this format; nothing: it may."""
    return check_account(account, *status_of(account))


def write_metro2(
    out: ByteSink,
    furnisher: Furnisher,
    accounts: Iterable[CreditAccount],
    *,
    activity_on: date,
    at: datetime,
    refuse: Refuse | None = None,
) -> Metro2File:
    """Write the file of the month of `activity_on`, made at `at`. Without `refuse` the first wrong account stops it.

    Raises ValidationError: an account that may not be written, a furnisher's number that is none, nothing to report.
    """
    parts = metro2_lines(furnisher, accounts, activity_on=activity_on, at=at, refuse=refuse)
    while True:
        try:
            out.write(next(parts))
        except StopIteration as end:
            written: Metro2File = end.value
            return written


def metro2_lines(
    furnisher: Furnisher,
    accounts: Iterable[CreditAccount],
    *,
    activity_on: date,
    at: datetime,
    refuse: Refuse | None = None,
) -> Generator[bytes, None, Metro2File]:
    """Yield the same file in parts of whole lines, as the accounts come; the totals are the generator's value."""
    _check_furnisher(furnisher)
    begins, digest, refused = activity_on.replace(day=1), sha256(), 0
    stamp, counted = stamp_of(at), _Totals()
    lines = [header_record(furnisher, activity_on, at.date())]
    for account in accounts:
        status, rating = status_of(account)
        wrong = check_account(account, status, rating)
        if not begins <= account.as_of_on <= activity_on:
            wrong.append(refusal("as_of_on", "OTHER_MONTH"))
        if wrong:
            if refuse is None:
                raise refused_account(account, wrong)
            refuse(account, wrong)
            refused += 1
            continue
        lines.append(base_record(account, furnisher, stamp, status, rating))
        counted.add(account, status)
        if len(lines) >= _FLUSH_RECORDS:
            yield _taken(lines, digest.update)
    totals = counted.told()
    if not totals["bases"]:
        raise refused_at("/accounts", "There is no account to report: a file of none is not taken; leave the month out.")
    lines.append(trailer_record(totals))
    yield _taken(lines, digest.update)
    return Metro2File(totals, refused, digest.hexdigest())


def _taken(lines: list[str], hashed: Callable[[bytes], None]) -> bytes:
    """Return the lines as bytes, counted into the hash, and forget them."""
    lines.append("")
    data = "\n".join(lines).encode("ascii")
    hashed(data)
    lines.clear()
    return data


class _Totals:
    """The trailer's counts, cheap for the many accounts of one person with a number, a birth date and a telephone or not."""

    def __init__(self) -> None:
        self.statuses: Counter[str] = Counter()
        self.people: Counter[tuple[bool, bool, bool, bool]] = Counter()
        self.more: Counter[str] = Counter()

    def add(self, account: CreditAccount, status: str) -> None:
        """Count one account."""
        self.statuses[status] += 1
        self.people[_told_of(account.consumer)] += 1
        if account.associated or account.original_creditor or account.holder_change or account.number_change:
            self._add_appended(account)

    def _add_appended(self, account: CreditAccount) -> None:
        more = self.more
        for who in account.associated:
            segment = "J2" if who.has_own_address else "J1"
            ssn, born, telephone, is_z = _told_of(who)
            more[segment] += 1
            more[f"ssns_{segment}"] += ssn
            more[f"births_{segment}"] += born
            more["telephones"] += telephone
            more["ecoa_z"] += is_z
        more["K1"] += bool(account.original_creditor)
        more["K2"] += account.holder_change is not None
        more["L1"] += account.number_change is not None

    def told(self) -> dict[str, int]:
        """Return the totals by the names that `trailer_record` knows."""
        totals = Counter(self.statuses)
        totals.update(self.more)
        for (ssn, born, telephone, is_z), times in self.people.items():
            totals["ssns_base"] += ssn * times
            totals["births_base"] += born * times
            totals["telephones"] += telephone * times
            totals["ecoa_z"] += is_z * times
        totals["bases"] = self.statuses.total()
        # Unblocked: each record is a block, the header and the trailer too.
        totals["blocks"] = totals["bases"] + 2
        totals["ssns"] = totals["ssns_base"] + totals["ssns_J1"] + totals["ssns_J2"]
        totals["births"] = totals["births_base"] + totals["births_J1"] + totals["births_J2"]
        return dict(totals)


def _told_of(who: CreditConsumer) -> tuple[bool, bool, bool, bool]:
    return who.id_kind == "ssn", who.born_on is not None, bool(who.telephone), who.relation == "Z"


def _check_furnisher(furnisher: Furnisher) -> None:
    number = furnisher.identification_no
    if (
        not (5 <= len(number) <= 20 and number.isalnum() and number.isascii())
        or not number.strip("0")
        or not number.strip("9")
    ):
        raise refused_at("/furnisher/identification_no", "The furnisher's number is 5 to 20 letters and digits; give it.")
    if not all(told and told.isascii() and told.isprintable() for told in (furnisher.name, furnisher.address)):
        raise refused_at("/furnisher/name", "The furnisher's name and address are needed, each a line of Latin letters.")
