"""Every page of the console. What is not listed here does not exist."""

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from flask import Flask, url_for

from app.console import (
    approvals,
    attachments,
    audit,
    borrower_cases,
    borrower_loans,
    borrower_notes,
    borrower_pages,
    borrower_search,
    borrower_sessions,
    borrower_timeline,
    borrower_unmasking,
    borrower_why,
    bulletins,
    calendars,
    calls,
    canned_replies,
    channel_switches,
    collateral,
    collateral_acts,
    collateral_sales,
    contact_changes,
    conversations,
    credit_reports,
    desk_payments,
    duties,
    escalation_policies,
    escalations,
    experiments,
    funding,
    funding_acts,
    holds,
    interest_stops,
    invitations,
    law,
    letter_lists,
    letters,
    messages,
    mismatches,
    operations,
    payouts,
    plan_offers,
    policies,
    profile,
    promises,
    provider_templates,
    public_bulletins,
    register_reports,
    rehearsals,
    service_levels,
    sign_in,
    staff,
    statement_lines,
    tasks,
    uncertain_messages,
    visits,
    waiting_payments,
    waivers,
    webhooks,
    wind_downs,
)
from app.console.frame import ENTRY, NAME, entry, nowhere, pages
from app.web.auth import CONSOLE, PUBLIC, bind
from config import Settings

_PAGES = (
    approvals,
    attachments,
    audit,
    borrower_cases,
    borrower_loans,
    borrower_notes,
    borrower_pages,
    borrower_search,
    borrower_sessions,
    borrower_timeline,
    borrower_unmasking,
    borrower_why,
    bulletins,
    calendars,
    calls,
    canned_replies,
    channel_switches,
    collateral,
    collateral_acts,
    collateral_sales,
    contact_changes,
    conversations,
    credit_reports,
    desk_payments,
    escalation_policies,
    escalations,
    duties,
    experiments,
    funding,
    funding_acts,
    holds,
    interest_stops,
    invitations,
    law,
    letter_lists,
    letters,
    messages,
    mismatches,
    operations,
    payouts,
    plan_offers,
    policies,
    profile,
    promises,
    provider_templates,
    register_reports,
    rehearsals,
    service_levels,
    sign_in,
    staff,
    statement_lines,
    tasks,
    uncertain_messages,
    visits,
    waiting_payments,
    waivers,
    webhooks,
    wind_downs,
)
"""Modules that add their pages; imported so that they do."""


class NavItem(NamedTuple):
    """A place in the menu: its words, its page, and the permission without which it is not shown."""

    words: str
    path: str
    permission: str


NAV = (
    NavItem("frame.search", "/desk", "borrowers.search"),
    NavItem("calls.title", "/desk/calls", "call_tasks.read"),
    NavItem("visits.title", "/desk/visits", "visits.read"),
    NavItem("conversations.title", "/desk/conversations", "conversations.read"),
    NavItem("tasks.title", "/desk/tasks", "tasks.read"),
    NavItem("posted.title", "/desk/letters", "letters.read"),
    NavItem("duties.title", "/desk/duties", "duties.read"),
    NavItem("waiting_money.title", "/desk/payments", "statement_lines.read"),
    NavItem("escalations.title", "/desk/escalations", "escalations.read"),
    NavItem("policies.title", "/desk/policies", "policies.read"),
    NavItem("law.title", "/desk/law", "law.ask"),
    NavItem("credit_reports.title", "/desk/credit-reports", "credit.read"),
    NavItem("collateral.title", "/desk/collateral", "collateral.read"),
    NavItem("approvals.title", "/desk/approvals", "approvals.read"),
    NavItem("register_reports.title", "/desk/register-reports", "register_reports.read"),
    NavItem("funding.title", "/desk/funding", "funding.read"),
    NavItem("operations.title", "/desk/operations", "operations.read"),
    NavItem("bulletins.title", "/desk/bulletins", "bulletins.read"),
    NavItem("staff.title", "/desk/staff", "staff.manage"),
)
_STATIC = Path(__file__).parent / "static"


def open_console(app: Flask, settings: Settings) -> None:
    """Register the pages."""
    app.extensions["duecourse.console_nav"] = NAV
    bind(app, NAME, CONSOLE)
    bind(app, ENTRY, PUBLIC)
    bind(app, public_bulletins.NAME, PUBLIC)
    app.jinja_env.globals["asset"] = asset
    for blueprint in (pages, entry, public_bulletins.door):
        app.register_blueprint(blueprint)
    for status in (404, 405):  # no blueprint answers for an address that nobody has
        app.register_error_handler(status, nowhere)


def asset(name: str) -> str:
    """Return the address of a file below static; it changes with the file, so that browsers may keep it."""
    return url_for(f"{ENTRY}.static", filename=name, v=_version(name))


@lru_cache(maxsize=64)
def _version(name: str) -> str:
    return hashlib.sha256((_STATIC / name).read_bytes()).hexdigest()[:12]
