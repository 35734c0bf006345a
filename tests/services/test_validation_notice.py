"""The validation notice of a debt collector in the United States: each content of 12 CFR 1006.34(c), or refused by name."""

from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import ValidationError
from app.domain.itemisations import LAST_PAYMENT, TRANSACTION, Itemisation, itemisation_day, itemised
from app.domain.late_charges import LateTerms
from app.domain.ledger import EntryKind, LedgerEntry
from app.domain.letters import LetterRefusedError
from app.domain.plans import PlanVersion
from app.domain.positions import position_at, replay
from app.domain.splits import Split
from app.domain.terms import LoanTerms
from app.persistence.unit_of_work import unit_of_work
from app.services.letter_kind_setting import pay_by_of, set_kind
from app.services.letter_parts import LetterParts
from app.services.letter_setting import set_letter
from app.services.letters import parts_of
from app.wording.letter_kinds import letter_kind
from app.wording.letter_texts import letter_law, read_letterhead
from app.wording.letter_words import words_in
from tests.builders.book import build_lender, build_loan, pay
from tests.builders.letters import write_letterhead
from tests.builders.random_loans import KNOWN, contracts, plan_rows
from tests.builders.served import a_notice, serve
from tests.conftest import START
from tests.services.test_letter_kinds import LOCALES, parts

KIND = letter_kind("US", "validation_notice")
ITEM = Itemisation(
    "CN-1001", "CNY", date(2026, 1, 20), LAST_PAYMENT, 90_000, Split(interest=1_500, fees=300, penalties=48), 91_848
)
CREDITOR = {"creditor": {"en": "First Bank", "zh-CN": "第一银行"}}


@pytest.fixture
def head(tmp_path: Any) -> Any:
    return read_letterhead(write_letterhead(tmp_path, **CREDITOR))


def notice(locale: str = "en", **changes: Any) -> LetterParts:
    return replace(parts(KIND, locale), itemisations=(ITEM,), **changes)


def said(of: LetterParts, head: Any) -> str:
    made = set_kind(of, head, words_in(of.locale))
    texts: list[str] = [*made.lines]
    for table in made.tables:
        texts += [table.caption, *table.columns, *(cell for row in table.rows for cell in row)]
    for section in made.sections:
        texts += [section.heading, *section.paragraphs]
    return "\n".join(texts)


CONTENT = {
    "collector_name_address": "Acme Finance Ltd, 1 High Street, London, EC1A 1AA",
    "consumer_name_address": "王小明, 上海市浦东新区世纪大道1号, 200120",
    "itemization_date": "Owed on Jan 20, 2026",
    "amount_then": "900.00",
    "interest": "15.00",
    "fees": "3.00",
    "late_charges": "0.48",
    "payments": "Paid since",
    "credits": "Credited since",
    "current_amount": "918.48",
    "creditor": "First Bank",
    "account_ref": "…25-9",
    "validation_end_date": "You can dispute this debt until: May 11, 2026",
    "dispute_statement": "we stop collecting what you dispute until we have sent you",
    "original_creditor_statement": "name and address of the original creditor if it is not the one named here",
    "assumed_valid_statement": "we will assume that our information is correct",
    "debt_collector": "This is from a debt collector.",
    "attempt_to_collect_statement": "attempt to collect a debt",
    "information_use_statement": "is used for that purpose",
    "cfpb": "www.cfpb.gov/debt-collection",
    "electronic": "dispute electronically",
    "prompt_not_mine": "[   ] This is not my debt.",
    "prompt_amount": "[   ] The amount is wrong.",
    "prompt_other": "[   ] Other",
    "prompt_original": "[   ] Name and address of the original creditor.",
    "return_address": "Send it to: Acme Finance Ltd, 1 High Street, London, EC1A 1AA.",
}
"""What 1006.34(c) and 1006.18(e) want, and where it stands."""


@pytest.mark.parametrize("what", CONTENT)
def test_a_validation_notice_has_each_content(what: str, head: Any) -> None:
    assert CONTENT[what] in said(notice(), head)


@pytest.mark.parametrize("locale", LOCALES)
def test_it_asks_for_no_money_by_a_day_and_every_statement_has_words(locale: str, head: Any) -> None:
    text, words = said(notice(locale), head), words_in(locale)

    assert words.pay_by not in text
    assert words.dispute_until in text
    assert words.check in text
    assert words.proof in text
    assert "HT-2025-9" in text, "which contract, in the letter's own facts"


def test_the_last_day_leaves_no_less_than_the_law(head: Any) -> None:
    # Sent a week after it was set, over Christmas and New Year: received 5 business days later, and 30 days from then.
    set_on = date(2026, 12, 16)
    sent_on = set_on + timedelta(days=7)
    received_on = date(2026, 12, 31)  # 24, 28, 29, 30, 31: neither the 25th, a holiday, nor the weekend
    assert (received_on - sent_on).days <= 11

    until = pay_by_of(notice(as_of=START.replace(year=2026, month=12, day=16)), KIND)

    assert until >= received_on + timedelta(days=30)
    assert (KIND.least_days, KIND.pay_by_days) == (30, 7 + 11 + 30)


@pytest.mark.parametrize(
    ("what", "changes"),
    [
        ("itemisation", {"itemisations": ()}),
        ("itemisation", {"itemisations": (LetterRefusedError("no", facts={"what": "itemisation"}),)}),
    ],
)
def test_what_is_lacking_is_refused_by_name(what: str, changes: dict[str, Any], head: Any) -> None:
    with pytest.raises(LetterRefusedError) as refusal:
        said(replace(notice(), **changes), head)
    assert refusal.value.what == what


def test_without_the_creditors_name_there_is_no_notice(tmp_path: Any) -> None:
    with pytest.raises(LetterRefusedError) as refusal:
        said(notice(), read_letterhead(write_letterhead(tmp_path)))
    assert refusal.value.what == "current_creditor"


def test_the_form_is_our_own_and_claims_no_model() -> None:
    rule = letter_law("US").notice("validation_notice")

    assert rule.words == "free"
    assert "Model" not in rule.source


def entry(kind: EntryKind, on: date, **more: Any) -> LedgerEntry:
    return LedgerEntry(f"{kind}-{on}", kind, 100, on, KNOWN, **more)


def test_the_day_is_that_of_the_last_payment_else_of_the_loan() -> None:
    lent, paid, today = date(2026, 1, 2), date(2026, 2, 3), date(2026, 3, 4)
    charge = entry(EntryKind.CHARGE, date(2026, 2, 20))

    assert itemisation_day("L", [entry(EntryKind.REPAYMENT, paid), charge], lent, today) == (paid, LAST_PAYMENT)
    assert itemisation_day("L", [charge], lent, today) == (lent, TRANSACTION)
    undone = [entry(EntryKind.REPAYMENT, paid), entry(EntryKind.REVERSAL, paid, reverses=f"repayment-{paid}")]
    assert itemisation_day("L", undone, lent, today) == (lent, TRANSACTION)


@pytest.mark.parametrize("kind", [EntryKind.WAIVER, EntryKind.REFUND, EntryKind.SOURCE_ADJUSTMENT])
def test_what_was_given_back_since_is_itemised_by_hand(kind: EntryKind) -> None:
    lent, today = date(2026, 1, 2), date(2026, 3, 4)
    for entries, lent_on in (([entry(kind, date(2026, 2, 3))], lent), ([], None)):
        with pytest.raises(LetterRefusedError) as refusal:
            itemisation_day("L", entries, lent_on, today)
        assert refusal.value.what == "itemisation"


@given(contract=contracts(most_rows=12), after=st.integers(0, 900), late=st.integers(0, 3600), paid=st.integers(0, 10**9))
def test_an_itemisation_makes_the_sum_to_the_cent_for_any_loan(contract: Any, after: int, late: int, paid: int) -> None:
    try:
        rows = tuple(plan_rows(contract))
    except ValidationError:
        return
    terms = LoanTerms(late=LateTerms(annual_rate=Fraction(late, 10_000)) if late else None)
    first = rows[0].due_on
    on = first + timedelta(days=after)
    amount = paid % (sum(row.due.total for row in rows) + 1)
    entries = [LedgerEntry("e", EntryKind.REPAYMENT, amount, first, KNOWN)] if amount else []
    versions = [PlanVersion(1, rows, KNOWN)]
    since, basis = itemisation_day("L", entries, first - timedelta(days=30), on)
    then, now = (position_at(replay(None, versions, entries, day, None, terms), day, terms=terms) for day in (since, on))

    found = itemised("L", "CNY", basis, then, now)

    assert found.owed_then_minor + found.charged.total == found.owed_now_minor


def test_a_served_notice_of_a_real_loan_is_set_with_its_itemisation(
    app: Flask, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    lender_id = build_lender(now=START, jurisdiction="US", zone="America/New_York", role="third_party_collector")
    due = [START.date() - timedelta(days=60), START.date() - timedelta(days=30), START.date() + timedelta(days=30)]
    loan = build_loan(
        now=START, due=due, lender_id=lender_id, name="Jane Roe", address_lines=("2 Low Road", "Leeds", "LS1 4AP"),
        country="US", recorded_at=START - timedelta(days=100), contract={"signed_on": "2025-12-01"},
    )  # fmt: skip
    pay(loan, 4_000, now=START - timedelta(days=40))
    wanted = a_notice(loan, kind="validation_notice", template="letter_validation")
    [message_id] = serve(wanted, now=START)
    given_head = read_letterhead(write_letterhead(tmp_path, **CREDITOR))
    monkeypatch.setattr("app.services.letter_setting.letterhead_of", lambda _: given_head)

    with unit_of_work() as work:
        found = parts_of(work, message_id)
        (item,) = found.itemisations
        letter = set_letter(found).letter

    assert isinstance(item, Itemisation)
    assert (item.since, item.basis) == ((START - timedelta(days=40)).date(), LAST_PAYMENT)
    assert item.owed_then_minor + item.charged.total == item.owed_now_minor
    assert letter.pages >= 2
