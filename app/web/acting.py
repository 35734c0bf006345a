"""Who acts at the desk in this request, as services that check roles and limits take them."""

from app.services.desk_payments import DeskStaff
from app.web.auth import desk


def acting() -> DeskStaff:
    """Return the member of staff of this request."""
    who = desk()
    return DeskStaff(who.name, who.role, who.lender_id)
