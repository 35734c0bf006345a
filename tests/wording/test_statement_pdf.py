"""The statement as a document: read back as text, whole on every page, the same bytes each time."""

import hashlib
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from io import BytesIO

import pytest
from pypdf import PdfReader

from app.domain.ledger import EntryKind, LedgerEntry
from app.domain.plans import PlanRow
from app.domain.splits import Split
from app.domain.statements import Period
from app.wording.pdf_fonts import drawable, width_of, wrapped
from app.wording.statement_labels import EN, ZH_CN
from app.wording.statement_pdf import LenderBlock, StatementDocument, statement_pdf
from config import ROOT
from tests.builders.statements import document, paid_statement, statement_of


def pages_of(made: StatementDocument) -> list[str]:
    return [page.extract_text() for page in PdfReader(BytesIO(statement_pdf(made))).pages]


@pytest.mark.parametrize(
    "name", ["林晓雨", "欧阳娜娜", "䶮㛃𬭎", "Zoë Łukaszewicz", "Nguyễn Thị Hà", "Ольга Иванова", "さくら"]
)
def test_names_of_many_scripts_can_be_read_back(name: str) -> None:
    (page,) = pages_of(document(paid_statement(2), borrower_name=name))

    assert name in page


def test_a_chinese_statement_names_everything_a_borrower_must_know() -> None:
    (page,) = pages_of(document(paid_statement(2)))

    for told in ("信远消费金融（示例）", "消费金融公司", "许可证号：示例-001", "示例监管局", "CN-1001", "人民币 (CNY)"):
        assert told in page
    for told in ("2022年1月10日至2022年1月18日", "2022年1月18日日终", "出具当日", "2026年3月2日", "期初余额", "期末余额"):
        assert told in page
    assert re.search(r"第2期到期\s*1,296\.28", page)
    assert re.search(r"还款，PAY-e0002\s*1,296\.28\s*-1,234\.56\s*-61\.72\s*0\.00", page)


def test_an_english_statement_says_the_same() -> None:
    made = document(paid_statement(2), "en", currency="KWD", borrower_name=None, lender=LenderBlock("Gulf", "unstated"))

    (page,) = pages_of(made)

    for told in (
        "Statement of account",
        "B-1",
        "Kuwaiti Dinar (KWD)",
        "Jan 10, 2022 to Jan 18, 2022",
        "on the day of issue",
    ):
        assert told in page
    assert re.search(r"Repayment, PAY-e0002\s*129\.628\s*-123\.456\s*-6\.172\s*0\.000", page)
    assert "Licence" not in page


def test_what_was_known_when_is_said() -> None:
    known_at = datetime(2022, 1, 20, 9, tzinfo=UTC)
    statement = replace(paid_statement(2), known_at=known_at)

    assert "2022-01-20T09:00:00Z" in pages_of(document(statement))[0]


def test_four_hundred_lines_make_pages_that_each_have_their_head_and_number() -> None:
    statement = paid_statement(200)

    pages = pages_of(document(statement))

    assert len(statement.lines) == 400
    assert 6 <= len(pages) <= 10
    for number, page in enumerate(pages, start=1):
        assert f"{number} / {len(pages)}" in page
        assert page.count("欠款余额") >= 1
    whole = "\n".join(pages)
    assert all(f"PAY-e{number:04}" in whole for number in range(1, 201))


def test_long_words_wrap_and_nothing_of_them_is_lost() -> None:
    statement = paid_statement(3)
    references = {"e0002": "ACH/" + "0123456789" * 11}

    (page,) = pages_of(document(statement, references=references))

    assert references["e0002"] in re.sub(r"\s", "", page)


def test_amounts_too_wide_for_a_page_lay_it_on_its_side() -> None:
    reader = PdfReader(BytesIO(statement_pdf(document(paid_statement(2, unit_minor=10**17 + 1)))))

    assert reader.pages[0].mediabox.width > reader.pages[0].mediabox.height
    assert "1,000,000,000,000,000.01" in reader.pages[0].extract_text()


def test_a_statement_of_nothing_says_so() -> None:
    row = PlanRow(1, date(2022, 5, 1), Split(100, 5))

    (page,) = pages_of(document(statement_of([row], [], Period(date(2022, 1, 1), date(2022, 1, 31)))))

    assert "本期间内无交易。" in page


def test_a_reversal_a_late_entry_and_a_kind_without_a_word_are_all_told() -> None:
    paid, undone = date(2022, 1, 12), date(2022, 1, 20)
    late = datetime(2022, 2, 1, tzinfo=UTC)
    payment = LedgerEntry("a", EntryKind.REPAYMENT, 105, paid, late)
    reversal = LedgerEntry("r", EntryKind.REVERSAL, 105, undone, late, reverses="a")
    statement = statement_of(
        [PlanRow(1, paid, Split(100, 5))], [payment, reversal], Period(date(2022, 1, 1), date(2022, 1, 31))
    )
    lines = (*statement.lines[:-1], replace(statement.lines[-1], kind="fee_capitalised", undoes=None))

    (page,) = pages_of(document(statement, "en"))
    (other,) = pages_of(document(replace(statement, lines=lines), "en"))

    assert "Repayment, PAY-a, known since Feb 1, 2022, taken" in page
    assert "Repayment of Jan 12, 2022 taken back, PAY-r" in page
    assert "Fee capitalised, PAY-r" in other


def test_the_same_statement_is_the_same_bytes_also_when_threads_make_it_at_once() -> None:
    made = [document(paid_statement(n), borrower_name=name) for n, name in ((3, "林晓雨"), (40, "王小明"), (5, "李娜"))] * 8

    alone = [hashlib.sha256(statement_pdf(each)).hexdigest() for each in made]
    with ThreadPoolExecutor(4) as threads:
        together = [hashlib.sha256(each).hexdigest() for each in threads.map(statement_pdf, made)]

    assert together == alone
    assert len(set(alone)) == 3


def test_only_the_font_of_documents_is_named_and_it_is_embedded_as_a_subset() -> None:
    data = statement_pdf(document(paid_statement(2)))
    fonts = PdfReader(BytesIO(data)).pages[0]["/Resources"]["/Font"].values()  # type: ignore[index]

    assert {font.get_object()["/BaseFont"].partition("+")[2] for font in fonts} == {"DuecourseSans-Regular"}
    assert all("/FontFile2" in font.get_object()["/FontDescriptor"] for font in fonts)
    assert len(data) < 60_000


def test_both_languages_have_a_word_for_the_same_kinds() -> None:
    assert EN.kinds.keys() == ZH_CN.kinds.keys() >= {kind.value for kind in EntryKind}
    assert EN.licences.keys() == ZH_CN.licences.keys()


def test_what_the_font_lacks_is_a_box_and_what_is_never_seen_is_left_out() -> None:
    assert drawable("Ann\u202e \u200bالعربية") == "Ann □□□□□□□"
    assert drawable("e\u0301\ta\nb") == "é a b"


@pytest.mark.parametrize(
    "text", ["本期变动合计等于期末余额，单位为元。", "a word and another word", "x" * 60, "第1期，PAY-1 到期"]
)
def test_wrapped_lines_fit_and_keep_every_character(text: str) -> None:
    lines = wrapped(text, 8, 60)

    assert len(lines) > 1
    assert all(width_of(line, 8) <= 60 + 8 for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert not any(line[0] in "，。" for line in lines)


def test_the_columns_of_a_long_period_foot_when_read_back() -> None:
    statement = paid_statement(30)

    text = "\n".join(pages_of(document(statement, "en", currency="USD")))

    paid = [float(each.replace(",", "")) for each in re.findall(r"PAY-e\d+\s*1,296\.28\s*(-1,234\.56)", text)]
    assert len(paid) == 30
    assert f"{-sum(paid):,.2f}" == "37,036.80"
    assert re.search(r"Opening balance\s*37,036\.80", text)
    assert statement.lines[-1].on == date(2022, 1, 10) + timedelta(days=7 * 29 + 1)


def test_reportlab_loads_only_where_a_document_is_made() -> None:
    loaded = subprocess.run(
        [sys.executable, "-c", "import sys, app.services.statements; print(*sys.modules)"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip

    assert "app.wording.statement_pdf" in loaded
    assert "reportlab" not in loaded
