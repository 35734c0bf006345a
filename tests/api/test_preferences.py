"""What borrowers choose for themselves: it counts at once, two devices do not undo each other, some is locked."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app import clock
from app.persistence.db import db
from app.persistence.models.audit import AuditRow
from app.persistence.models.borrowers import ConsentRow
from app.persistence.models.messages import MessageRow
from app.persistence.models.preferences import ContactPreferenceRow
from app.persistence.models.reminders import AgendaRow
from app.persistence.unit_of_work import unit_of_work
from app.services.opt_outs import opt_out
from app.services.policies import ensure_default_policy
from app.services.reminders import sweep
from tests.builders.access import a_borrower, signed_in
from tests.builders.book import build_loan, give_phone
from tests.conftest import START


class Me:
    """A signed-in borrower who reads before they write."""

    def __init__(self, client: FlaskClient, borrower_id: str | None = None, **more: str) -> None:
        self.client = client
        self.borrower_id = borrower_id or a_borrower()[0]
        self.headers = {**signed_in(self.borrower_id), **more}

    def get(self, what: str) -> Any:
        return self.client.get(f"/v1/me/{what}", headers=self.headers)

    def put(self, what: str, body: dict[str, Any], **headers: str) -> Any:
        match = {"If-Match": self.get(what).headers["ETag"]}
        return self.client.put(f"/v1/me/{what}", json=body, headers={**self.headers, **match, **headers})

    def switches(self) -> dict[tuple[str, str], bool]:
        topics = self.get("preferences").json["items"]
        return {(topic["topic"], each["channel"]): each["on"] for topic in topics for each in topic["channels"]}


@pytest.fixture
def me(client: FlaskClient) -> Me:
    return Me(client)


def test_reminders_are_on_and_offers_off_until_the_borrower_says_otherwise(me: Me) -> None:
    before = me.switches()
    assert {on for (topic, _), on in before.items() if topic == "payments"} == {True}
    assert {on for (topic, _), on in before.items() if topic == "offers"} == {False}

    answer = me.put("preferences", {"payments": {"sms": False}, "offers": {"push": True}})

    assert answer.status_code == 200
    after = me.switches()
    assert {pair for pair in after if after[pair] != before[pair]} == {("payments", "sms"), ("offers", "push")}
    rows = db.session().execute(select(ConsentRow.purpose, ConsentRow.channel, ConsentRow.given, ConsentRow.origin))
    assert sorted(map(tuple, rows)) == [("contact", "sms", False, "borrower"), ("marketing", "push", True, "borrower")]


def test_what_is_left_out_stays_and_the_same_again_writes_nothing(me: Me) -> None:
    me.put("preferences", {"payments": {"sms": False}})
    me.put("preferences", {"payments": {"email": False}})
    me.put("preferences", {"payments": {"email": False, "push": True}, "offers": {"push": False}})

    assert [pair for pair, on in me.switches().items() if pair[0] == "payments" and not on] == [
        ("payments", "sms"),
        ("payments", "email"),
    ]
    assert len(db.session().scalars(select(ConsentRow)).all()) == 2


def test_what_cannot_be_switched_off_says_why_in_the_borrowers_language(client: FlaskClient) -> None:
    me = Me(client, **{"Accept-Language": "zh-CN"})

    locked = {
        (topic["topic"], each["channel"]): (each["reason"], each["reason_text"])
        for topic in me.get("preferences").json["items"]
        for each in topic["channels"]
        if each["locked"]
    }
    assert locked["statutory", "letter"] == ("required-by-law", "此类通知为法律法规要求的告知，不受此处设置影响。")
    assert set(locked) == {("payments", "in_app"), ("statutory", "in_app"), ("statutory", "letter"), ("security", "sms")}
    refused = me.put("preferences", {"security": {"sms": False}})
    assert (refused.status_code, refused.json["code"]) == (409, "preference-locked")
    assert "法律" in refused.json["detail"]
    assert me.put("preferences", {"security": {"sms": True}, "payments": {"in_app": True}}).status_code == 200
    assert [e["pointer"] for e in me.put("preferences", {"statutory": {"sms": True}}).json["errors"]] == ["/statutory/sms"]
    assert [e["pointer"] for e in me.put("preferences", {"payments": {"fax": True}}).json["errors"]] == ["/payments/fax"]


@pytest.mark.parametrize(
    ("what", "body"),
    [
        ("preferences", {"payments": {"sms": False}}),
        ("quiet-hours", {"contact_from": "10:00", "contact_until": None}),
        ("consents", {"items": [{"purpose": "marketing", "channel": "sms", "given": True}]}),
    ],
)
def test_two_devices_do_not_undo_each_other(client: FlaskClient, what: str, body: dict[str, Any]) -> None:
    me = Me(client)
    read = me.get(what).headers["ETag"]

    without = client.put(f"/v1/me/{what}", json=body, headers=me.headers)
    first = client.put(f"/v1/me/{what}", json=body, headers={**me.headers, "If-Match": read})
    second = client.put(f"/v1/me/{what}", json=body, headers={**me.headers, "If-Match": read})
    next_one = client.put(f"/v1/me/{what}", json=body, headers={**me.headers, "If-Match": first.headers["ETag"]})

    assert (without.status_code, without.json["code"]) == (428, "precondition-required")
    assert (second.status_code, second.json["code"]) == (412, "stale-version")
    assert (first.status_code, next_one.status_code) == (200, 200)
    shown = me.get(what)
    assert (shown.json, shown.headers["ETag"]) == (next_one.json, next_one.headers["ETag"])
    assert client.get(f"/v1/me/{what}", headers={**me.headers, "If-None-Match": shown.headers["ETag"]}).status_code == 304


def test_another_borrowers_choices_are_their_own(client: FlaskClient) -> None:
    me, other = Me(client), Me(client)
    before = [other.get(what).json for what in ("preferences", "quiet-hours", "consents")]

    me.put("preferences", {"payments": {"sms": False}})
    me.put("quiet-hours", {"contact_from": "10:00", "contact_until": "12:00"})

    assert [other.get(what).json for what in ("preferences", "quiet-hours", "consents")] == before
    assert me.get("consents").json["items"] != []


def test_own_hours_are_kept_as_one_wish_and_taken_back(me: Me) -> None:
    assert me.get("quiet-hours").json == {
        "contact_from": None,
        "contact_until": None,
        "usual_from": "08:00",
        "usual_until": "22:00",
        "timezone": "Asia/Shanghai",
    }

    me.put("quiet-hours", {"contact_from": "10:00", "contact_until": None})
    assert me.put("quiet-hours", {"contact_from": "10:00", "contact_until": "18:00"}).json["contact_until"] == "18:00"
    clock.use(lambda: START + timedelta(minutes=5))
    back = me.put("quiet-hours", {"contact_from": None, "contact_until": None})

    assert (back.json["contact_from"], back.json["contact_until"]) == (None, None)
    db.session().rollback()
    rows = db.session().scalars(select(ContactPreferenceRow).order_by(ContactPreferenceRow.id)).all()
    assert [(row.kind, row.by, row.ended_at) for row in rows] == [
        ("not_before", "borrower", START),
        ("only_between", "borrower", START + timedelta(minutes=5)),
    ]
    actions = list(db.session().scalars(select(AuditRow.action).where(AuditRow.borrower_id == me.borrower_id)))
    assert actions.count("wish.hours") == 3


def test_own_hours_change_the_case(me: Me) -> None:
    def case_version() -> int:
        db.session().rollback()
        return db.session().scalars(select(AgendaRow.case_version).where(AgendaRow.borrower_id == me.borrower_id)).one()

    before = case_version()
    me.put("quiet-hours", {"contact_from": "10:00", "contact_until": None})
    changed = case_version()
    me.put("quiet-hours", {"contact_from": "10:00", "contact_until": None})

    assert (changed > before, case_version() == changed) == (True, True)


def test_hours_are_narrowed_only(client: FlaskClient) -> None:
    me = Me(client, **{"Accept-Language": "en"})

    wider = me.put("quiet-hours", {"contact_from": "07:00", "contact_until": "18:00"})
    assert (wider.status_code, wider.json["code"]) == (409, "quiet-hours")
    assert "between 08:00 and 22:00" in wider.json["detail"]
    for body in ({"contact_from": "9:00", "contact_until": None}, {"contact_from": "24:00", "contact_until": None}):
        assert [e["pointer"] for e in me.put("quiet-hours", body).json["errors"]] == ["/contact_from"]
    short = me.put("quiet-hours", {"contact_from": "10:00", "contact_until": "10:30"})
    assert [e["pointer"] for e in short.json["errors"]] == ["/contact_until"]
    assert me.get("quiet-hours").json["contact_from"] is None


def test_consents_are_given_and_withdrawn_with_their_day(me: Me) -> None:
    given = me.put("consents", {"items": [{"purpose": "data_sharing", "given": True, "form": "separate"}]})
    assert given.json["items"] == [
        {
            "purpose": "data_sharing",
            "channel": "any",
            "given": True,
            "form": "separate",
            "recorded_at": "2026-03-02T09:00:00Z",
        }
    ]
    withdrawn = me.put("consents", {"items": [{"purpose": "data_sharing", "given": False}]})
    assert [(item["given"], item["form"]) for item in withdrawn.json["items"]] == [(False, "electronic")]

    proof = me.put("consents", {"items": [{"purpose": "extra_hours", "given": True}]})
    assert (proof.status_code, proof.json["code"]) == (403, "forbidden")
    wrong = me.put("consents", {"items": [{"purpose": "fun", "given": True}]})
    assert [e["pointer"] for e in wrong.json["errors"]] == ["/items/0/purpose"]


def test_a_stop_shows_in_the_preferences_and_may_be_taken_back_there(me: Me) -> None:
    with unit_of_work() as work:
        opt_out(work, me.borrower_id, "sms", by="operator:Eve", now=START)
    assert me.switches()["payments", "sms"] is False

    clock.use(lambda: START + timedelta(minutes=1))
    me.put("preferences", {"payments": {"sms": True}})

    assert me.switches()["payments", "sms"] is True


def test_a_channel_that_is_switched_off_sends_nothing_more(app: Flask, client: FlaskClient) -> None:
    loan = build_loan(now=START - timedelta(days=9), due=[START.date() + timedelta(days=1)], zone="UTC")
    give_phone(loan, now=START - timedelta(days=9))
    ensure_default_policy(now=START - timedelta(days=9))
    at = START + timedelta(hours=1)
    sweep(now=at)
    queued = select(MessageRow.state).where(MessageRow.channel == "push")
    assert list(db.session().scalars(queued)) == ["queued"]
    db.session().rollback()
    clock.use(lambda: at)
    me = Me(client, loan.borrower_id)
    me.headers = signed_in(loan.borrower_id, now=at)

    me.put("preferences", {"payments": {"push": False}})

    db.session().rollback()
    assert "queued" not in list(db.session().scalars(queued))
