"""The licence of a lender, for anyone: who lends, by what right, under which rule on rates, and what is wrong with it."""

from datetime import date
from typing import Any

from marshmallow import Schema, fields

from app.domain.licences import FLAGS, RATE_RULES, Licence
from app.domain.times import business_date
from app.services.licences import get_licence
from app.web.doors import Door, answers
from app.web.fields import DateField
from app.web.languages import request_locale
from app.web.rate_limit import take_public_read
from app.web.reads import reads
from app.web.request_context import now
from app.wording.disclosure_words import flag_words, paragraph, rate_rule_words

door = Door("licences", "Who lends, and by what right: for anyone.", prefix="/v1/lenders")


class LicenceFlagSchema(Schema):
    """Something wrong with a licence, or not on record."""

    code = fields.String(required=True, metadata={"enum": list(FLAGS)})
    detail = fields.String(required=True)


class RateRuleSchema(Schema):
    """The rule on rates that governs a lender of this kind today."""

    code = fields.String(required=True, metadata={"enum": list(RATE_RULES)})
    detail = fields.String(required=True)
    source = fields.String(required=True, allow_none=True, metadata={"description": "The paragraph."})
    evidence = fields.String(required=True, metadata={"description": "How well it was read."})


class LicenceSchema(Schema):
    """Who lends, and by what right. What is not on record is null, and a flag says so."""

    legal_name = fields.String(required=True)
    kind = fields.String(
        required=True, metadata={"description": "bank, consumer_finance, private_lender, ...; or unstated."}
    )
    number = fields.String(required=True, allow_none=True)
    regulator = fields.String(required=True, allow_none=True)
    complaints_contact = fields.String(required=True, allow_none=True)
    jurisdiction = fields.String(required=True, metadata={"description": "ISO 3166 country, or EU."})
    role = fields.String(
        required=True, allow_none=True, metadata={"enum": ["lender", "guarantor", "platform", "collector", None]}
    )
    valid_from = DateField(required=True, allow_none=True)
    valid_until = DateField(required=True, allow_none=True, metadata={"description": "Last day; null: none is recorded."})
    rate_rule = fields.Nested(RateRuleSchema, required=True)
    flags = fields.List(fields.Nested(LicenceFlagSchema), required=True)


LICENCE_EXAMPLE: dict[str, Any] = {
    "legal_name": "Harbour Credit",
    "kind": "private_lender",
    "number": None,
    "regulator": None,
    "complaints_contact": "400-000-0000",
    "jurisdiction": "CN",
    "role": "lender",
    "valid_from": None,
    "valid_until": None,
    "rate_rule": {
        "code": "four-times-lpr",
        "detail": RATE_RULES["four-times-lpr"][0],
        "source": RATE_RULES["four-times-lpr"][1],
        "evidence": "primary",
    },
    "flags": [],
}


def licence_answer(licence: Licence, today: date, locale: str) -> dict[str, Any]:
    """Return the licence as it is shown on a day, in a language."""
    rule = licence.rate_rule
    return {
        "legal_name": licence.legal_name,
        "kind": licence.kind,
        "number": licence.number,
        "regulator": licence.regulator,
        "complaints_contact": licence.complaints_contact,
        "jurisdiction": licence.jurisdiction,
        "role": licence.role,
        "valid_from": licence.valid_from,
        "valid_until": licence.valid_until,
        "rate_rule": {
            "code": rule,
            "detail": rate_rule_words(rule, locale),
            "source": paragraph(RATE_RULES[rule][1], locale),
            "evidence": RATE_RULES[rule][2],
        },
        "flags": [{"code": code, "detail": flag_words(f"licence-{code}", locale)} for code in licence.flags(today)],
    }


@door.get("/<number:code>/licence")
@answers(200, LicenceSchema, example=LICENCE_EXAMPLE)
def get_lender_licence(code: str) -> dict[str, Any]:
    """Show a lender's licence, the rule on rates it is under, and what is wrong or not known. Needs no credential."""
    take_public_read()
    licence, zone = get_licence(reads(), code)
    return licence_answer(licence, business_date(now(), zone), request_locale())
