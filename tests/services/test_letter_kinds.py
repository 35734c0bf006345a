"""Letters of every kind in every jurisdiction: the study's checklist, refusals by name, no threats, sums to the cent."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import app as package
from app.domain.errors import ValidationError
from app.domain.late_charges import LateTerms
from app.domain.letter_ledgers import LedgerRow, LetterLedger, require_whole
from app.domain.letters import LetterRefusedError
from app.domain.plans import PlanVersion
from app.domain.positions import open_rows_at, position_at, replay
from app.domain.splits import Split, total_of
from app.domain.terms import LoanTerms
from app.services.letter_kind_setting import ledger_table, pay_by_of, set_kind
from app.services.letter_parts import LetterParts
from app.services.letter_setting import set_letter
from app.wording.letter_kinds import AS_LAW, KINDS, LetterKind, kinds_of, letter_kind
from app.wording.letter_pledges import LetterPledge
from app.wording.letter_texts import letter_law, read_letterhead
from app.wording.letter_words import words_in
from app.wording.lint import lint_message
from tests.builders.letters import write_letterhead
from tests.builders.random_loans import KNOWN, contracts, plan_rows

JURISDICTIONS = ("CN", "US", "UK", "IN", "EU")
LOCALES = ("en", "zh-CN")
NOON = datetime(2026, 3, 24, 4, 0, tzinfo=UTC)
ROWS = (
    LedgerRow(1, date(2026, 1, 10), 73, Split(10_000, 150, 20, 45)),
    LedgerRow(2, date(2026, 2, 10), 42, Split(9_999, 51, 0, 3)),
)
CAP = {"status": "applies", "annual_rate": "0.1540", "code": "four-times-lpr", "fixed_on": "2020-08-20", "may_bind": False}
LOAN = {
    "id": "loan", "loan_no": "CN-1001", "lender_code": "acme", "lender_name": "Acme", "legal_name": "Acme Finance Ltd",
    "licence_kind": "private_lender", "licence_no": "A-77", "regulator": "The Regulator", "complaints_contact": "12378",
    "role": "third_party_collector", "currency": "CNY", "jurisdiction": "CN", "zone": "Asia/Shanghai", "cap": CAP,
    "contract": {"signed_on": "2025-09-10", "contract_no": "HT-2025-9", "annual_rate": "0.12"}, "disbursed_on": None,
    "over_cap_minor": 0, "policy_id": None,
}  # fmt: skip


@pytest.fixture(scope="module")
def head(tmp_path_factory: pytest.TempPathFactory) -> Any:
    sheet = {locale: {"title": "Advice", "text": ["Ask somebody."]} for locale in LOCALES}
    keys = ("debt_advice", "arrears_information_sheet", "default_information_sheet")
    words = {each: {locale: ["(words of the lender)"] for locale in LOCALES} for each in letter_law_words()}
    path = write_letterhead(
        tmp_path_factory.mktemp("heads"), sheets=dict.fromkeys(keys, sheet), notices=words,
        reports_to={"en": "Bureau One", "zh-CN": "一号征信"}, register={"en": "The Register", "zh-CN": "登记处"},
    )  # fmt: skip
    return read_letterhead(path)


def letter_law_words() -> set[str]:
    return {kind for each in JURISDICTIONS for kind, rule in letter_law(each).notices.items() if rule.words == "lender"}


def parts(kind: LetterKind, locale: str = "en", *, rows: tuple[LedgerRow, ...] = ROWS, **loan: Any) -> LetterParts:
    facts = SimpleNamespace(**{**LOAN, **loan})
    ledger = LetterLedger("CN-1001", "CNY", date(2026, 3, 24), rows, total_of([row.open for row in rows]), Fraction(12, 100),
                          Fraction(18, 100))  # fmt: skip
    return LetterParts(
        message_id="0" * 32, borrower_id="b", template=kind.template, locale=locale, title="A letter", body="Hello,\nBye",
        name="王小明", address=("上海市浦东新区世纪大道1号", "200120"), country="CN", written_on=date(2026, 3, 24),
        jurisdiction=kind.jurisdiction, notice=None, loans=(facts,), positions=(), ledgers=(ledger,), kind=kind, as_of=NOON,
        zone="Asia/Shanghai", pledges=(LetterPledge("vehicle", "pledged", "CNY", "Wuling Hongguang, white", "粤B12345"),),
    )  # fmt: skip


def said(kind: LetterKind, head: Any, locale: str = "en", **loan: Any) -> str:
    """All that a letter of a kind adds to its text, as one text."""
    made = set_kind(parts(kind, locale, **loan), head, words_in(locale))
    texts: list[str] = [*made.lines]
    for table in made.tables:
        texts += [table.caption, *table.columns, *(cell for row in table.rows for cell in row)]
    for section in made.sections:
        texts += [section.heading, *section.paragraphs]
    return "\n".join(texts)


ALL = [(j, k, locale) for j, k, locale in product(JURISDICTIONS, KINDS, LOCALES)]


@pytest.mark.parametrize(("jurisdiction", "kind", "locale"), ALL)
def test_every_letter_keeps_the_checklist(jurisdiction: str, kind: str, locale: str, head: Any) -> None:
    rule, words = letter_kind(jurisdiction, kind), words_in(locale)

    text = said(rule, head, locale)

    for wanted in (
        "Acme Finance Ltd", "A-77",                                     # who writes, by legal name and licence
        "HT-2025-9",                                                    # which agreement, and of which day
        "CNY",
        words.as_of, "12:00", words.pay_by, "Asia/Shanghai",            # as of when, until when, where that day ends
        *words.ledger_of_columns,
        "199.99", "2.01", "0.48", "202.68",   # principal, interest, late charges, in all
        "12.00%", "18.00%", "73", "42",                                 # rates and days
        words.language_name, words.check, words.proof,
    ):  # fmt: skip
        assert wanted in text, f"{wanted} is not in it"
    headings = [each.heading[locale] for each in rule.says]
    assert any("disagree" in each or "异议" in each for each in headings), "the way to object"
    assert any("difficult" in each or "困难" in each for each in headings), "the way out of hardship"


@pytest.mark.parametrize("jurisdiction", JURISDICTIONS)
def test_the_ways_to_pay_stand_in_what_asks_for_money(jurisdiction: str) -> None:
    asks = ("repayment_letter", "default_notice", "collateral_notice", "register_notice", "pre_report_notice")
    assert all("ways_to_pay" in letter_kind(jurisdiction, each).needs for each in asks)


@pytest.mark.parametrize(("jurisdiction", "kind", "locale"), ALL)
def test_nothing_threatens_or_presses(jurisdiction: str, kind: str, locale: str, head: Any) -> None:
    rule = letter_kind(jurisdiction, kind)
    made = set_kind(parts(rule, locale), head, words_in(locale))

    for section in made.sections:
        body = "\n".join(section.paragraphs)
        found = lint_message(channel="letter", locale=locale, title=section.heading, body=body, markers=frozenset())
        assert [each for each in found if each.code in ("forbidden", "forbidden_at_stage", "pressure")] == []


@pytest.mark.parametrize("jurisdiction", [*JURISDICTIONS, "default"])
def test_only_what_was_read_is_shown_with_a_source_and_nothing_else_speaks_of_law(jurisdiction: str) -> None:
    for rule in kinds_of(jurisdiction).values():
        for each in rule.says:
            assert set(each.text) == set(LOCALES), f"{each.key} has words in every locale"
            shown = {locale: each.said(locale, VALUES) for locale in LOCALES}
            if each.grade in AS_LAW:
                assert all(each.source[locale] in shown[locale] for locale in LOCALES)
            else:
                assert not each.source
                for text in shown.values():
                    assert not SPEAKS_OF_LAW.search(text), each.key


SPEAKS_OF_LAW = re.compile(r"\b(law|act|article|directive|regulation|code)\b|法律|法规|条例|《", re.IGNORECASE)
VALUES = dict.fromkeys(
    (
        "lender", "pay_by", "contract_no", "reports_to", "register", "complaints", "regulator", "creditor",
        "mailing_address", "addressee", "account",
    ),
    "<x>",
)  # fmt: skip


def test_what_a_law_leaves_to_pay_is_left_and_a_day_that_was_never_read_is_marked() -> None:
    default, registered = letter_kind("UK", "default_notice"), letter_kind("UK", "pre_report_notice")

    assert (default.least_days, default.least_grade) == (14, "R")
    assert default.pay_by_days > 14
    assert (registered.least_days, registered.least_grade) == (28, "U")
    assert registered.pay_by_days >= 28
    assert "28" not in " ".join(text for each in registered.says for text in each.text.values())


def test_the_last_day_ends_where_the_borrower_lives() -> None:
    late_evening = datetime(2026, 3, 24, 17, 0, tzinfo=UTC)
    rule = letter_kind("CN", "repayment_letter")

    in_shanghai = replace(parts(rule), as_of=late_evening)

    assert pay_by_of(in_shanghai, rule) == date(2026, 3, 25) + timedelta(days=20)
    assert pay_by_of(replace(in_shanghai, zone="America/New_York"), rule) == date(2026, 3, 24) + timedelta(days=20)


UNKNOWN = {"status": "unknown", "annual_rate": None, "code": "fixing-missing", "fixed_on": None, "may_bind": True}


@pytest.mark.parametrize(
    ("kind", "what", "loan"),
    [
        ("repayment_letter", "licence", {"licence_no": None}),
        ("repayment_letter", "contract", {"contract": {}}),
        ("repayment_letter", "cap", {"cap": UNKNOWN}),
        ("repayment_letter", "cap", {"cap": None}),
        ("repayment_letter", "cap", {"over_cap_minor": 1}),
        ("pre_report_notice", "cap", {"cap": UNKNOWN}),
        ("repayment_letter", "ledger", {"rows": ()}),
    ],
)
def test_what_is_lacking_is_refused_by_name(kind: str, what: str, loan: dict[str, Any], head: Any) -> None:
    with pytest.raises(LetterRefusedError) as refusal:
        said(letter_kind("CN", kind), head, **loan)

    assert refusal.value.what == what


def test_a_letter_that_needs_no_cap_is_made_without_it(head: Any) -> None:
    assert "HT-2025-9" in said(letter_kind("CN", "collateral_notice"), head, cap=UNKNOWN)


def test_what_the_letterhead_must_say_is_refused_by_name(tmp_path: Any) -> None:
    bare = read_letterhead(write_letterhead(tmp_path, ways_to_pay={}))
    with pytest.raises(LetterRefusedError) as refusal:
        said(letter_kind("CN", "repayment_letter"), bare)
    assert refusal.value.what == "ways_to_pay"
    plain = read_letterhead(write_letterhead(tmp_path))
    with pytest.raises(LetterRefusedError) as refusal:
        said(letter_kind("CN", "register_notice"), plain)
    assert refusal.value.what == "register"
    rule = letter_kind("CN", "pre_report_notice")
    assert "金融信用信息基础数据库" in said(rule, plain, "zh-CN")
    with pytest.raises(LetterRefusedError) as refusal:
        said(replace(rule, reports_to=None), plain)
    assert refusal.value.what == "reports_to"


@pytest.mark.parametrize(
    ("jurisdiction", "kind"),
    [("UK", "arrears_notice"), ("UK", "default_notice"), ("IN", "pre_report_notice"), ("EU", "pre_report_notice")],
)
def test_a_prescribed_form_that_we_do_not_have_is_the_lenders(
    jurisdiction: str, kind: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule = letter_kind(jurisdiction, kind)
    given_head = read_letterhead(write_letterhead(tmp_path))
    monkeypatch.setattr("app.services.letter_setting.letterhead_of", lambda _: given_head)
    sheets = dict.fromkeys(("arrears_information_sheet", "default_information_sheet"), given_head.sheets["debt_advice"])
    object.__setattr__(given_head, "sheets", {**given_head.sheets, **sheets})

    with pytest.raises(LetterRefusedError) as refusal:
        set_letter(replace(parts(rule), notice=rule.served_as))

    assert refusal.value.what == "notice_text"
    assert rule.served_as in refusal.value.detail


def test_who_collects_for_another_says_so_and_the_creditor_itself_does_not(head: Any) -> None:
    rule = letter_kind("US", "repayment_letter")

    assert "from a debt collector" in said(rule, head)
    assert "from a debt collector" not in said(rule, head, role="first_party")


def test_a_ledger_whose_parts_do_not_make_the_sum_is_refused() -> None:
    good = LetterLedger("L1", "CNY", date(2026, 3, 24), ROWS, total_of([row.open for row in ROWS]))
    require_whole([good])

    with pytest.raises(LetterRefusedError) as refusal:
        require_whole([replace(good, total=good.total.plus(Split(interest=1)))])

    assert refusal.value.what == "ledger"
    with pytest.raises(LetterRefusedError):  # the same sum in all, and another make-up
        require_whole([replace(good, total=good.total.plus(Split(principal=1, interest=-1)))])


@given(
    contract=contracts(most_rows=12), after=st.integers(0, 900), late=st.integers(0, 3600), locale=st.sampled_from(LOCALES)
)
def test_the_ledger_on_the_letter_sums_to_the_cent_for_any_loan(contract: Any, after: int, late: int, locale: str) -> None:
    try:
        rows = tuple(plan_rows(contract))
    except ValidationError:
        return
    terms = LoanTerms(late=LateTerms(annual_rate=Fraction(late, 10_000)) if late else None)
    snapshot = replay(None, [PlanVersion(1, rows, KNOWN)], [], terms=terms)
    on = rows[0].due_on + timedelta(days=after)
    shown = tuple(
        LedgerRow(row.row_no, row.due_on, (on - row.due_on).days, row.open)
        for row in open_rows_at(snapshot, on, terms.late)
        if row.due_on < on
    )
    overdue = position_at(snapshot, on, terms=terms).overdue
    ledger = LetterLedger("L1", "CNY", on, shown, overdue)

    if not shown:
        return
    require_whole([ledger])
    table = next(iter(_tables(replace(parts(letter_kind("CN", "repayment_letter"), locale), ledgers=(ledger,)))))

    printed = [[Decimal(cell.replace(",", "")) for cell in row[3:]] for row in table.rows]
    *each, total = printed
    assert [sum(column) for column in zip(*each, strict=True)] == total
    assert all(sum(row[:-1]) == row[-1] for row in printed)
    assert total[-1] * 100 == overdue.total


def _tables(of: LetterParts) -> Iterator[Any]:
    for ledger in of.ledgers:
        yield ledger_table(ledger, words_in(of.locale), of)


_FILES = sorted((Path(package.__file__ or "").parent / "content" / "escalations").glob("*.yaml"))
POLICIES = [path for path in _FILES if "steps" in yaml.safe_load(path.read_text("utf-8"))]


@pytest.mark.parametrize("path", POLICIES, ids=lambda path: path.stem)
def test_no_shipped_policy_reports_before_the_day_that_its_notice_names(path: Path) -> None:
    document = yaml.safe_load(path.read_text("utf-8"))
    notices = {step["key"]: step["notice"] for step in document["steps"] if "notice" in step}
    for step in document["steps"]:
        told = notices.get(step.get("after", {}).get("step"))
        if step["kind"] == "report":
            for jurisdiction in document["jurisdictions"]:
                assert told is not None
                assert step["after"]["days"] >= letter_kind(jurisdiction, told["kind"]).pay_by_days
