"""Call tasks as staff read them: what a list shows, what a card shows, what a dial gives."""

from marshmallow import Schema, fields, validate

from app.services import call_tasks
from app.services.contact_gates import LONGEST_REASON
from app.web.fields import CountField, DateField, IdField, InstantField, MoneyField, TextField


class CallWorklistQuerySchema(Schema):
    """Which tasks."""

    queue = TextField(40, metadata={"description": "Only this queue."})
    limit = CountField(
        load_default=20, validate=validate.Range(1, call_tasks.MOST_SHOWN), metadata={"description": "How many at most."}
    )


class CallScorePartSchema(Schema):
    """One factor of a score."""

    name = fields.String(required=True, metadata={"enum": ["amount", "anyway", "reach", "lift"]})
    permille = fields.Integer(required=True)
    facts = fields.Dict(keys=fields.String(), required=True, metadata={"description": "What it was made of."})


class CallTaskSchema(Schema):
    """One task of the worklist, with why it stands where it stands."""

    id = IdField(required=True)
    borrower_no = fields.String(required=True)
    loan_no = fields.String(required=True, allow_none=True)
    kind = fields.String(required=True, metadata={"enum": ["call", "call_back"]})
    queue = fields.String(required=True)
    due_on = DateField(required=True, allow_none=True)
    due_at = InstantField(required=True, allow_none=True)
    not_before = InstantField(required=True, allow_none=True)
    not_after = InstantField(required=True, allow_none=True)
    language = fields.String(required=True, allow_none=True, metadata={"description": "That the borrower needs."})
    may_be_dialled = fields.Boolean(required=True, metadata={"description": "Now."})
    opens_at = InstantField(required=True, allow_none=True, metadata={"description": "null: not before something changes."})
    closes_at = InstantField(required=True, allow_none=True)
    blocked_by = fields.String(required=True, allow_none=True, metadata={"description": "A reason of docs/reasons.md."})
    urgency = fields.String(required=True, metadata={"enum": ["law_day", "asked_for", "by_gain"]})
    score = fields.Integer(
        required=True, metadata={"description": "Expected gain of calling now, in millionths of the capped amount."}
    )
    parts = fields.List(fields.Nested(CallScorePartSchema), required=True)
    claimed_by = fields.String(required=True, allow_none=True)
    claimed_until = InstantField(required=True, allow_none=True)


class OwnDialSchema(Schema):
    """A call of yours that waits for its outcome."""

    id = IdField(required=True)
    task_id = IdField(required=True, allow_none=True)
    borrower_no = fields.String(required=True)
    dialled_at = InstantField(required=True, attribute="called_at")


class CallWorklistSchema(Schema):
    """The top of the worklist. It is always taken from the top, so there are no further pages."""

    items = fields.List(fields.Nested(CallTaskSchema), required=True)
    open_count = fields.Integer(required=True, metadata={"description": "May be dialled now; counted up to 1000."})
    waiting_count = fields.Integer(required=True, metadata={"description": "Not now; counted up to 1000."})
    dials = fields.List(fields.Nested(OwnDialSchema), required=True)


class CallBlockSchema(Schema):
    """One thing in the way."""

    layer = fields.String(required=True, metadata={"enum": ["law", "person", "policy"]})
    reason = fields.String(required=True)
    rule = fields.String(required=True, allow_none=True)
    sentence = fields.String(required=True)
    until = InstantField(required=True, allow_none=True)


class CallRoomSchema(Schema):
    """What is left under one cap."""

    cap = fields.String(required=True)
    layer = fields.String(required=True, metadata={"enum": ["law", "person", "policy"]})
    left = fields.Integer(required=True, allow_none=True, metadata={"description": "null: it counts nothing here."})
    most = fields.Integer(required=True)
    resets_at = InstantField(required=True, allow_none=True)
    sentence = fields.String(required=True)


class CallLocalTimeSchema(Schema):
    """The time where the borrower may be."""

    zone = fields.String(required=True)
    local = fields.String(required=True, metadata={"description": "Date and time there: 2026-11-26T12:00."})


class CallCardPromiseSchema(Schema):
    """A promise about the loan."""

    amount = MoneyField(required=True)
    promised_on = DateField(required=True)
    state = fields.String(required=True)


class CallCardLoanSchema(Schema):
    """How a loan stands today."""

    loan_no = fields.String(required=True)
    overdue = MoneyField(required=True)
    outstanding = MoneyField(required=True)
    days_past_due = fields.Integer(required=True)
    next_due_on = DateField(required=True, allow_none=True)
    promises = fields.List(fields.Nested(CallCardPromiseSchema), required=True)


class EarlierCallSchema(Schema):
    """A call of before."""

    at = InstantField(required=True, attribute="called_at")
    outcome = fields.String(required=True)
    result = fields.String(required=True, allow_none=True)
    seconds = fields.Integer(required=True)
    direction = fields.String(required=True)
    by = fields.String(required=True)


class TalkingPointSchema(Schema):
    """Something to say, or not to say."""

    key = fields.String(required=True)
    words = fields.String(required=True)
    source = fields.String(required=True, allow_none=True, metadata={"description": "The rule or text that wants it."})


class CallCardSchema(Schema):
    """All that is seen before a call. The number is masked; dialling shows it."""

    task = fields.Nested(CallTaskSchema, required=True)
    borrower_no = fields.String(required=True)
    name = fields.String(required=True, allow_none=True)
    number_masked = fields.String(required=True, allow_none=True)
    locale = fields.String(required=True, allow_none=True)
    may_be_dialled = fields.Boolean(required=True)
    may_be_overridden = fields.Boolean(required=True)
    opens_at = InstantField(required=True, allow_none=True)
    closes_at = InstantField(required=True, allow_none=True)
    blocks = fields.List(fields.Nested(CallBlockSchema), required=True)
    room = fields.List(fields.Nested(CallRoomSchema), required=True)
    local_times = fields.List(fields.Nested(CallLocalTimeSchema), required=True)
    loans = fields.List(fields.Nested(CallCardLoanSchema), required=True)
    calls = fields.List(fields.Nested(EarlierCallSchema), required=True)
    talking_points = fields.List(fields.Nested(TalkingPointSchema), required=True)
    waiting_call_id = IdField(
        required=True, allow_none=True, metadata={"description": "Of a call that was dialled and waits for its outcome."}
    )


class ClaimedCallTaskSchema(Schema):
    """Who has the task."""

    id = IdField(required=True)
    claimed_by = fields.String(required=True, allow_none=True)
    claimed_until = InstantField(required=True, allow_none=True)


class NextCallSchema(Schema):
    """The task that was taken; null: there is none that may be dialled now."""

    task = fields.Nested(ClaimedCallTaskSchema, required=True, allow_none=True)


class NextCallAskedSchema(Schema):
    """Which next task."""

    queue = TextField(40, load_default=None, allow_none=True)


class CallTaskActSchema(Schema):
    """Nothing needs to be said."""


class DialSchema(Schema):
    """A call that is about to be made."""

    override_reason = TextField(
        LONGEST_REASON,
        load_default=None,
        allow_none=True,
        metadata={"description": "Why a cap or an hour of the policy is set aside; never what stands by law."},
    )


class DialledSchema(Schema):
    """A call that may now be made, and counts from now on."""

    id = IdField(required=True, attribute="call_id")
    tel = fields.String(required=True, metadata={"description": "A tel: URI (RFC 3966) for a softphone."})
    number = fields.String(required=True)
    dialled_at = InstantField(required=True)
    outcome_asked_at = InstantField(required=True, metadata={"description": "When the desk begins to ask how it went."})
    overridden = fields.Boolean(required=True)


ID_EXAMPLE = "01981e6a-7c1e-7000-8000-3f1c2a5b9d10"
TASK_EXAMPLE = {
    "id": ID_EXAMPLE,
    "borrower_no": "B-1001",
    "loan_no": "CN-1001",
    "kind": "call",
    "queue": "early",
    "due_on": None,
    "due_at": "2026-11-25T08:00:00Z",
    "not_before": "2026-11-25T01:00:00Z",
    "not_after": "2026-11-25T12:00:00Z",
    "language": None,
    "may_be_dialled": True,
    "opens_at": "2026-11-25T01:00:00Z",
    "closes_at": "2026-11-25T12:00:00Z",
    "blocked_by": None,
    "urgency": "by_gain",
    "score": 28896,
    "parts": [
        {
            "name": "amount",
            "permille": 400,
            "facts": {"overdue_minor": 200000, "cap_minor": 500000, "currency": "CNY"},
        },
        {"name": "anyway", "permille": 300, "facts": {"days_past_due": 12}},
        {"name": "reach", "permille": 300, "facts": {"calls": 0, "answered": 0}},
        {"name": "lift", "permille": 344, "facts": {}},
    ],
    "claimed_by": None,
    "claimed_until": None,
}
CLAIMED_EXAMPLE = {"id": ID_EXAMPLE, "claimed_by": "staff:Wang Fang", "claimed_until": "2026-11-25T03:15:00Z"}
CARD_EXAMPLE = {
    "task": TASK_EXAMPLE,
    "borrower_no": "B-1001",
    "name": "Li Wei",
    "number_masked": "•••• 8000",
    "locale": "zh-CN",
    "may_be_dialled": True,
    "may_be_overridden": False,
    "opens_at": None,
    "closes_at": "2026-11-25T14:00:00Z",
    "blocks": [],
    "room": [],
    "local_times": [{"zone": "Asia/Shanghai", "local": "2026-11-25T11:00"}],
    "loans": [
        {
            "loan_no": "CN-1001",
            "overdue": {"amount_minor": 200000, "currency": "CNY"},
            "outstanding": {"amount_minor": 900000, "currency": "CNY"},
            "days_past_due": 12,
            "next_due_on": "2026-12-13",
            "promises": [],
        }
    ],
    "calls": [],
    "talking_points": [{"key": "who_calls", "words": "Say who you are and for whom you call.", "source": None}],
    "waiting_call_id": None,
}
DIALLED_EXAMPLE = {
    "id": "01981e6a-7c1e-7000-8000-3f1c2a5b9d11",
    "tel": "tel:+8613800138000",
    "number": "+8613800138000",
    "dialled_at": "2026-11-25T03:00:00Z",
    "outcome_asked_at": "2026-11-25T03:10:00Z",
    "overridden": False,
}
