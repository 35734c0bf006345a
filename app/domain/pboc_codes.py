"""Codes of the PBOC-shaped records: account type and status, business, frequency, guarantee, special transactions.

Sources: dictionaries and samples of open-source reporters (read; the official collection standard is not public). What is
recalled says so. The month's status and the class are in `credit_histories.py`.
"""

from operator import mul

from app.domain.credit_accounts import CLOSED, LOSSES, CreditAccount, CreditConsumer, Standing

ACCOUNT_TYPES = {
    "D1": "not revolving",
    "R1": "revolving",
    "R2": "credit card",
    "R3": "semi-credit card",
    "R4": "under a line",
}
"""C1, an account of a debt buyer, has other segments and is not written here."""
_FREQUENCIES = {"M": "03", "W": "02", "B": "13", "Q": "04", "S": "05", "Y": "06", "P": "07", "L": "14"}
OTHER_CONSUMER_LOAN = "91"
"""Other personal consumer loan. A loan on a vehicle's title is no car loan (21), which pays for the car."""

OPEN = Standing.OPEN
"""By a name of its own: compared for a million accounts, and a member's hash and its look-up in the class are slow."""


def account_type(account: CreditAccount) -> str:
    """Return D1 for instalments, R1 for a line of credit. C1, of a debt buyer, has other segments and is not written."""
    return "R1" if account.product == "revolving" else "D1"


def account_status(account: CreditAccount) -> str:
    """Return 1 normal, 2 overdue, 3 closed, 42 bad debt that was charged off."""
    if account.standing is not OPEN:
        if account.standing in CLOSED:
            return "3"
        if account.standing is Standing.CHARGED_OFF:
            return "42"
    return "2" if account.overdue_minor else "1"


def report_code(account: CreditAccount) -> str:
    """Return why it is reported: 10 newly opened, 20 closed, 32 closed on the month's day, 30 the month's balance."""
    if account.standing is not OPEN and account.standing in CLOSED:
        return "32" if account.closed_on == account.as_of_on else "20"
    opened, as_of = account.opened_on, account.as_of_on
    return "10" if (opened.year, opened.month) == (as_of.year, as_of.month) else "30"


def repay_mode(account: CreditAccount) -> str:
    """Return 19 other instalments, 21 all at the end, 39 other ways under a line; an account does not tell its method."""
    if account_type(account) == "R1":
        return "39"
    return "21" if account.frequency == "P" else "19"


def repay_frequency(account: CreditAccount) -> str:
    """Return how often it falls due; 99 other."""
    return _FREQUENCIES.get(account.frequency, "99")


def guarantee(account: CreditAccount) -> str:
    """Return 2 mortgaged, 3 guaranteed, 4 on credit, 5 both with a guarantor."""
    guaranteed = bool(account.associated) and any(who.relation == "5" for who in account.associated)
    if account.is_secured:
        return "5" if guaranteed else "2"
    return "3" if guaranteed else "4"


def special_transaction(account: CreditAccount) -> tuple[str, int] | None:
    """Return the kind and the amount of what happened out of the ordinary this month, if anything did.

    5 settled ahead of its time, 11 part of the debt given up, 13 sold, 15 charged off.
    """
    if account.standing is Standing.OPEN:
        return None
    month = account.as_of_on.replace(day=1)
    if account.standing is Standing.SETTLED:
        return "11", account.written_off_minor
    if account.standing is Standing.TRANSFERRED:
        return "13", account.written_off_minor
    if account.standing is Standing.CHARGED_OFF and account.lost_on and account.lost_on >= month:
        return "15", account.charge_off_minor
    is_early = account.closed_on and account.ends_on and account.closed_on < account.ends_on
    if account.standing is Standing.PAID and is_early and account.was not in LOSSES:
        return "5", account.paid_minor
    return None


def full_name(who: CreditConsumer) -> str:
    """Return a name as an identity card has it: the family's first in Chinese, the given name's first in Latin letters."""
    if not who.surname.isascii():
        return who.surname + who.first_name
    return " ".join(part for part in (who.first_name, who.middle_name, who.surname) if part)


_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def _weighed(at: int, digits: int) -> dict[str, int]:
    """Return what each run of so many digits, beginning at that place, adds to the weighted sum."""
    runs = [f"{number:0{digits}}" for number in range(10**digits)]
    return {run: sum(map(mul, _WEIGHTS[at:], map(int, run))) for run in runs}


_1ST, _2ND, _3RD, _4TH, _5TH, _6TH = (_weighed(at, 3 if at < 15 else 2) for at in range(0, 17, 3))


def is_citizen_number(number: str) -> bool:
    """Return whether it is a citizen's number of 18 characters with a right check character. Source: GB 11643-1999."""
    if len(number) != 18:
        return False
    try:  # three digits at a time: six look-ups are a third of seventeen products
        total = (
            _1ST[number[:3]] + _2ND[number[3:6]] + _3RD[number[6:9]] + _4TH[number[9:12]] + _5TH[number[12:15]]
            + _6TH[number[15:17]]
        )  # fmt: skip
    except KeyError:
        return False
    return "10X98765432"[total % 11] == number[17]
