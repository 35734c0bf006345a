"""Twenty-seven lives of a loan, each a row of a table: what happened, and what every month's report must say of it.

A month is told as `MM status+rating first-delinquency balance past-due remarks | PBOC month code, five-grade class`; remarks
are the special comment, the legal mark, the indicator, `co` with what was charged off, and the segments appended.
"""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import NamedTuple

from app.domain.credit_accounts import Arrangement, CreditConsumer
from app.domain.credit_events import CreditEvent, CreditEventKind
from app.domain.credit_months import CreditLoan
from app.domain.ledger import EntryKind
from app.domain.plans import PlanRow, PlanVersion
from tests.builders.credit_stories import BORROWER, event, loan, paid, paid_months, reversed_on, rows

K = CreditEventKind


class Life(NamedTuple):
    """A loan, and its months from February 2025 on; `history` is the payment history of the last of them."""

    name: str
    loan: CreditLoan
    months: str
    history: str


def _arranged(on: date, arrangement: Arrangement) -> CreditEvent:
    return CreditEvent(K.ARRANGED, on, arrangement=arrangement)


_DEAD = replace(BORROWER, relation="X")
_BANKRUPT = replace(BORROWER, indicator="D", indicator_on=date(2025, 4, 10))
_HUSBAND = CreditConsumer("Miller", "Bob", id_kind="ssn", id_number="234567891", relation="2")
_REVERSED = paid(date(2025, 3, 1))
_REPLANNED = tuple(PlanRow(n, row.due_on, row.due) for n, row in enumerate(rows(date(2025, 7, 1), 11), 1))

LIVES = (
    Life(
        "on time",
        loan(paid_months(2, 3, 4, 5, 6)),
        """
        02 11 - 990 0 | N 1
        03 11 - 900 0 | N 1
        04 11 - 810 0 | N 1
        05 11 - 720 0 | N 1
        06 11 - 630 0 | N 1
        """,
        "00000BBBBBBBBBBBBBBBBBBB",
    ),
    Life(
        "late",
        loan(paid_months(2, 3)),
        """
        02 11 - 990 0 | N 1
        03 11 - 900 0 | N 1
        04 11 - 910 0 | 1 2
        05 78 2025-05-01 920 200 | 2 2
        06 80 2025-05-01 930 200 | 3 2
        07 82 2025-05-01 940 400 | 5 3
        08 83 2025-05-01 950 500 | 6 3
        09 84 2025-05-01 960 500 | 7 3
        10 84 2025-05-01 970 700 | 7 3
        11 84 2025-05-01 980 700 | 7 3
        """,
        "6654320000BBBBBBBBBBBBBB",
    ),
    Life(
        "cured",
        loan([*paid_months(2, 3), paid(date(2025, 6, 10), 30_000)]),
        """
        02 11 - 990 0 | N 1
        03 11 - 900 0 | N 1
        04 11 - 910 0 | 1 2
        05 78 2025-05-01 920 200 | 2 2
        06 11 - 630 0 | N 1
        07 71 2025-07-31 640 100 | 1 2
        """,
        "020000BBBBBBBBBBBBBBBBBB",
    ),
    Life(
        "late again",
        loan([*paid_months(2), paid(date(2025, 4, 20), 20_000), *paid_months(5)]),
        """
        02 11 - 990 0 | N 1
        03 71 2025-03-31 1000 100 | 1 2
        04 11 - 810 0 | N 1
        05 11 - 720 0 | N 1
        06 11 - 730 0 | 1 2
        07 78 2025-07-01 740 200 | 2 2
        """,
        "000100BBBBBBBBBBBBBBBBBB",
    ),
    Life(
        "rolling: an instalment a month, always one behind",
        loan([*paid_months(2), paid(date(2025, 4, 15)), paid(date(2025, 5, 15)), paid(date(2025, 6, 15))]),
        """
        02 11 - 990 0 | N 1
        03 71 2025-03-31 1000 100 | 1 2
        04 11 - 910 0 | 1 2
        05 71 2025-05-31 820 100 | 1 2
        06 11 - 730 0 | 1 2
        07 78 2025-07-01 740 200 | 2 2
        """,
        "010100BBBBBBBBBBBBBBBBBB",
    ),
    Life(
        "disputed and upheld: the payment is found",
        loan(
            [*paid_months(2, 4, 5, 6), paid(date(2025, 3, 1))],
            [event(K.DISPUTED, date(2025, 4, 10)), event(K.DISPUTE_UPHELD, date(2025, 5, 20))],
        ),
        """
        02 11 - 990 0 | N 1
        03 11 - 900 0 | N 1
        04 11 - 810 0 XB | N 1
        05 11 - 720 0 XR | N 1
        06 11 - 630 0 | N 1
        """,
        "00000BBBBBBBBBBBBBBBBBBB",
    ),
    Life(
        "disputed and rejected, then let be",
        loan(
            paid_months(2),
            [
                event(K.DISPUTED, date(2025, 4, 10)),
                event(K.DISPUTE_REJECTED, date(2025, 5, 20)),
                event(K.DISPUTE_CLOSED, date(2025, 7, 2)),
            ],
        ),
        """
        02 11 - 990 0 | N 1
        03 71 2025-03-31 1000 100 | 1 2
        04 78 2025-03-31 1010 100 XB | 2 2
        05 80 2025-03-31 1020 300 XC | 4 3
        06 82 2025-03-31 1030 300 | 5 3
        07 83 2025-03-31 1040 500 XH | 6 3
        08 84 2025-03-31 1050 600 | 7 3
        """,
        "5432100BBBBBBBBBBBBBBBBB",
    ),
    Life(
        "arranged beside the contract, kept to the end",
        loan(
            [*paid_months(2), *(paid(date(2025, month, 15), 15_000) for month in (5, 6, 7, 8))],
            [_arranged(date(2025, 5, 10), Arrangement.PLAN), event(K.ARRANGEMENT_ENDED, date(2025, 8, 20))],
        ),
        """
        02 11 - 990 0 | N 1
        03 71 2025-03-31 1000 100 | 1 2
        04 78 2025-03-31 1010 100 | 2 2
        05 78 2025-03-31 870 150 AC | 2 2
        06 11 - 730 0 AC | 1 2
        07 71 2025-07-31 590 50 AC | 1 2
        08 11 - 450 0 | N 1
        """,
        "1022100BBBBBBBBBBBBBBBBB",
    ),
    Life(
        "arranged by a new plan, and broken: first delinquency is the old one",
        loan(
            paid_months(2),
            [_arranged(date(2025, 5, 20), Arrangement.PLAN), event(K.ARRANGEMENT_ENDED, date(2025, 9, 1))],
            later=[PlanVersion(2, _REPLANNED, datetime(2025, 5, 20, tzinfo=UTC), date(2025, 5, 20))],
        ),
        """
        02 11 - 990 0 | N 1
        03 71 2025-03-31 1000 100 | 1 2
        04 78 2025-03-31 1010 100 | 2 2
        05 11 - 990 0 AC | * 1
        06 11 - 990 0 AC | * 1
        07 11 - 990 0 AC | N 1
        08 71 2025-03-31 1000 100 AC | 1 2
        09 78 2025-03-31 1010 100 | 2 2
        """,
        "10002100BBBBBBBBBBBBBBBB",
    ),
    Life(
        "charged off",
        loan(paid_months(2), [event(K.CHARGED_OFF, date(2025, 9, 15), 102_000)]),
        """
        02 11 - 990 0 | N 1
        03 71 2025-03-31 1000 100 | 1 2
        04 78 2025-03-31 1010 100 | 2 2
        05 80 2025-03-31 1020 300 | 4 3
        06 82 2025-03-31 1030 300 | 5 3
        07 83 2025-03-31 1040 500 | 6 3
        08 84 2025-03-31 1050 600 | 7 3
        09 97 2025-03-31 1060 1060 co1020 | B 5
        10 97 2025-03-31 1070 1070 co1020 | B 5
        11 97 2025-03-31 1080 1080 co1020 | B 5
        """,
        "LL65432100BBBBBBBBBBBBBB",
    ),
    Life(
        "charged off and recovered",
        loan(
            [*paid_months(2), paid(date(2025, 11, 5), 20_000), paid(date(2025, 12, 3), 90_000)],
            [event(K.CHARGED_OFF, date(2025, 9, 15), 102_000)],
        ),
        """
        02 11 - 990 0 | N 1
        03 71 2025-03-31 1000 100 | 1 2
        04 78 2025-03-31 1010 100 | 2 2
        05 80 2025-03-31 1020 300 | 4 3
        06 82 2025-03-31 1030 300 | 5 3
        07 83 2025-03-31 1040 500 | 6 3
        08 84 2025-03-31 1050 600 | 7 3
        09 97 2025-03-31 1060 1060 co1020 | B 5
        10 97 2025-03-31 1070 1070 co1020 | B 5
        11 97 2025-03-31 880 880 co1020 | B 5
        12 64 2025-03-31 0 0 co1020 | C 1
        """,
        "LLL65432100BBBBBBBBBBBBB",
    ),
    Life(
        "repossessed, the vehicle sold, the shortfall paid",
        loan(
            [*paid_months(2), paid(date(2025, 8, 20), 70_000), paid(date(2025, 10, 9), 40_000)],
            [event(K.REPOSSESSED, date(2025, 6, 12)), event(K.COLLATERAL_SOLD, date(2025, 8, 20))],
            product="secured_vehicle",
            is_secured=True,
        ),
        """
        02 11 - 990 0 | N 1
        03 71 2025-03-31 1000 100 | 1 2
        04 78 2025-03-31 1010 100 | 2 2
        05 80 2025-03-31 1020 300 | 4 3
        06 96 2025-03-31 1030 300 | 5 3
        07 96 2025-03-31 1040 500 | 6 3
        08 96 2025-03-31 360 0 | N 3
        09 96 2025-03-31 360 0 | N 3
        10 63 2025-03-31 0 0 | C 1
        """,
        "KKKK32100BBBBBBBBBBBBBBB",
    ),
    Life(
        "repossessed and redeemed",
        loan(
            [*paid_months(2), paid(date(2025, 6, 25), 40_000), *paid_months(7, 8)],
            [event(K.REPOSSESSED, date(2025, 5, 12)), event(K.REDEEMED, date(2025, 6, 25))],
            product="secured_vehicle",
            is_secured=True,
        ),
        """
        02 11 - 990 0 | N 1
        03 71 2025-03-31 1000 100 | 1 2
        04 78 2025-03-31 1010 100 | 2 2
        05 96 2025-03-31 1020 300 | 4 3
        06 11 - 630 0 | N 1
        07 11 - 540 0 | N 1
        08 11 - 450 0 | N 1
        """,
        "00K2100BBBBBBBBBBBBBBBBB",
    ),
    Life(
        "voluntary surrender",
        loan(paid_months(2, 3), [event(K.SURRENDERED, date(2025, 5, 12))], product="secured_vehicle", is_secured=True),
        """
        02 11 - 990 0 | N 1
        03 11 - 900 0 | N 1
        04 11 - 910 0 | 1 2
        05 951 2025-05-01 920 200 | 2 3
        06 951 2025-05-01 930 200 | 3 3
        07 951 2025-05-01 940 400 | 5 3
        """,
        "JJ0000BBBBBBBBBBBBBBBBBB",
    ),
    Life(
        "settled for less",
        loan(
            [*paid_months(2), paid(date(2025, 6, 18), 60_000), paid(date(2025, 6, 18), 50_000, kind=EntryKind.WAIVER)],
            [event(K.SETTLED, date(2025, 6, 18), 50_000)],
        ),
        """
        02 11 - 990 0 | N 1
        03 71 2025-03-31 1000 100 | 1 2
        04 78 2025-03-31 1010 100 | 2 2
        05 80 2025-03-31 1020 300 | 4 3
        06 133 2025-03-31 0 0 AU | G 3
        """,
        "32100BBBBBBBBBBBBBBBBBBB",
    ),
    Life(
        "paid early",
        loan([*paid_months(2, 3), paid(date(2025, 4, 11), 100_000)]),
        """
        02 11 - 990 0 | N 1
        03 11 - 900 0 | N 1
        04 130 - 0 0 | C 1
        """,
        "000BBBBBBBBBBBBBBBBBBBBB",
    ),
    Life(
        "sold",
        loan(paid_months(2), [event(K.SOLD, date(2025, 6, 18), name="Buyer Fund")]),
        """
        02 11 - 990 0 | N 1
        03 71 2025-03-31 1000 100 | 1 2
        04 78 2025-03-31 1010 100 | 2 2
        05 80 2025-03-31 1020 300 | 4 3
        06 053 2025-03-31 0 0 AH K2 | G 3
        """,
        "32100BBBBBBBBBBBBBBBBBBB",
    ),
    Life(
        "bankrupt while current",
        loan(paid_months(2, 3, 4, 5), consumer=_BANKRUPT),
        """
        02 11 - 990 0 | N 1
        03 11 - 900 0 | N 1
        04 11 2025-04-10 810 0 D | N 1
        05 11 2025-04-10 720 0 D | N 1
        06 11 2025-04-10 730 0 D | 1 2
        07 78 2025-07-01 740 200 D | 2 2
        """,
        "000000BBBBBBBBBBBBBBBBBB",
    ),
    Life(
        "deceased",
        loan(paid_months(2, 3), consumer=_DEAD),
        """
        02 11 - 990 0 | N 1
        03 11 - 900 0 | N 1
        04 11 - 910 0 | 1 2
        05 78 2025-05-01 920 200 | 2 2
        """,
        "0000BBBBBBBBBBBBBBBBBBBB",
    ),
    Life(
        "hardship: forbearance",
        loan(
            paid_months(2),
            [_arranged(date(2025, 3, 10), Arrangement.FORBEARANCE), event(K.ARRANGEMENT_ENDED, date(2025, 6, 10))],
        ),
        """
        02 11 - 990 0 | N 1
        03 71 2025-03-31 1000 100 CP | 1 2
        04 78 2025-03-31 1010 100 CP | 2 2
        05 80 2025-03-31 1020 300 CP | 4 3
        06 82 2025-03-31 1030 300 | 5 3
        07 83 2025-03-31 1040 500 | 6 3
        """,
        "432100BBBBBBBBBBBBBBBBBB",
    ),
    Life(
        "a promise, kept on its day: late until then",
        loan([*paid_months(2), paid(date(2025, 4, 18), 20_000)]),
        """
        02 11 - 990 0 | N 1
        03 71 2025-03-31 1000 100 | 1 2
        04 11 - 810 0 | N 1
        05 71 2025-05-31 820 100 | 1 2
        """,
        "0100BBBBBBBBBBBBBBBBBBBB",
    ),
    Life(
        "partial payments: the row stays late until it is whole",
        loan([*paid_months(2), paid(date(2025, 3, 1), 9_950), paid(date(2025, 4, 1), 4_000), paid(date(2025, 6, 1), 6_000)]),
        """
        02 11 - 990 0 | N 1
        03 11 - 900 0 | N 1
        04 11 - 870 0 | 1 2
        05 78 2025-05-01 880 160 | 2 2
        06 78 2025-05-01 830 100 | 2 2
        """,
        "20000BBBBBBBBBBBBBBBBBBB",
    ),
    Life(
        "a payment reversed later: what was reported of it is worked out again",
        loan([*paid_months(2, 4), _REVERSED, reversed_on(_REVERSED, date(2025, 6, 5))]),
        """
        02 11 - 990 0 | N 1
        03 11 - 900 0 | N 1
        04 11 - 810 0 | N 1
        05 71 2025-05-31 820 100 | 1 2
        06 80 2025-05-01 930 200 | 3 2
        07 82 2025-05-01 940 400 | 5 3
        """,
        "320100BBBBBBBBBBBBBBBBBB",
    ),
    Life(
        "due on month ends, 29 February among them",
        loan([], plan=rows(date(2024, 1, 31)), opened=date(2024, 1, 2)),
        """
        02 11 - 1100 0 | 1 2
        03 78 2024-03-01 1110 200 | 2 2
        04 80 2024-03-01 1120 300 | 3 2
        05 82 2024-03-01 1130 400 | 5 3
        06 83 2024-03-01 1140 500 | 6 3
        07 84 2024-03-01 1150 600 | 7 3
        08 84 2024-03-01 1160 700 | 7 3
        """,
        "6543200BBBBBBBBBBBBBBBBB",
    ),
    Life(
        "given to collection, paid there",
        loan([*paid_months(2), paid(date(2025, 9, 9), 110_000)], [event(K.GIVEN_TO_COLLECTION, date(2025, 6, 18))]),
        """
        02 11 - 990 0 | N 1
        03 71 2025-03-31 1000 100 | 1 2
        04 78 2025-03-31 1010 100 | 2 2
        05 80 2025-03-31 1020 300 | 4 3
        06 93 2025-03-31 1030 300 | 5 3
        07 93 2025-03-31 1040 500 | 6 3
        08 93 2025-03-31 1050 600 | 7 3
        09 62 2025-03-31 0 0 | C 1
        """,
        "GGG32100BBBBBBBBBBBBBBBB",
    ),
    Life(
        "two owe it",
        loan(paid_months(2, 3), consumer=replace(BORROWER, relation="2"), associated=(_HUSBAND,)),
        """
        02 11 - 990 0 J1 | N 1
        03 11 - 900 0 J1 | N 1
        04 11 - 910 0 J1 | 1 2
        05 78 2025-05-01 920 200 J1 | 2 2
        """,
        "0000BBBBBBBBBBBBBBBBBBBB",
    ),
    Life(
        "renumbered",
        loan(paid_months(2, 3), [event(K.RENUMBERED, date(2025, 4, 2), name="NEW77")]),
        """
        02 11 - 990 0 | N 1
        03 11 - 900 0 | N 1
        04 11 - 910 0 L1 | 1 2
        05 78 2025-05-01 920 200 | 2 2
        06 80 2025-05-01 930 200 | 3 2
        """,
        "20000BBBBBBBBBBBBBBBBBBB",
    ),
)
