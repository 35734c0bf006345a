"""Staff read what experiments and holdouts of their lender's loans did."""

from typing import Any

from marshmallow import Schema, fields, validate

from app.api.desk.staff import door
from app.persistence.unit_of_work import reading_one_state
from app.services.experiments import GUARDRAILS, MOST_WITHIN_DAYS, OUTCOMES, list_experiments, report_experiment
from app.web.auth import desk, permits
from app.web.doors import answers
from app.web.fields import DateField, InstantField
from app.web.reads import end_reads
from app.web.request_context import now

_KINDS = ["experiment", "holdout"]


class FigureField(fields.String):
    """A share or a probability as a decimal in six digits, in a string as every other figure that is no count."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else f"{value:.6g}"


class ListedArmSchema(Schema):
    """One arm so far."""

    arm = fields.String(required=True)
    percent = fields.Integer(required=True, allow_none=True)
    borrowers = fields.Integer(required=True)
    exposures = fields.Integer(required=True)


class ListedExperimentSchema(Schema):
    """An experiment or a holdout of a policy that is or was in force."""

    key = fields.String(required=True)
    kind = fields.String(required=True, metadata={"enum": _KINDS})
    policies = fields.List(fields.String(), required=True)
    is_live = fields.Boolean(required=True)
    arms = fields.List(fields.Nested(ListedArmSchema), required=True)
    first_at = InstantField(required=True, allow_none=True)
    last_at = InstantField(required=True, allow_none=True)


class ListedExperimentsSchema(Schema):
    """All of them; there are few."""

    items = fields.List(fields.Nested(ListedExperimentSchema), required=True)


class ReportQuerySchema(Schema):
    """Whom to look at, and how long they had to pay."""

    first_on = DateField(data_key="from", metadata={"description": "First exposed from this day on (UTC)."})
    until = DateField(data_key="to", metadata={"description": "First exposed before this day (UTC)."})
    within_days = fields.Integer(
        validate=validate.Range(0, MOST_WITHIN_DAYS), metadata={"description": "Default: what the policy names."}
    )


class ArmCountSchema(Schema):
    """Who is in an arm."""

    arm = fields.String(required=True)
    percent = fields.Integer(required=True)
    borrowers = fields.Integer(required=True)
    exposures = fields.Integer(required=True)
    mature = fields.Integer(required=True, metadata={"description": "Whose time to pay is over: the ones compared."})


class RateSchema(Schema):
    """A share with its 95 % interval (Wilson); null: of nobody."""

    count = fields.Integer(required=True)
    of = fields.Integer(required=True)
    rate = FigureField(required=True, allow_none=True)
    low = FigureField(required=True, allow_none=True)
    high = FigureField(required=True, allow_none=True)


class DifferenceSchema(Schema):
    """A rate less the control's, with its 95 % interval (Newcombe)."""

    difference = FigureField(required=True)
    low = FigureField(required=True)
    high = FigureField(required=True)
    p_value = FigureField(required=True)
    p_adjusted = FigureField(required=True, metadata={"description": "For several arms against one control (Holm)."})
    test = fields.String(required=True, metadata={"enum": ["chi-square", "fisher-exact"]})
    detectable = FigureField(
        required=True,
        allow_none=True,
        metadata={"description": "Smallest rise over the control that shows at this size: 80 % power, 5 % level."},
    )


class MeasuredArmSchema(Schema):
    """One figure of one arm; the control has no difference."""

    arm = fields.String(required=True)
    rate = fields.Nested(RateSchema, required=True)
    difference = fields.Nested(DifferenceSchema, required=True, allow_none=True)


class MeasureSchema(Schema):
    """An outcome or a guardrail."""

    name = fields.String(required=True, metadata={"enum": [*OUTCOMES, *GUARDRAILS]})
    arms = fields.List(fields.Nested(MeasuredArmSchema), required=True)


class SampleRatioSchema(Schema):
    """Whether arms are as large as their shares say (chi-square)."""

    p_value = FigureField(required=True, allow_none=True)
    is_off = fields.Boolean(required=True, metadata={"description": "Then nothing else here can be believed."})


class WarningSchema(Schema):
    """What to know before the figures."""

    code = fields.String(required=True)
    text = fields.String(required=True)


class ExclusionsSchema(Schema):
    """Borrowers that are not compared, or counted with the first of several arms."""

    not_mature = fields.Integer(required=True)
    outside_span = fields.Integer(required=True)
    in_several_arms = fields.Integer(required=True)


class ExperimentReportSchema(Schema):
    """The report of one experiment or holdout, by intention to treat."""

    key = fields.String(required=True)
    kind = fields.String(required=True, metadata={"enum": _KINDS})
    policies = fields.List(fields.String(), required=True)
    as_of = InstantField(required=True)
    first_on = DateField(required=True, allow_none=True)
    until = DateField(required=True, allow_none=True)
    within_days = fields.Integer(required=True)
    control = fields.String(required=True)
    planned_borrowers = fields.Integer(required=True, allow_none=True)
    arms = fields.List(fields.Nested(ArmCountSchema), required=True)
    sample_ratio = fields.Nested(SampleRatioSchema, required=True)
    outcomes = fields.List(fields.Nested(MeasureSchema), required=True)
    guardrails = fields.List(fields.Nested(MeasureSchema), required=True)
    exclusions = fields.Nested(ExclusionsSchema, required=True)
    warnings = fields.List(fields.Nested(WarningSchema), required=True)


_LISTED = {
    "key": "tone",
    "kind": "experiment",
    "policies": ["consumer v2"],
    "is_live": True,
    "arms": [
        {"arm": "control", "percent": 50, "borrowers": 996, "exposures": 1204},
        {"arm": "positive", "percent": 50, "borrowers": 1004, "exposures": 1191},
    ],
    "first_at": "2026-11-02T01:00:00Z",
    "last_at": "2026-12-17T01:00:00Z",
}
_PAID: dict[str, Any] = {
    "name": "paid_in_full",
    "arms": [
        {
            "arm": "control",
            "rate": {"count": 498, "of": 996, "rate": "0.5", "low": "0.469", "high": "0.531"},
            "difference": None,
        },
        {
            "arm": "positive",
            "rate": {"count": 562, "of": 1004, "rate": "0.5598", "low": "0.5289", "high": "0.5902"},
            "difference": {
                "difference": "0.0598",
                "low": "0.0161",
                "high": "0.1032",
                "p_value": "0.0074",
                "p_adjusted": "0.0074",
                "test": "chi-square",
                "detectable": "0.0625",
            },
        },
    ],
}
_REPORT: dict[str, Any] = {
    "key": "tone",
    "kind": "experiment",
    "policies": ["consumer v2"],
    "as_of": "2026-12-31T01:00:00Z",
    "first_on": None,
    "until": None,
    "within_days": 3,
    "control": "control",
    "planned_borrowers": 2000,
    "arms": [{**arm, "mature": arm["borrowers"]} for arm in _LISTED["arms"]],  # type: ignore[attr-defined]
    "sample_ratio": {"p_value": "0.86", "is_off": False},
    "outcomes": [_PAID],
    "guardrails": [],
    "exclusions": {"not_mature": 0, "outside_span": 0, "in_several_arms": 0},
    "warnings": [],
}


@door.get("/experiments")
@permits("experiments.read")
@answers(200, ListedExperimentsSchema, example={"items": [_LISTED]})
def list_desk_experiments() -> dict[str, Any]:
    """List experiments and holdouts of policies that are or were in force, with how many borrowers are in which arm."""
    lender_id = desk().lender_id
    end_reads()
    with reading_one_state() as session:
        return {"items": list_experiments(session, lender_id=lender_id)}


@door.get("/experiments/<number:key>")
@permits("experiments.read")
@door.asks(ReportQuerySchema)
@answers(200, ExperimentReportSchema, example=_REPORT, problems=("conflict",))
def get_experiment(query: dict[str, Any], key: str) -> Any:
    """Report on one: borrowers by arm, effect on payment with intervals, guardrails, and what to doubt.

    A borrower counts once, by the first exposure and by intention to treat: also where the message failed. Needs an optional
    part of the installation; 503 says how to install it where it is absent.
    """
    lender_id, at = desk().lender_id, now()
    end_reads()
    with reading_one_state() as session:
        return report_experiment(session, key, now=at, lender_id=lender_id, **query)
