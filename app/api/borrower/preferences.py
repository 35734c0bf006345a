"""What the borrower chooses: channels by topic, own hours for contact, consents."""

from datetime import time
from typing import Any

from marshmallow import Schema, fields, validate

from app.domain.consents import CHANNELS, CONSENT_CHANNELS, PURPOSES, ConsentValues
from app.domain.contact_hours import Hours
from app.domain.preferences import TOPICS, Choice
from app.persistence.unit_of_work import Work, in_unit_of_work, reading
from app.services import consents, preferences
from app.services.preferences import ContactHours
from app.web.answers import Answer
from app.web.auth import borrower
from app.web.doors import Door, answers
from app.web.fields import InstantField, MapField, PatternField
from app.web.languages import request_locale
from app.web.preconditions import check_if_match, tagged
from app.web.reads import end_reads
from app.web.request_context import now
from app.wording.preference_words import lock_sentence

door = Door("preferences", "What the borrower chooses: channels, hours, consents.", prefix="/v1/me")

_TIME = "([01][0-9]|2[0-3]):[0-5][0-9]"
_GUARDED = ("precondition-required", "stale-version")
_IN_APP_FORMS = ("electronic", "separate")


class ChoiceSchema(Schema):
    """One channel of a topic."""

    channel = fields.String(required=True)
    on = fields.Boolean(required=True)
    locked = fields.Boolean(required=True, metadata={"description": "It cannot be switched off."})
    reason = fields.String(required=True, allow_none=True, metadata={"description": "Code of why it is locked."})
    reason_text = fields.String(required=True, allow_none=True, metadata={"description": "The same for people."})


class TopicSchema(Schema):
    """One topic with its channels."""

    topic = fields.String(required=True, metadata={"enum": list(TOPICS)})
    channels = fields.List(fields.Nested(ChoiceSchema), required=True)


class PreferencesSchema(Schema):
    """All topics."""

    items = fields.List(fields.Nested(TopicSchema), required=True)


def _switches(text: str) -> MapField:
    return MapField(
        keys=fields.String(validate=validate.OneOf((*CONSENT_CHANNELS, "in_app"))),
        values=fields.Boolean(truthy={True}, falsy={False}),
        load_default=dict,
        metadata={"description": text},
    )


class PreferenceValuesSchema(Schema):
    """Channels to switch, by topic; what is left out stays as it is, so that an older app switches nothing back on."""

    payments = _switches("Reminders of payments, and what follows when one is missed.")
    statutory = _switches("Notices that a law demands: locked.")
    security = _switches("One-time codes: locked.")
    offers = _switches("Offers; off unless asked for.")


class HoursValuesSchema(Schema):
    """Own hours for contact; null: the usual ones."""

    contact_from = PatternField(_TIME, required=True, allow_none=True, metadata={"description": "HH:MM where you are."})
    contact_until = PatternField(_TIME, required=True, allow_none=True, metadata={"description": "HH:MM, exclusive."})


class HoursSchema(HoursValuesSchema):
    """Own hours beside the usual ones."""

    usual_from = fields.String(required=True, allow_none=True, metadata={"description": "null: there are no quiet hours."})
    usual_until = fields.String(required=True, allow_none=True)
    timezone = fields.String(
        required=True, allow_none=True, metadata={"description": "Where the hours are meant; null: wherever the device is."}
    )


class ConsentValuesSchema(Schema):
    """One consent to give or to withdraw."""

    purpose = fields.String(required=True, validate=validate.OneOf(tuple(PURPOSES)))
    channel = fields.String(load_default="any", validate=validate.OneOf(CHANNELS))
    given = fields.Boolean(required=True, truthy={True}, falsy={False})
    form = fields.String(
        load_default="electronic",
        validate=validate.OneOf(_IN_APP_FORMS),
        metadata={"description": "separate: by a tick of its own, apart from other terms."},
    )


class ConsentSchema(Schema):
    """One consent that stands, given or refused."""

    purpose = fields.String(required=True, metadata={"enum": list(PURPOSES)})
    channel = fields.String(required=True, metadata={"enum": list(CHANNELS)})
    given = fields.Boolean(required=True)
    form = fields.String(required=True, allow_none=True)
    recorded_at = InstantField(required=True)


class ConsentsSchema(Schema):
    """All that stand, by purpose and channel."""

    items = fields.List(fields.Nested(ConsentSchema), required=True)


class ConsentsValuesSchema(Schema):
    """Consents to give or to withdraw; the others stay as they are."""

    items = fields.List(fields.Nested(ConsentValuesSchema), required=True, validate=validate.Length(1, 50))


_CHOICE = {"channel": "in_app", "on": True, "locked": True, "reason": "record-in-app"}
_PREFERENCES = {
    "items": [
        {
            "topic": "payments",
            "channels": [
                {**_CHOICE, "reason_text": "What you owe always stands in the app; nothing is sent for it."},
                {"channel": "sms", "on": False, "locked": False, "reason": None, "reason_text": None},
            ],
        }
    ]
}
_HOURS = {"contact_from": "10:00", "contact_until": "18:00"}
_SHOWN_HOURS = {**_HOURS, "usual_from": "08:00", "usual_until": "22:00", "timezone": "Asia/Shanghai"}
_CONSENT = {"purpose": "marketing", "channel": "push", "given": False, "form": "electronic"}
_CONSENTS = {"items": [{**_CONSENT, "recorded_at": "2026-11-23T09:00:00Z"}]}


@door.get("/preferences")
@answers(200, PreferencesSchema, example=_PREFERENCES)
def get_preferences() -> dict[str, Any]:
    """Show by which channels you hear of what, and which of them cannot be switched off and why."""
    end_reads()
    with reading() as session:
        return _topics(preferences.get_preferences(session, borrower().borrower_id))


@door.put("/preferences")
@door.takes(PreferenceValuesSchema, example={"payments": {"sms": False}, "offers": {"push": True}})
@answers(200, PreferencesSchema, example=_PREFERENCES, problems=(*_GUARDED, "preference-locked"))
def put_preferences(body: dict[str, Any]) -> Answer:
    """Switch channels on or off. It counts at once: what is queued on a channel that is switched off does not leave."""
    borrower_id, schema = borrower().borrower_id, PreferencesSchema()

    def act(work: Work) -> Answer:
        check_if_match(_topics(preferences.get_preferences(work.session, borrower_id)), schema)
        preferences.set_preferences(work, borrower_id, body, now=now())
        return tagged(_topics(preferences.get_preferences(work.session, borrower_id)), schema)

    return in_unit_of_work(act)


@door.get("/quiet-hours")
@answers(200, HoursSchema, example=_SHOWN_HOURS)
def get_quiet_hours() -> dict[str, Any]:
    """Show the hours in which you are contacted: the usual ones, and your own where you narrowed them."""
    end_reads()
    with reading() as session:
        return _hours(preferences.get_contact_hours(session, borrower().borrower_id))


@door.put("/quiet-hours")
@door.takes(HoursValuesSchema, example=_HOURS)
@answers(200, HoursSchema, example=_SHOWN_HOURS, problems=(*_GUARDED, "quiet-hours"))
def put_quiet_hours(body: dict[str, Any]) -> Answer:
    """Narrow the hours in which you are contacted, or go back to the usual ones with null.

    Only narrower: to be contacted outside the usual hours needs a proof in writing.
    """
    borrower_id, schema = borrower().borrower_id, HoursSchema()
    own = Hours(_time(body["contact_from"]), _time(body["contact_until"]))

    def act(work: Work) -> Answer:
        check_if_match(_hours(preferences.get_contact_hours(work.session, borrower_id)), schema)
        preferences.set_contact_hours(work, borrower_id, own, now=now())
        return tagged(_hours(preferences.get_contact_hours(work.session, borrower_id)), schema)

    return in_unit_of_work(act)


@door.get("/consents")
@answers(200, ConsentsSchema, example=_CONSENTS)
def get_consents() -> dict[str, Any]:
    """List what you agreed to or refused, by purpose and channel, and since when."""
    end_reads()
    with reading() as session:
        return _consents(session, borrower().borrower_id)


@door.put("/consents")
@door.takes(ConsentsValuesSchema, example={"items": [_CONSENT]})
@answers(200, ConsentsSchema, example=_CONSENTS, problems=(*_GUARDED, "forbidden"))
def put_consents(body: dict[str, Any]) -> Answer:
    """Give or withdraw consents. A withdrawal counts at once; what needs a proof in writing cannot be given here."""
    borrower_id, schema = borrower().borrower_id, ConsentsSchema()
    told = [ConsentValues(**each) for each in body["items"]]

    def act(work: Work) -> Answer:
        check_if_match(_consents(work.session, borrower_id), schema)
        consents.record_own_consents(work, borrower_id, told, now=now())
        return tagged(_consents(work.session, borrower_id), schema)

    return in_unit_of_work(act)


def _topics(found: dict[str, list[Choice]]) -> dict[str, Any]:
    def shown(choice: Choice) -> dict[str, Any]:
        text = lock_sentence(choice.locked, request_locale()) if choice.locked else None
        is_locked = choice.locked is not None
        return {
            "channel": choice.channel, "on": choice.on, "locked": is_locked, "reason": choice.locked, "reason_text": text
        }  # fmt: skip

    return {"items": [{"topic": topic, "channels": list(map(shown, channels))} for topic, channels in found.items()]}


def _hours(hours: ContactHours) -> dict[str, Any]:
    return {
        "contact_from": _written(hours.own.from_time),
        "contact_until": _written(hours.own.until_time),
        "usual_from": _written(hours.usual.from_time),
        "usual_until": _written(hours.usual.until_time),
        "timezone": hours.timezone,
    }


def _consents(session: Any, borrower_id: str) -> dict[str, Any]:
    stands = consents.consents_of(session, borrower_id)
    return {"items": [stands[pair] for pair in sorted(stands)]}


def _time(text: str | None) -> time | None:
    return None if text is None else time.fromisoformat(text)


def _written(at: time | None) -> str | None:
    return None if at is None else f"{at:%H:%M}"
