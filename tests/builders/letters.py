"""Letters to be set, valid by default; a lender's letterhead as a file; and letter messages that wait in the outbox."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import yaml
from sqlalchemy import select

from app.persistence.ids import new_id
from app.persistence.models.lenders import LenderRow
from app.persistence.models.letters import LetterRow
from app.persistence.models.messages import MessageRow
from app.persistence.models.reminders import AgendaRow, ContactRow, DecisionRow, PolicyRow, RulesStateRow
from app.persistence.unit_of_work import unit_of_work
from app.services.letters import hash_of
from app.services.policies import ensure_default_policy
from app.wording.catalogue import match_locale, render
from app.wording.letter_contents import Letter, Table
from app.wording.letter_layouts import LAYOUTS
from tests.builders.book import Built, build_lender, build_loan
from tests.builders.sent import a_sent

LETTERHEAD: dict[str, Any] = {
    "name": "Acme Finance Ltd",
    "address": ["1 High Street", "London", "EC1A 1AA"],
    "country": "GB",
    "phone": "020 7946 0000",
    "email": "help@acme.example",
    "ways_to_pay": {"en": ["By transfer to 12-34-56 12345678."], "zh-CN": ["转账至 12-34-56 12345678。"]},
    "sheets": {
        "debt_advice": {
            "en": {"title": "Free debt advice", "text": ["Ask an adviser you trust."]},
            "zh-CN": {"title": "免费债务咨询", "text": ["请咨询您信任的顾问。"]},
        }
    },
}


def write_letterhead(folder: Path, lender: str = "acme", **changes: Any) -> Path:
    """Write a lender's letterhead file; None leaves a key out."""
    document = {"lender": lender, **LETTERHEAD, **changes}
    path = folder / f"{lender}.yaml"
    path.write_text(yaml.safe_dump({k: v for k, v in document.items() if v is not None}, allow_unicode=True), "utf-8")
    return path


def a_letter(**changes: Any) -> Letter:
    """A short letter in English, to be put into a DL envelope."""
    letter = Letter(
        layout=LAYOUTS["uk_dl"],
        locale="en",
        sender_name="Acme Finance Ltd",
        sender_lines=("1 High Street", "London", "EC1A 1AA"),
        return_line="Acme Finance Ltd · 1 High Street · London · EC1A 1AA",
        recipient=("Jane Roe", "2 Low Road", "Leeds", "LS1 4AP"),
        written_on=date(2026, 3, 16),
        references=(("Our reference", "0123456789ab"), ("Loan", "L1")),
        subject="About loan L1",
        paragraphs=("Dear customer,", "$100.00 for loan L1 was due on 1 Mar 2026.", "With kind regards, Acme Finance Ltd"),
    )
    return replace(letter, **changes)


def a_table(rows: int = 1) -> Table:
    cells = tuple((f"L{n}", "100.00", "1.00", "0.00", "0.50", "101.50") for n in range(rows))
    return Table(
        "Due before 16 Mar 2026 and not paid, in USD", ("Loan", "Principal", "Interest", "Fees", "Late", "All"), cells
    )


def waiting_letter(
    *,
    now: datetime,
    template: str = "letter_arrears",
    locale: str = "en",
    lender_id: str | None = None,
    built: Built | None = None,
    **borrower: Any,
) -> tuple[str, Built]:
    """A letter message that waits to leave, with the contact and the decision it was made by; return its id."""
    given = {"name": "Jane Roe", "address_lines": ("2 Low Road", "Leeds", "LS1 4AP"), "country": "GB", "locale": locale}
    due_on = (now - timedelta(days=15)).date()
    built = built or build_loan(now=now, due=[due_on], lender_id=lender_id or build_lender(now=now), **{**given, **borrower})
    ensure_default_policy(now=now)
    contact_id, message_id = new_id(), new_id()
    with unit_of_work() as work:
        session = work.session
        lender = session.get_one(LenderRow, built.lender_id)
        agenda = session.get_one(AgendaRow, built.borrower_id)
        agenda.decided_version, agenda.decided_until, agenda.wake_at = agenda.case_version, now, None
        agenda.rules_epoch = session.scalars(select(RulesStateRow.rules_epoch)).one()
        values = {"count": 1, "amount": "$100.00", "due_on": str(due_on), "loan": built.loan_no, "lender": lender.name}
        rendered = render(template, "letter", locale, values)  # type: ignore[arg-type]
        text = orjson.dumps({"title": rendered.title, "body": rendered.body}).decode()
        session.add(
            ContactRow(
                id=contact_id, borrower_id=built.borrower_id, message_class="collection", local_date=now.date(),
                zones=["UTC"], cap_class="outreach", slot_no=None, stage="late", step_key="d+15-letter", origin="policy",
                rungs_done=1, state="open", created_at=now,
            )
        )  # fmt: skip
        session.flush()
        session.add(
            DecisionRow(
                id=new_id(), borrower_id=built.borrower_id, loan_id=built.loan_id, subject_kind="instalment",
                subject_id=f"{built.loan_id}/1", row_no=1, anchor_no=1, step_key=f"d+15-{message_id[-8:]}",
                policy_id=_policy_id(session), occurs_at=now, local_date=now.date(), outcome="SENT", reason="ON_SCHEDULE",
                contact_id=contact_id, decided_at=now, event_count=1,
            )
        )  # fmt: skip
        session.add(
            MessageRow(
                id=message_id, borrower_id=built.borrower_id, contact_id=contact_id, channel="letter",
                message_class="collection", template=template, template_version=rendered.template_version,
                locale=match_locale(locale), text_sealed=work.vault.seal(text, place=f"messages.text:{message_id}"),
                state="queued", not_before=now, not_after=now + timedelta(days=3), case_version=agenda.case_version,
                rules_epoch=agenda.rules_epoch, next_attempt_at=now, created_at=now,
            )
        )  # fmt: skip
    return message_id, built


def _policy_id(session: Any) -> str:
    found: str = session.scalars(select(PolicyRow.id).limit(1)).one()
    return found


def a_posted_letter(
    built: Built, *, now: datetime, state: str = "in_transit", title: str = "About a loan",
    pdf: bytes = b"%PDF-1.7 a letter", **changes: Any,
) -> str:  # fmt: skip
    """A letter that its printer took, with its document; return the letter's id."""
    message_id, letter_id = a_sent(
        built.borrower_id, now=now, channel="letter", template="letter_arrears", reference=f"ref-{new_id()}", provider="lob"
    ), new_id()  # fmt: skip
    with unit_of_work() as work:
        text = orjson.dumps({"title": title, "body": "Hello"}).decode()
        message = work.session.get_one(MessageRow, message_id)
        message.text_sealed = work.vault.seal(text, place=f"messages.text:{message_id}")
        message.sent_at = now
        given: dict[str, Any] = {"jurisdiction": "CN", "template": "letter_arrears", "locale": "en", "pages": 1}
        work.session.add(
            LetterRow(
                id=letter_id, borrower_id=built.borrower_id, message_id=message_id, lender_id=built.lender_id,
                loan_id=built.loan_id, sha256=hash_of(pdf),
                pdf_sealed=work.vault.seal_bytes(pdf, place=f"letters.pdf:{letter_id}"),
                state=state, created_at=now, changed_at=now, **{**given, **changes},
            )
        )  # fmt: skip
    return letter_id
