"""Wordings as providers have them: which can be used now, and which wait for an approval."""

from flask import Response

from app.console.frame import page, pages
from app.console.lists import SIZE, after, listed, one_of
from app.persistence.queries.provider_templates import page_provider_templates
from app.services.provider_templates import STATES, current_version, why_not_usable
from app.services.rule_parts import providers_of
from app.web.auth import permits
from app.web.pagination import Key
from app.web.reads import reads


@pages.get("/operations/templates")
@permits("provider_templates.read")
def provider_templates() -> Response:
    """List them, what was changed last first."""
    state = one_of("state", STATES)
    rows = page_provider_templates(
        reads(), channel=None, provider=None, state=state, after=after(state=state), limit=SIZE + 1
    )
    shown = [
        (row, current_version(row.template, row.channel, row.locale), why_not_usable(row, providers_of(row.channel)))
        for row in rows
    ]
    found = listed(shown, [Key(row.changed_at, row.id) for row in rows], state=state)
    return page("operations/templates.html", found=found, state=state, states=STATES)
