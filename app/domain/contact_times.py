"""When a contact may be made: quiet hours of the policy and of the borrower's wishes, in every zone they may be in."""

from collections.abc import Iterable
from datetime import datetime, time, timedelta

from app.domain.cases import Case, Subject, wished_quiet
from app.domain.policies import Policy
from app.domain.quiet_hours import first_allowed, window_end
from app.domain.times import business_date, local_instant


class ContactTimes:
    """The hours of one case at one instant."""

    def __init__(self, case: Case, now: datetime) -> None:
        self.case, self.now = case, now
        self.wished = wished_quiet(case.wishes)

    def allowed_at(self, policy: Policy, zones: tuple[str, ...]) -> datetime | None:
        """The first instant that is quiet neither by the policy nor by the borrower's wish, with the margin to send in."""
        quiets = (policy.quiet_hours, *self.wished)
        allowed_at = first_allowed(quiets, self.now, zones)
        if allowed_at == self.now:
            closes_at = window_end(quiets, self.now, zones)
            if closes_at is not None and self.now >= closes_at - policy.not_after_margin:
                return first_allowed(quiets, closes_at, zones)
        return allowed_at

    def zones(self, about: Iterable[Subject]) -> tuple[str, ...]:
        """Where the borrower may be, the zone that days are counted in first; the lenders' zones where nothing is known."""
        known = self.case.known_zones or tuple(dict.fromkeys(subject.lender_zone for subject in about))
        return tuple(dict.fromkeys((self.case.zone or known[0], *known)))

    def window_end(self, policies: Iterable[Policy], zones: tuple[str, ...]) -> datetime:
        """Return when what may leave now may leave no longer: before quiet hours, and on the day its place is taken on."""
        ends = [local_instant(business_date(self.now, zones[0]) + timedelta(days=1), time(0), zones[0])]
        for policy in {policy.policy_id: policy for policy in policies}.values():
            closes_at = window_end((policy.quiet_hours, *self.wished), self.now, zones)
            if closes_at is not None:
                ends.append(closes_at - policy.not_after_margin)
        return min(ends)
