"""Published bulletins: figures of how loans were serviced, open to everybody, without personal data."""

from typing import Any

from flask import Response, current_app
from marshmallow import Schema, fields

from app.domain.bulletins import UNITS
from app.persistence.queries.bulletins import page_published
from app.services.bulletin_readings import Published, pdf_of, read_published
from app.services.bulletin_signatures import public_key
from app.web.answers import Answer, file_answer
from app.web.doors import Door, answers
from app.web.fields import DateField, IdField, InstantField, PageQuerySchema
from app.web.languages import request_locale
from app.web.pagination import Key, page_answer, requested_key
from app.web.rate_limit import take_public_read
from app.web.reads import reads

door = Door("bulletins", "Published figures with their definitions, frozen and chained by hashes.", prefix="/v1")
PDF = "application/pdf"
_OPEN = {"Cache-Control": "public, max-age=300"}
"""A correction may name a bulletin later, so that it is not kept for ever."""


class BulletinListItemSchema(Schema):
    """One published bulletin."""

    id = IdField(required=True)
    first_on = DateField(required=True)
    last_on = DateField(required=True, metadata={"description": "Inclusive."})
    zone = fields.String(required=True)
    chain_no = fields.Integer(required=True, metadata={"description": "Its place among all that were frozen."})
    corrects_id = IdField(required=True, allow_none=True)
    frozen_at = InstantField(required=True)
    published_at = InstantField(required=True)
    sha256 = fields.String(required=True)


class BulletinListSchema(Schema):
    """A page of bulletins, the newest first."""

    items = fields.List(fields.Nested(BulletinListItemSchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class BulletinLenderSchema(Schema):
    """Whose figures they are."""

    code = fields.String(required=True)
    name = fields.String(required=True)


class BulletinCorrectsSchema(Schema):
    """The bulletin that it puts right, and why."""

    id = IdField(required=True)
    sha256 = fields.String(required=True)
    note = fields.String(required=True)


class BulletinTotalSchema(Schema):
    """A figure's number. null: it is not shown."""

    currency = fields.String(required=True, allow_none=True)
    value = fields.Integer(required=True, allow_none=True, metadata={"description": "A count, or minor units."})


class BulletinCellSchema(Schema):
    """A number of a part. A part that is not listed is nothing or not shown, and nobody can tell which."""

    of = fields.List(fields.String(), required=True, metadata={"description": "Values of the dimensions; * is all of one."})
    currency = fields.String(required=True, allow_none=True)
    value = fields.Integer(required=True)


class BulletinFigureSchema(Schema):
    """One figure with its definition."""

    key = fields.String(required=True)
    section = fields.String(required=True)
    unit = fields.String(required=True, metadata={"enum": list(UNITS)})
    dimensions = fields.List(fields.String(), required=True)
    name = fields.Dict(keys=fields.String(), values=fields.String(), required=True)
    definition = fields.Dict(keys=fields.String(), values=fields.String(), required=True)
    source = fields.String(required=True)
    totals = fields.List(fields.Nested(BulletinTotalSchema), required=True)
    cells = fields.List(fields.Nested(BulletinCellSchema), required=True)


class BulletinDocumentSchema(Schema):
    """What was frozen. With sorted keys and no blanks (RFC 8785) it is what `sha256` is the hash of."""

    format = fields.Integer(required=True)
    id = IdField(required=True)
    first_on = fields.String(required=True)
    last_on = fields.String(required=True)
    zone = fields.String(required=True)
    lender = fields.Nested(BulletinLenderSchema, required=True, allow_none=True)
    frozen_at = fields.String(required=True)
    chain_no = fields.Integer(required=True)
    previous_sha256 = fields.String(required=True, allow_none=True)
    corrects = fields.Nested(BulletinCorrectsSchema, required=True, allow_none=True)
    smallest_cell = fields.Integer(required=True, metadata={"description": "People that a number must be about."})
    sections = fields.Dict(
        keys=fields.String(), values=fields.Dict(keys=fields.String(), values=fields.String()), required=True
    )
    figures = fields.List(fields.Nested(BulletinFigureSchema), required=True)


class BulletinCorrectionSchema(Schema):
    """A later bulletin that puts this one right."""

    id = IdField(required=True)
    published_at = InstantField(required=True)
    note = fields.String(required=True, allow_none=True)


class BulletinSchema(Schema):
    """A bulletin and what proves it unchanged."""

    id = IdField(required=True)
    published_at = InstantField(required=True)
    sha256 = fields.String(required=True)
    signature = fields.String(
        required=True, allow_none=True, metadata={"description": "Ed25519 over the hash in hex (RFC 8032), base64."}
    )
    public_key = fields.String(required=True, allow_none=True, metadata={"description": "Of this installation, base64."})
    corrections = fields.List(fields.Nested(BulletinCorrectionSchema), required=True)
    document = fields.Nested(BulletinDocumentSchema, required=True)


_ID = "01981e6a-7c1e-7000-8000-3f1c2a5b9d10"
_HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
_ITEM = {
    "id": _ID, "first_on": "2020-03-18", "last_on": "2020-04-26", "zone": "Asia/Shanghai", "chain_no": 1,
    "corrects_id": None, "frozen_at": "2020-04-27T02:00:00.000000Z", "published_at": "2020-04-28T02:00:00.000000Z",
    "sha256": _HASH,
}  # fmt: skip
_BULLETIN: dict[str, Any] = {
    "id": _ID, "published_at": "2020-04-28T02:00:00.000000Z", "sha256": _HASH, "signature": None, "public_key": None,
    "corrections": [],
    "document": {
        "format": 1, "id": _ID, "first_on": "2020-03-18", "last_on": "2020-04-26", "zone": "Asia/Shanghai",
        "lender": {"code": "harbour", "name": "Harbour Credit"}, "frozen_at": "2020-04-27T02:00:00.000000Z",
        "chain_no": 1, "previous_sha256": None, "corrects": None, "smallest_cell": 5,
        "sections": {"letters": {"en": "Letters", "zh-CN": "信函"}},
        "figures": [
            {
                "key": "letters_sent", "section": "letters", "unit": "count", "dimensions": ["kind"],
                "name": {"en": "Letters sent", "zh-CN": "已寄出信函"},
                "definition": {"en": "Letters handed over for printing and posting.", "zh-CN": "交付打印邮寄的信函。"},
                "source": "messages.sent_at", "totals": [{"currency": None, "value": 11894}],
                "cells": [{"of": ["repayment_letter"], "currency": None, "value": 11894}],
            }
        ],
    },
}  # fmt: skip


@door.get("/bulletins")
@door.asks(PageQuerySchema)
@answers(200, BulletinListSchema, example={"items": [_ITEM], "next_cursor": None})
def list_bulletins(query: dict[str, Any]) -> Answer:
    """List published bulletins, the newest first."""
    take_public_read()
    begin = requested_key(query)
    rows = page_published(reads(), after=(begin.at, begin.row_id) if begin else None, limit=query["limit"] + 1)
    items = [dict(row._mapping) for row in rows]
    answer = page_answer(items, [Key(row.published_at, row.id) for row in rows], query)
    return Answer(answer.value, headers={**answer.headers, **_OPEN})


@door.get("/bulletins/<id:bulletin_id>")
@answers(200, BulletinSchema, example=_BULLETIN)
def get_bulletin(bulletin_id: str) -> Answer:
    """Show a published bulletin: every figure with its definition, and what proves that it was not changed."""
    take_public_read()
    return Answer(_view(read_published(reads(), bulletin_id)), headers=_OPEN)


@door.get("/bulletins/<id:bulletin_id>/pdf")
@answers(200, files=(PDF,))
def get_bulletin_pdf(bulletin_id: str) -> Response:
    """Hand out a published bulletin as PDF, in the language asked for."""
    take_public_read()
    published = read_published(reads(), bulletin_id)
    made = file_answer(pdf_of(published, request_locale()), PDF, name=f"bulletin-{published.document['chain_no']}.pdf")
    made.headers["Cache-Control"] = _OPEN["Cache-Control"]
    made.headers["Vary"] = "Accept-Language"
    return made


def _view(published: Published) -> dict[str, Any]:
    seed = current_app.config["SETTINGS"].bulletin_key
    return {
        "id": published.id,
        "published_at": published.published_at,
        "sha256": published.sha256,
        "signature": published.signature,
        "public_key": None if seed is None else public_key(seed),
        "corrections": published.corrections,
        "document": published.document,
    }
