"""The test `wait`: not before so many days after something happened, in every zone."""

from datetime import timedelta

from app.domain.law.anchors import read_anchor
from app.domain.law.params import Answer, Params, Test, decided
from app.domain.law.questions import Question, date_in, start_of_day
from app.domain.law.results import Result
from app.domain.law.spans import later


def wait(params: Params) -> Test:
    """Compile the test. The wait is over on local date of anchor + days, one later when the days are clear."""
    anchor = read_anchor(params)
    if not params.has("days"):
        params.fault("days", "missing")
    waits = timedelta(days=params.count("days", 0) + params.flag("clear_days"))
    defers = params.choice("verdict", ("defer", "block"), "defer") == "defer"
    missing = params.words("missing")
    lacking = Result("block", missing=missing, topic=anchor.topic)
    allows_without = params.choice("no_anchor", ("allow", "block"), "allow") == "allow"

    def test(question: Question) -> Answer:
        found = anchor.find(question)
        if found is None:
            return None if allows_without else decided(lacking)
        at = question.at
        if at is None:
            return None
        over = [(later(date_in(found[0], zone), waits), zone) for zone in question.day_zones]
        if all(question.local(zone).date() >= on for on, zone in over):
            return None
        if defers:
            return decided(Result("defer", until=max(start_of_day(*each) for each in over), topic=anchor.topic))
        return decided(Result("block", allowed_on=max(on for on, _ in over), topic=anchor.topic))

    return test
