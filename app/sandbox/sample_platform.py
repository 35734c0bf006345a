"""A platform of the sample book for what comes after reminders: its borrowers, each with one loan and one story.

Its loans are known here for longer than those of the other lenders, so that dates of the law can pass. What has happened
since is told by `sample_escalations` and `sample_arrears`, at the times at which people would have done it.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from fractions import Fraction
from typing import Any

from app.domain.book import BorrowerValues, LenderValues, LoanValues, PaymentValues, PlanValues
from app.domain.errors import DomainError
from app.domain.plans import PlanRow
from app.domain.times import business_date, local_instant
from app.persistence.unit_of_work import unit_of_work
from app.sandbox.sample_loans import Product, due_dates, level_plan
from app.sandbox.sample_people import PLACES, phone_of
from app.services import base_rates
from app.services.borrowers import put_borrowers
from app.services.desk_payments import DeskStaff
from app.services.lenders import put_lender
from app.services.loans import put_loans, put_plans
from app.services.payments import record_payments
from app.services.positions import rebuild_positions

CODE, ZONE, CURRENCY = "hongyuan", "Asia/Shanghai", "CNY"
FIRST, SECOND = "staff:sample", "staff:sample-second"
"""Two people who sit at its desk."""
_ORIGIN = "sandbox"
KNOWN_FOR = timedelta(days=100)
"""How long ago the platform's book came in."""
PLATFORM = LenderValues(
    CODE,
    "弘远信息（示例）",
    "CN",
    ZONE,
    CURRENCY,
    "zh-CN",
    "private_lender",
    "示例-088",
    "示例监管局",
    "示例投诉电话 400-000-0088",
    legal_name="弘远信息服务有限公司（示例）",
    licence_role="lender",
    licensed_from=date(2018, 3, 1),
    licensed_until=date(2030, 2, 28),
    role="first_party",
    role_reason="It collects loans that were made on its own platform (sample book).",
)
_MONTHLY = Product("personal", (18,), None, Fraction(11, 100), (20, 60))
_FIRST_PHONE = 940
"""Between those that are drawn and those of the demo borrowers."""


@dataclass(frozen=True, slots=True)
class Story:
    """One borrower and their loan. `late`: days since the oldest instalment that is not paid was due; 0: none is."""

    key: str
    name: str
    national_id: str
    late: int = 0
    yearly_rate: Fraction = _MONTHLY.yearly_rate
    principal_minor: int = 3_600_000
    product_kind: str = "instalment"

    @property
    def borrower_no(self) -> str:
        """The lender's number of the borrower."""
        return f"HY-{self.key}"

    @property
    def loan_no(self) -> str:
        """The lender's number of the loan: letters and digits, as a credit bureau takes it."""
        return f"HY{self.key}01"


WRITTEN_TO = (
    Story("NOTICE1", "王建国", "310101198501010014", late=13),
    Story("NOTICE2", "李雪梅", "310101198501010022", late=14),
    Story("NOTICE3", "张志强", "310101198501010030", late=15),
    Story("NOTICE4", "刘佳怡", "310101198501010049", late=16),
    Story("NOTICE5", "陈海燕", "310101198501010057", late=17),
    Story("NOTICE6", "杨文博", "310101198501010065", late=18),
)
"""An arrears notice came; their letters are what the bulletin counts."""
LETTER_WAITS = Story("LETTER", "赵春兰", "310101198203054529", late=47)
WARNED = Story("WARNED", "黄俊杰", "310101197911126410", late=62)
PLEDGED = Story(
    "VEHICLE", "周思远", "310101198807234539", late=100, principal_minor=6_000_000, product_kind="secured_vehicle"
)
REGISTERED = Story("REGISTER", "吴天宇", "310101199003077712", late=130)
FUNDED = Story("FUNDED", "徐丽华", "310101199205168823", principal_minor=6_000_000)
OVER_CAP = Story("CAP", "孙明轩", "31010119860101993X", late=40, yearly_rate=Fraction(36, 100))
ANSWER_DUE = Story("DUESOON", "林子涵", "310101199109098845")
ANSWER_MISSED = Story("MISSED", "欧阳秀英", "310101198404047755")
STORIES = (*WRITTEN_TO, LETTER_WAITS, WARNED, PLEDGED, REGISTERED, FUNDED, OVER_CAP, ANSWER_DUE, ANSWER_MISSED)


@dataclass(frozen=True, slots=True)
class StoryValues:
    """What a core tells of a story."""

    borrower: BorrowerValues
    loan: LoanValues
    plan: PlanValues
    payments: tuple[PaymentValues, ...]


def story_values(number: int, story: Story, *, now: datetime) -> StoryValues:
    """Return the values of a story; `number` is its place among all."""
    today = business_date(now, ZONE)
    paid_rows = 12 - story.late // 30
    open_from = today + timedelta(days=-story.late if story.late else 9)
    dates = due_dates(open_from, _MONTHLY.rows[0], None, rows_before=paid_rows)
    rows = level_plan(story.principal_minor, story.yearly_rate, dates, None)
    disbursed_on = dates[0] - timedelta(days=30)
    known_at = local_instant(disbursed_on, time(10), ZONE)
    loan = LoanValues(
        story.loan_no, story.borrower_no, CURRENCY, story.principal_minor, product=_MONTHLY.name, disbursed_on=disbursed_on,
        maturity_on=rows[-1].due_on, contract={"annual_rate": f"{float(story.yearly_rate):.4f}", **_signed(disbursed_on)},
        recorded_at=known_at, product_kind=story.product_kind,
    )  # fmt: skip
    return StoryValues(
        _borrower(number, story), loan, PlanValues(story.loan_no, rows, recorded_at=known_at),
        tuple(_payment(story, row) for row in rows[:paid_rows]),
    )  # fmt: skip


def _signed(disbursed_on: date) -> dict[str, str]:
    """Return the day of signing, for which a rate must be published: a cap that is not known stops reports and escalation.

    Where the table in use has grown old, all of them were signed on the day of its last rate.
    """
    fixings = base_rates.fixings()
    return {"signed_on": min(disbursed_on, fixings[-1].fixed_on).isoformat()} if fixings else {}


def _borrower(number: int, story: Story) -> BorrowerValues:
    place = PLACES["CN"]
    house = random.Random(story.key).randint(1, 240)  # noqa: S311 - made-up people must be the same again
    return BorrowerValues(
        story.borrower_no, story.name, phone_of("CN", _FIRST_PHONE + number, ZONE), national_id=story.national_id,
        address_lines=(f"{house} {place.streets[number % len(place.streets)]}", place.cities[0]), country="CN",
        locale=place.locale, zone=ZONE,
    )  # fmt: skip


def _payment(story: Story, row: PlanRow) -> PaymentValues:
    return PaymentValues(
        f"{story.loan_no}-P{row.row_no}", story.loan_no, row.due.total, CURRENCY, row.due_on,
        recorded_at=local_instant(row.due_on, time(12), ZONE), row_no=row.row_no, channel="transfer",
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Placed:
    """A story's borrower and loan, by their ids."""

    borrower_id: str
    loan_id: str


class Platform:
    """The platform as it was put into the book at `now`."""

    def __init__(self, lender_id: str, placed: dict[str, Placed], now: datetime) -> None:
        self.lender_id, self.now, self.today = lender_id, now, business_date(now, ZONE)
        self._placed = placed

    def of(self, story: Story) -> Placed:
        """Return the ids of a story."""
        return self._placed[story.key]

    def ago(self, days: int) -> datetime:
        """Return ten in the morning of so many days ago: people write things down, and post letters, in daytime."""
        return local_instant(self.today - timedelta(days=days), time(10), ZONE)

    def staff(self, role: str, by: str = FIRST) -> DeskStaff:
        """Return somebody at its desk."""
        return DeskStaff(by, role, self.lender_id)


def put_platform(*, now: datetime) -> Platform:
    """Put the platform with its borrowers, loans, plans and payments, as its core's first file would have."""
    values = [story_values(number, story, now=now) for number, story in enumerate(STORIES)]
    then = now - KNOWN_FOR
    with unit_of_work() as work:
        lender = put_lender(work, PLATFORM, now=then)
        people = all_right(put_borrowers(work, [each.borrower for each in values], now=then, origin=_ORIGIN))
        loans = all_right(put_loans(work, lender, [each.loan for each in values], now=then, origin=_ORIGIN))
        all_right(put_plans(work, lender, [each.plan for each in values], now=then, origin=_ORIGIN))
        paid = sorted(
            (paid for each in values for paid in each.payments), key=lambda paid: (paid.effective_on, paid.reference)
        )
        all_right(record_payments(work, lender, paid, now=now, origin=_ORIGIN))
        rebuild_positions(work, [loan.id for loan in loans])
        ids = {story.key: Placed(person.id, loan.id) for story, person, loan in zip(STORIES, people, loans, strict=True)}
        return Platform(lender.id, ids, now)


def all_right(results: Sequence[Any]) -> list[Any]:
    """Return the results; raises the first of them that is a refusal."""
    for result in results:
        if isinstance(result, DomainError):
            raise result
    return list(results)
