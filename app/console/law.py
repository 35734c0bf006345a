"""What the law packs say, rule by rule with how well each was read, and questions to them."""

from typing import Any

import orjson
from flask import Response, request
from werkzeug.wrappers import Response as BaseResponse

from app.console.forms import Form
from app.console.frame import page, pages
from app.domain.errors import DomainError, NotFoundError
from app.persistence.queries.lenders import get_lender, get_lender_code
from app.persistence.unit_of_work import reading
from app.services.law_packs import DEFAULT, get_pack, get_rule, jurisdictions, pack_for, vocabulary
from app.services.law_questions import ask_in_words
from app.web.auth import desk, permits
from app.web.languages import request_locale
from app.web.reads import end_reads, reads
from app.web.request_context import now
from app.wording.law_words import DATE_EVIDENCE, EVIDENCE, EXECUTED_BY, told_test
from app.wording.refusal_words import refused_in_words


@pages.get("/law")
@permits("law.ask")
def law() -> Response:
    """List the packs, with how much of each was only recalled, and say which one governs the lender."""
    end_reads()
    with reading() as session:
        own = pack_for(get_lender(session, desk().lender_id).jurisdiction)
    packs = [get_pack(name) for name in jurisdictions()]
    return page("law/packs.html", packs=packs, own=own, default=DEFAULT, known=jurisdictions(), form=Form(), acts=_acts())


@pages.get("/law/packs/<number:jurisdiction>")
@permits("law.ask")
def law_pack(jurisdiction: str) -> Response:
    """List the rules of a pack."""
    return page("law/pack.html", pack=get_pack(jurisdiction), evidence=EVIDENCE, executed=EXECUTED_BY)


@pages.get("/law/rules/<number:rule_id>")
@permits("law.ask")
def law_rule(rule_id: str) -> Response:
    """Show one rule: its paragraph, its dates, how well it was read, what it tests."""
    rule = get_rule(rule_id)
    tests = [told_test(each.document) for each in rule.tests]
    return page(
        "law/rule.html", rule=rule, tests=tests, evidence=EVIDENCE, date_evidence=DATE_EVIDENCE, executed=EXECUTED_BY
    )


@pages.get("/law/ask")
@permits("law.ask")
def ask() -> Response:
    """Show the form of a question."""
    return _asked(Form({"facts": "{}"}), None)


@pages.post("/law/ask")
@permits("law.ask")
def ask_law() -> BaseResponse:
    """Answer a question of law. It changes nothing, so it is no act and may be asked again and again."""
    form = Form(request.form)
    act, loan_no = request.form.get("act", ""), request.form.get("loan_no", "").strip()
    jurisdiction = request.form.get("jurisdiction", "").strip()
    try:
        facts = _facts(request.form.get("facts", ""))
        loan = (get_lender_code(reads(), desk().lender_id), loan_no) if loan_no else None
        end_reads()
        with reading() as session:
            told = ask_in_words(
                session,
                act=act,
                facts=facts,
                now=now(),
                jurisdiction=jurisdiction or None,
                loan=loan,
            )
    except ValueError as wrong:
        return _asked(Form(request.form, {"facts": str(wrong)}), None, status=422)
    except DomainError as refusal:
        detail, listed = refused_in_words(refusal, request_locale())
        said = detail or (str(refusal) if isinstance(refusal, NotFoundError) else "")
        errors = {each.pointer.strip("/").split("/")[0]: each.detail for each in listed}
        return _asked(Form(request.form, errors, said), None, status=422)
    return _asked(form, told)


def _asked(form: Form, told: Any, *, status: int = 200) -> Response:
    return page("law/ask.html", status=status, form=form, told=told, known=jurisdictions(), acts=_acts())


def _acts() -> list[str]:
    return sorted(vocabulary().enums["act"])


def _facts(text: str) -> dict[str, Any]:
    """Return facts written as JSON. Raises ValueError that says what is wrong."""
    try:
        read = orjson.loads(text or "{}")
    except orjson.JSONDecodeError as wrong:
        raise ValueError(f"JSON: {wrong}") from None
    if not isinstance(read, dict):
        raise ValueError('JSON: {"name": value, ...}')
    return read
