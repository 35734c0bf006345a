"""What a page of a letter costs as PDF with Chinese text: as many letters as a real book has loans, each to another person.

All in one process, by the code that makes batches: CPU of setting a page, memory half-way and at the end. Then the same with
another text on every page, so that no subset of the font can be shared; and a whole batch over SQLite (facts read, set,
sealed, stored, counted); and repayment letters of the full kind, served, asked about and made.

Run: python -m bench.letters [--letters 11894] [--stored 1000]
"""

import argparse
import hashlib
import tempfile
import time
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from sqlalchemy import func, select

from app.domain.served_notices import NoticeWanted
from app.persistence import schema
from app.persistence.db import db
from app.persistence.models.letters import LetterRow
from app.persistence.unit_of_work import reading, unit_of_work
from app.services import letter_batches
from app.services.policies import ensure_default_policy
from app.services.reminders import sweep
from app.services.rule_parts import use_channels
from app.services.served_notices import serve_notices
from app.wording.letter_contents import Letter, Table
from app.wording.letter_layouts import LAYOUTS
from app.wording.letter_pdf import letter_pdf
from app.wording.letter_texts import use_letterheads
from app.wording.letter_words import ZH_CN
from bench.sweep import app_on, peak_mib
from tests.builders.book import Built, build_lender, build_loan
from tests.builders.letters import waiting_letter, write_letterhead

NOW = datetime(2026, 3, 16, 9, 0, tzinfo=UTC)
MOST_MS, AIM_MS = 10.0, 5.0
LENDER = "某某消费金融有限公司"
PARAGRAPHS = (
    "尊敬的客户：",
    "贷款 {loan} 的 ¥{amount} 已于 2026年3月1日 到期，我们尚未收到。",
    "如果可以，请还清或先还一部分。如果有困难，我们一起想办法：请按信上的地址来信，或在应用内回复，会有专人答复您。",
    "您可以约定还款日、申请降低每期金额，或申请暂缓一段时间。在您同意之前一切不变，咨询不收费。",
    "如您已还款，谢谢，请不必理会本信。如您有异议，请告诉我们，我们会核实。",
    "免费的独立债务咨询机构可以帮助您：请向当地的消费者协会、法律援助中心或人民调解委员会了解，他们会听您说明情况，"
    "帮您整理收支，并与您一起考虑可行的安排。与我们联系时，请告知贷款编号；来信请附上您的电话和方便联系的时间。",
    f"{LENDER} 敬上",
)
SURNAMES = (
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾"
    "丁魏薛叶阎余潘杜戴夏钟汪田任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤"
)
GIVEN = "伟芳娜秀英敏静丽强磊军洋勇艳杰娟涛明超兰霞平刚桂梓涵宇轩浩然雨欣诗琪子墨晨曦俊熙思远嘉懿鹏程凯旋海燕"
STREETS = "人民解放中山建设和平新华文化胜利朝阳光明幸福长江黄河南京北京上海广州深圳淮海漕溪衡山虹桥延安世纪"


def a_page(number: int) -> Letter:
    """Return the letter of one borrower: name, address and amounts are of nobody else."""
    name = SURNAMES[number % len(SURNAMES)] + GIVEN[number % len(GIVEN)] + GIVEN[(number // 7) % len(GIVEN)]
    street = STREETS[number % len(STREETS)] + STREETS[(number // 5) % len(STREETS)]
    amount = f"{1000 + number % 9000:,}.{number % 100:02d}"
    loan = f"L{number:06d}"
    row = (loan, amount, "120.00", "0.00", "3.50", amount)
    return Letter(
        layout=LAYOUTS["cn_dl"],
        locale="zh-CN",
        sender_name=LENDER,
        sender_lines=("上海市浦东新区世纪大道1号", "200120", "电话：400 123 4567"),
        return_line=LENDER,
        recipient=(f"{200000 + number % 900}", f"上海市徐汇区{street}路{number % 999}号{number % 30}室", f"{name}（收）"),
        written_on=date(2026, 3, 16),
        references=((ZH_CN.reference, f"{number:012d}"), (ZH_CN.loan, loan)),
        subject=f"关于贷款 {loan}",
        paragraphs=tuple(each.format(loan=loan, amount=amount) for each in PARAGRAPHS),
        tables=(Table("2026年3月16日前到期未还款项（CNY）", ZH_CN.ledger_columns, (row,), has_total=False),),
        fixed_text="".join(
            (
                *PARAGRAPHS,
                LENDER,
                "上海市浦东新区世纪大道电话关于贷款前到期未还款项（）年月日徐汇区路号室收",
                *map("".join, ZH_CN),
            )
        ),
    )


def set_pages(count: int) -> None:
    """Set so many letters and print what it took."""
    began = time.process_time()
    letter_pdf(a_page(0))
    print(f"first letter of a process, with ReportLab and the font: {(time.process_time() - began) * 1000:.0f} ms CPU")
    half_way = size = pages = 0.0
    digest = hashlib.sha256()
    began, clock_began = time.process_time(), time.perf_counter()
    for number in range(count):
        made = letter_pdf(a_page(number))
        digest.update(made.pdf)
        size += len(made.pdf)
        pages += made.pages
        if number == count // 2:
            half_way = peak_mib()
    taken, elapsed = time.process_time() - began, time.perf_counter() - clock_began
    each_ms = taken / pages * 1000
    print(
        f"{count} letters, {pages:.0f} pages, {size / pages / 1024:.1f} KiB a page: {each_ms:.2f} ms CPU a page, "
        f"{pages / elapsed:.0f} pages/s, {elapsed:.1f} s; peak {peak_mib():.0f} MiB, half-way {half_way:.0f} MiB; "
        f"sha256 of all {digest.hexdigest()[:16]}"
    )
    print(f"figure letters_page {each_ms:.2f} ms_per_page max {MOST_MS:.0f} aim {AIM_MS:.0f}")
    print(f"figure letters_memory_growth {peak_mib() / half_way:.2f} times max 1.10")


def set_unlike_pages(count: int) -> None:
    """Set letters of which each has some 300 characters that no other has said before it."""
    began = time.process_time()
    for number in range(count):
        start = 0x4E00 + number * 37 % 12_000
        text = "".join(chr(start + step * 7 % 8_000) for step in range(320))
        letter_pdf(replace(a_page(number), paragraphs=(text,)))
    each_ms = (time.process_time() - began) / count * 1000
    print(f"{count} letters of another text each: {each_ms:.2f} ms CPU a page")
    print(f"figure letters_unlike_page {each_ms:.2f} ms_per_page max {MOST_MS:.0f}")


def make_batch(count: int) -> None:
    """Make a batch of so many letters over SQLite."""
    with tempfile.TemporaryDirectory(prefix="duecourse-bench-") as folder:
        heads = Path(folder) / "heads"
        heads.mkdir()
        write_letterhead(heads)
        with app_on(f"sqlite:///{folder}/letters.db", Path(folder), now=NOW):
            schema.upgrade(db.engine)
            use_letterheads(heads)
            lender_id = build_lender(now=NOW)
            for number in range(count):
                lines = (f"上海市徐汇区漕溪北路{number}号", "200030")
                waiting_letter(now=NOW, lender_id=lender_id, locale="zh-CN", name="王晓明", address_lines=lines)
            with unit_of_work() as work:
                batch_id = letter_batches.begin_batch(work, "bench", by="operator:bench", now=NOW)
            began, clock_began = time.process_time(), time.perf_counter()
            done = letter_batches.run_batch(batch_id, clock=lambda: NOW)
            taken, elapsed = time.process_time() - began, time.perf_counter() - clock_began
            with reading() as session:
                pages = session.scalar(select(func.sum(LetterRow.pages))) or 1
    print(
        f"batch over SQLite: {done.made} letters, {pages} pages, {elapsed:.1f} s, {taken / done.made * 1000:.2f} ms each "
        f"(read, set, sealed, stored), {done.made / elapsed:.0f} letters/s; peak {peak_mib():.0f} MiB"
    )
    print(f"figure letters_batch_page {taken / pages * 1000:.2f} ms_per_page max {MOST_MS:.0f}")


def serve_letters(count: int) -> None:
    """Serve so many repayment letters over SQLite: written in bulk, each asked about by the engine, set with its ledger."""
    with tempfile.TemporaryDirectory(prefix="duecourse-bench-") as folder:
        heads = Path(folder) / "heads"
        heads.mkdir()
        write_letterhead(heads, country="CN")
        with app_on(f"sqlite:///{folder}/letters.db", Path(folder), now=NOW):
            schema.upgrade(db.engine)
            use_letterheads(heads)
            use_channels(["letter"])
            ensure_default_policy(now=NOW)
            lender_id = build_lender(
                now=NOW, jurisdiction="CN", zone="Asia/Shanghai", licence_kind="consumer_finance", licence_no="L-1"
            )
            due = [NOW.date() - timedelta(days=days) for days in (75, 45, 15)]
            loans = [_a_loan(lender_id, due, number) for number in range(count)]
            while sweep(now=NOW):
                pass
            began = time.process_time()
            for start in range(0, count, 2_000):
                with unit_of_work() as work:
                    serve_notices(work, [_wanted(each) for each in loans[start : start + 2_000]], by="bench", now=NOW)
            served, began = time.process_time() - began, time.process_time()
            while sweep(now=NOW):
                pass
            decided = time.process_time() - began
            with unit_of_work() as work:
                batch_id = letter_batches.begin_batch(work, "bench", by="operator:bench", now=NOW)
            began = time.process_time()
            done = letter_batches.run_batch(batch_id, clock=lambda: NOW)
            made = time.process_time() - began
            with reading() as session:
                pages = session.scalar(select(func.sum(LetterRow.pages))) or 0
    print(
        f"{count} repayment letters: {served / count * 1000:.2f} ms CPU each to write, {decided / count * 1000:.2f} to "
        f"decide, {made / max(pages, 1) * 1000:.2f} a page to make ({done.made} made, {done.failed} refused, {pages} pages)"
    )
    print(f"figure letters_served_page {made / max(pages, 1) * 1000:.2f} ms_per_page max {MOST_MS:.0f}")


def _a_loan(lender_id: str, due: list[date], number: int) -> Built:
    contract = {"signed_on": "2025-09-10", "annual_rate": "0.12"}
    lines = (f"上海市徐汇区漕溪北路{number}号", "200030")
    return build_loan(
        now=NOW, due=due, lender_id=lender_id, contract=contract, locale="zh-CN", name="王晓明", country="CN",
        address_lines=lines, zone="Asia/Shanghai",
    )  # fmt: skip


def _wanted(loan: Built) -> NoticeWanted:
    return NoticeWanted(loan.borrower_id, loan.loan_id, "repayment_letter", "letter_repayment", {}, f"bench/{loan.loan_id}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--letters", type=int, default=11_894)
    parser.add_argument("--stored", type=int, default=1_000)
    given = parser.parse_args()
    set_pages(given.letters)
    set_unlike_pages(300)
    make_batch(given.stored)
    serve_letters(given.stored)


if __name__ == "__main__":
    main()
