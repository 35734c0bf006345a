"""Staff ask what the law says of an act."""

from typing import Any

from marshmallow import Schema, fields

from app.api.desk.staff import door
from app.persistence.queries.lenders import get_lender_code
from app.persistence.unit_of_work import reading
from app.services.law_questions import ToldAnswer, ask_in_words
from app.web.auth import desk, permits
from app.web.doors import answers
from app.web.fields import NUMBER_PATTERN, InstantField, PatternField, TextField
from app.web.reads import end_reads, reads
from app.web.request_context import now


class LawQuestionSchema(Schema):
    """An act and facts, of a jurisdiction or of a loan of yours."""

    act = TextField(40, required=True, metadata={"description": "What is about to happen: enforce, charge, purge_record."})
    jurisdiction = TextField(
        8, load_default=None, allow_none=True, metadata={"description": "A law pack or a country; left out with loan_no."}
    )
    loan_no = PatternField(
        NUMBER_PATTERN,
        load_default=None,
        allow_none=True,
        metadata={"description": "A loan whose facts the book knows; what `facts` says stands over them."},
    )
    facts = fields.Dict(
        keys=fields.String(), load_default=dict, metadata={"description": "Facts by the law packs' words, as JSON."}
    )
    at = InstantField(load_default=None, allow_none=True, metadata={"description": "The moment asked about; default: now."})


class RuleAnswerSchema(Schema):
    """What one rule answers. A recalled one was not verified and is not to be told as law."""

    rule = fields.String(required=True)
    title = fields.String(required=True)
    paragraph = fields.String(required=True)
    evidence = fields.String(required=True, metadata={"description": "How well it was read, in words."})
    is_recalled = fields.Boolean(required=True)
    verdict = fields.String(required=True)
    sentence = fields.String(required=True)


class LawAnswerSchema(Schema):
    """What the law says, in English."""

    act = fields.String(required=True)
    pack = fields.String(required=True, metadata={"description": "The law pack asked; empty: none speaks on it."})
    pack_version = fields.String(required=True)
    verdict = fields.String(required=True)
    may_proceed = fields.Boolean(required=True)
    sentence = fields.String(required=True)
    until = InstantField(required=True, allow_none=True)
    answers = fields.List(fields.Nested(RuleAnswerSchema), required=True)
    unknown_facts = fields.List(
        fields.String(), required=True, metadata={"description": "Facts that the rules look at and nobody knows."}
    )
    note = fields.String(required=True, allow_none=True)


_QUESTION = {"act": "enforce", "jurisdiction": "UK", "facts": {"lender_role": "first_party"}}
_ANSWER = {
    "act": "enforce",
    "pack": "UK",
    "pack_version": "7c0a",
    "verdict": "block",
    "may_proceed": False,
    "sentence": "It must not happen now. UK-DEFAULT-NOTICE: Default notice, CCA 1974 s87.",
    "until": None,
    "answers": [
        {
            "rule": "UK-DEFAULT-NOTICE",
            "title": "Default notice",
            "paragraph": "CCA 1974 s87",
            "evidence": "read only in a second-hand rendering",
            "is_recalled": False,
            "verdict": "block",
            "sentence": "It must not happen now. Missing: default_notice.",
        }
    ],
    "unknown_facts": [],
    "note": None,
}


@door.post("/law/ask")
@permits("law.ask")
@door.takes(LawQuestionSchema, example=_QUESTION)
@answers(200, LawAnswerSchema, example=_ANSWER)
def ask_law(body: dict[str, Any]) -> ToldAnswer:
    """Ask what the law says of an act. It changes nothing.

    Facts that the law packs do not know are refused by their place, with the nearest one that they do.
    """
    loan_no, at = body["loan_no"], body["at"] or now()
    loan = None if loan_no is None else (get_lender_code(reads(), desk().lender_id), loan_no)
    end_reads()
    with reading() as session:
        return ask_in_words(
            session, act=body["act"], facts=body["facts"], now=at, jurisdiction=body["jurisdiction"], loan=loan
        )
