"""Duties of the law over the book: what is near, what was missed, by rule; and loans on which a law takes something off."""

from flask import Response, request

from app.console.frame import page, pages
from app.console.lists import SIZE, after, listed, one_of
from app.services.duty_lists import WHEN, by_rule, lawful_loans, page_of
from app.services.law_packs import find_rule
from app.web.auth import desk, permits
from app.web.pagination import Key
from app.web.reads import reads
from app.web.request_context import now


@pages.get("/duties")
@permits("duties.read")
def duties() -> Response:
    """List open duties, missed ones first, with how many there are by rule."""
    lender_id, at = desk().lender_id, now()
    when, rules = one_of("when", WHEN), by_rule(reads(), lender_id)
    rule = one_of("rule", [each.rule_id for each in rules])
    place = after(when=when, rule=rule)
    rows = page_of(reads(), lender_id=lender_id, now=at, when=when, rule=rule, after=place, limit=SIZE + 1)
    found = listed(rows, [Key(row.created_at, row.id) for row in rows], when=when, rule=rule)
    return page(
        "duties.html",
        found=found,
        rules=rules,
        when=when,
        rule=rule,
        whens=WHEN,
        rule_of={row.rule: find_rule(row.rule) for row in rows if row.rule},
        loans=lawful_loans(reads(), lender_id, now=at) if "cursor" not in request.args else None,
    )
