"""The borrower's yes or no to a WeChat account that opened their link.

A link may be forwarded or seen: until its borrower says yes, what opened it is no endpoint, so that no decision counts it,
no message goes to it and no consent of it is kept. The number that both sides are shown says which opening is meant, so that
a yes to one can never be taken for a yes to another.
"""

from collections.abc import Mapping
from datetime import datetime

from app.domain.errors import ConflictError
from app.domain.wechat_links import CONFIRMED, LAPSED, PENDING, REFUSED, SUPERSEDED, UNKNOWN, WAITING, standing
from app.persistence.models.deliveries import EndpointLinkRow
from app.persistence.queries import endpoint_links as links
from app.persistence.queries.audit import add_audit
from app.persistence.unit_of_work import Work, in_unit_of_work
from app.services.wechat_accounts import CHANNEL, address_place, bind

_NONE = "No WeChat account that opened your link was shown this number; compare it again."
_WHY_NOT: Mapping[str, str] = {
    WAITING: "WeChat is still being asked whose account it is; try again in a moment.",
    LAPSED: "The 15 minutes to confirm it are over, and the account is forgotten; make a new link.",
    REFUSED: "The account was refused; make a new link.",
    SUPERSEDED: "A newer link took the place of the one that was opened; open that one.",
    UNKNOWN: "WeChat did not say whose account it is; make a new link.",
}
"""How a link stands -> why its account cannot be confirmed."""


def confirm(borrower_id: str, check_code: str, *, now: datetime) -> None:
    """Bind the account that was shown this number. Confirmed before: nothing happens. Raises ConflictError."""

    def act(work: Work) -> None:
        row, stands = _opened(work, borrower_id, check_code, now)
        if stands == CONFIRMED:
            return
        if stands != PENDING:
            raise ConflictError(_WHY_NOT[stands])
        openid = work.vault.open(row.address_sealed, place=address_place(row.token_hash)) or ""
        row.ended_as, row.address_sealed = CONFIRMED, None
        bind(work, borrower_id, openid, now=now)

    in_unit_of_work(act)


def refuse(borrower_id: str, check_code: str, *, now: datetime) -> None:
    """Forget the account that was shown this number. It waits no more: nothing happens. Raises ConflictError."""

    def act(work: Work) -> None:
        row, stands = _opened(work, borrower_id, check_code, now)
        if stands == CONFIRMED:
            raise ConflictError("The account was confirmed; unbind it instead.")
        if stands not in (WAITING, PENDING):
            return
        row.ended_as, row.address_sealed, row.code_sealed = REFUSED, None, None
        actor = f"borrower:{borrower_id}"
        add_audit(work.session, at=now, actor=actor, action="wechat.refused", borrower_id=borrower_id)

    in_unit_of_work(act)


def _opened(work: Work, borrower_id: str, check_code: str, now: datetime) -> tuple[EndpointLinkRow, str]:
    """Return the opened link of this number, held, and how it stands."""
    row = links.lock_opened(work.session, borrower_id, CHANNEL, check_code)
    if row is None or row.used_at is None:
        raise ConflictError(_NONE)
    return row, standing(row.used_at, row.ended_as, is_known=row.address_sealed is not None, now=now)
