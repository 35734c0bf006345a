"""Staff who signed up as people do: invited, with a password and an authenticator app."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from app.persistence.unit_of_work import unit_of_work
from app.services import staff, staff_invitations, staff_sign_in
from app.services.staff_factors import code_at
from tests.conftest import START

PASSWORD = "seven quiet herons"
NETWORK = "192.0.2.0/24"


@dataclass
class Colleague:
    """One member of staff with what only they know."""

    staff_id: str
    name: str
    email: str
    secret: str
    recovery_codes: list[str]
    password: str = PASSWORD

    def code(self, at: datetime) -> str:
        """Return what their authenticator app shows."""
        return code_at(self.secret, at)


def a_colleague(
    lender_id: str, *, name: str = "Wang Fang", role: str = "agent", password: str = PASSWORD, now: datetime = START
) -> Colleague:
    """Invite somebody and let them accept, two minutes before `now`, so that their codes of now are still good."""
    email = f"{name.lower().replace(' ', '.')}@example.test"
    before = now - timedelta(minutes=2)
    manager = staff.Manager("operator:test")
    with unit_of_work() as work:
        new = staff.NewMember(name, email, role)
        staff_id, made = staff.invite(work, lender_id, new, manager=manager, now=before)
    assert made is not None
    secret = staff_invitations.open_invitation(made.token, NETWORK, now=before).secret
    codes = staff_invitations.accept_invitation(made.token, password, code_at(secret, before), NETWORK, now=before)
    return Colleague(staff_id, name, email, secret, codes, password)


def sign_in(who: Colleague, *, now: datetime = START, code: str | None = None) -> staff_sign_in.StaffSignIn:
    """Sign somebody in by both factors."""
    challenge = staff_sign_in.begin(who.email, who.password, NETWORK, now=now)
    return staff_sign_in.finish(challenge.challenge, code or who.code(now), NETWORK, now=now)
