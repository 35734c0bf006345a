"""Who may do what at the desk: every act by name, with the roles that may. docs/permissions.md is written from it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from app.domain.errors import ForbiddenError

AGENT, SUPERVISOR, COMPLIANCE, ADMIN = "agent", "supervisor", "compliance", "admin"
ROLES: Final = (AGENT, SUPERVISOR, COMPLIANCE, ADMIN)
EVERYONE: Final = frozenset(ROLES)
SENIOR: Final = frozenset({SUPERVISOR, COMPLIANCE, ADMIN})
_APPROVERS: Final = frozenset({COMPLIANCE, ADMIN})


@dataclass(frozen=True, slots=True)
class Permission:
    """One thing that may be done. `roles`: who may."""

    name: str
    about: str
    roles: frozenset[str]


_TABLE = (
    # -- one's own account
    Permission("account.use", "see and keep one's own account: password, language, sessions, recovery codes", EVERYONE),
    # -- borrowers
    Permission("borrowers.search", "find borrowers by phone, e-mail, name, number or reference", EVERYONE),
    Permission("borrowers.open", "open a borrower's page; each opening is written down with its reason", EVERYONE),
    Permission("borrowers.unmask", "see a whole phone number, e-mail or address instead of a masked one", SENIOR),
    Permission("borrowers.acts", "what agents do for borrowers every day: notes, holds, calls, promises, plans", EVERYONE),
    # -- acts about money and contact data
    Permission("payments.read", "read payments that the desk took in", EVERYONE),
    Permission("payments.record", "record a payment at the desk, within the limits of content/desk/limits.yaml", EVERYONE),
    Permission("payments.approve", "approve or decline a payment above somebody's limit", SENIOR),
    Permission("payments.reverse", "take back a payment that the desk booked by mistake", frozenset({SUPERVISOR, ADMIN})),
    Permission("waivers.read", "read what was given up, and what waits for approval", EVERYONE),
    Permission("waivers.grant", "give up fees, penalties and interest within the limits, or ask for it", EVERYONE),
    Permission("waivers.approve", "approve or decline a waiver that somebody else asked for", SENIOR),
    Permission("collateral.read", "read things pledged to loans, masked, and what happened to them", EVERYONE),
    Permission("collateral.record", "record what happened to a pledged thing, what it cost and is worth", EVERYONE),
    Permission("collateral.redeem", "give a thing back for what its quote says, taking the money in", EVERYONE),
    Permission("collateral.reverse", "take back an event of a pledged thing that was recorded by mistake", SENIOR),
    Permission("collateral.sell", "have a sale of a pledged thing booked by somebody else", SENIOR),
    Permission("collateral.approve_sale", "book, decline or take back a sale, when somebody else asked for it", SENIOR),
    Permission("contacts.read_changes", "read changes of a borrower's contact data, masked", EVERYONE),
    Permission("contacts.change", "propose another phone, e-mail or address, have it proved by a code, cancel it", EVERYONE),
    Permission("contacts.confirm", "confirm a change of contact data on documents", frozenset({SUPERVISOR, COMPLIANCE})),
    Permission("sessions.read", "read where a borrower is signed in", EVERYONE),
    Permission("sessions.end", "end a borrower's sessions", EVERYONE),
    Permission("approvals.read", "see what waits for a second person", SENIOR),
    Permission("attachments.read", "read the files that borrowers handed in", EVERYONE),
    Permission("decisions.explain", "read why a borrower was or was not reminded", EVERYONE),
    Permission("decisions.read", "list whom the decisions of a day touched", EVERYONE),
    # -- what stops or limits contact
    Permission("contact_requests.read", "read what a borrower asked about contact", EVERYONE),
    Permission("holds.read", "read a borrower's holds", EVERYONE),
    Permission("holds.put", "put a hold", EVERYONE),
    Permission("holds.release", "release a hold, or change until when it lasts", EVERYONE),
    Permission("holds.release_protecting", "the same for a hold that protects by law", SENIOR),
    # -- cases of borrowers
    Permission("call_tasks.read", "see the worklist of calls, and what is known before one is made", EVERYONE),
    Permission("call_tasks.make", "take a call task, give it back, dial, say how it went", EVERYONE),
    Permission("visits.read", "read visits to borrowers", EVERYONE),
    Permission("visits.plan", "plan a visit to a borrower", SENIOR),
    Permission("visits.make", "begin, end and cancel a visit", EVERYONE),
    Permission(
        "visits.rules", "say whether, where and by how many borrowers may be visited", frozenset({COMPLIANCE, ADMIN})
    ),
    Permission("calls.dial", "dial a borrower whom no task says to call; the law is asked as always", EVERYONE),
    Permission("calls.record", "record how a phone call went", EVERYONE),
    Permission("calls.record_others", "take a call task from somebody else, record how their call went", SENIOR),
    Permission("conversations.read", "read conversations and their queue; each opening is written down", EVERYONE),
    Permission("conversations.act", "answer borrowers, keep notes, give threads to people, move them", EVERYONE),
    Permission("canned_replies.write", "write canned replies, and take them out of use", EVERYONE),
    Permission("canned_replies.approve", "approve a canned reply that somebody else wrote", SENIOR),
    Permission("service_levels.read", "read by when the desk answers, and its opening hours", EVERYONE),
    Permission("service_levels.set", "set by when the desk answers, and its opening hours", frozenset({SUPERVISOR, ADMIN})),
    Permission("disputes.read", "read disputes, objections and complaints", EVERYONE),
    Permission("disputes.take", "take a dispute on", EVERYONE),
    Permission("disputes.answer", "answer a dispute", EVERYONE),
    Permission("disputes.answer_escalated", "answer a dispute that was escalated", SENIOR),
    Permission("hardship.read", "read requests for help with money trouble", EVERYONE),
    Permission("hardship.take", "take such a request on", EVERYONE),
    Permission("hardship.decide", "decide such a request; what needs somebody senior says so", EVERYONE),
    Permission("promises.read", "read a borrower's promises to pay", EVERYONE),
    Permission("promises.take", "write down promises to pay", EVERYONE),
    Permission("promises.cancel", "cancel a promise to pay", EVERYONE),
    Permission("tasks.read", "read tasks for people", EVERYONE),
    Permission("tasks.close", "close a task with its outcome", EVERYONE),
    Permission("duties.read", "read what the law demands by when", EVERYONE),
    Permission("interest_stops.ask", "ask that interest be stopped by law on a loan, or that a stop end", _APPROVERS),
    Permission("interest_stops.approve", "approve or decline a stop of interest that somebody else asked for", _APPROVERS),
    # -- plans
    Permission("plans.read", "read requests for another plan, and what was offered", EVERYONE),
    Permission("plans.offer", "ask for another plan on a borrower's behalf; only the borrower accepts it", EVERYONE),
    Permission("plans.decide", "approve or decline another plan that somebody else asked for", SENIOR),
    Permission("plans.cancel", "cancel an agreed plan", SENIOR),
    # -- money
    Permission("payment_events.read", "read what payment providers told", EVERYONE),
    Permission("payment_intents.read", "read payments at a provider", EVERYONE),
    Permission("payment_reconciliation.read", "compare the books with the reports of payment providers", EVERYONE),
    Permission("refunds.read", "read refunds", EVERYONE),
    Permission("refunds.ask", "ask for a refund", EVERYONE),
    Permission("refunds.approve", "approve a refund up to the lender's limit", EVERYONE),
    Permission("refunds.approve_large", "approve a refund above it that somebody else asked for", SENIOR),
    Permission("refunds.cancel", "cancel a refund", EVERYONE),
    Permission("statement_lines.read", "read lines of bank statements", EVERYONE),
    Permission("statement_lines.match", "say which loans a line of a bank statement pays", EVERYONE),
    Permission("statement_lines.ignore", "put a line of a bank statement aside", EVERYONE),
    # -- policies and what they do
    Permission("policies.read", "read and check policies, and how versions differ", EVERYONE),
    Permission("policies.submit", "hand in a version of a policy", SENIOR),
    Permission("policies.approve", "approve or return a version that somebody else handed in", _APPROVERS),
    Permission("policies.activate", "activate or retire a version", _APPROVERS),
    Permission("rehearsals.read", "read rehearsals of policies", EVERYONE),
    Permission("rehearsals.run", "rehearse a policy over the book", SENIOR),
    Permission("experiments.read", "read experiments and their reports", EVERYONE),
    Permission("law.ask", "ask what the law says to an act", EVERYONE),
    Permission("provider_templates.read", "read wordings that providers approve", EVERYONE),
    # -- arrears that go further than reminders
    Permission("escalations.read", "see how far arrears have escalated, and why a step did not happen", EVERYONE),
    Permission("escalations.approve", "approve or decline a step of an escalation", SENIOR),
    Permission("escalations.stop", "stop a loan's escalation, and let it go on", SENIOR),
    Permission("escalations.assess", "record that forbearance was considered", SENIOR),
    Permission("escalation_policies.read", "read and check escalation policies and their rehearsals", EVERYONE),
    Permission("escalation_policies.draft", "write a version of an escalation policy, and rehearse it", SENIOR),
    Permission("escalation_policies.approve", "approve a version that somebody else wrote, activate, retire", _APPROVERS),
    # -- contacts by hand
    Permission("contacts.send", "send a borrower a message by hand, and ask beforehand what stands in its way", EVERYONE),
    Permission("contacts.override_policy", "contact above a cap or outside hours of the policy, with a reason", SENIOR),
    Permission("letters.approve", "read a letter as it would be posted, and have it posted", SENIOR),
    Permission("letters.read", "see letters, how far they came and what proves it, and read them as posted", EVERYONE),
    Permission("letters.prove", "record what proves that a letter arrived", SENIOR),
    Permission("letters.draft", "draft a letter to a borrower, and withdraw it before it is approved", EVERYONE),
    # -- credit reporting
    Permission("credit.read", "read what is reported to credit bureaus, and why a loan is not", EVERYONE),
    Permission("credit.report", "have a month frozen, hand its file in, say what the bureau answered", SENIOR),
    Permission("credit.file", "make the file of an approved month and take it out, with a fresh second factor", SENIOR),
    Permission("credit.correct", "propose that what was reported is taken out", SENIOR),
    Permission("credit.ask_bureau", "ask that the lender reports to a bureau, or stop that", SENIOR),
    Permission("credit.approve", "approve bureaus, snapshots and corrections that somebody else asked for", _APPROVERS),
    # -- the lender's operations
    Permission("audit.read", "read the audit trail", frozenset({COMPLIANCE, ADMIN})),
    Permission(
        "staff.manage", "invite staff, change roles, disable and reset accounts, end their sessions", frozenset({ADMIN})
    ),
    Permission("operations.read", "see queues, providers, spend, uncertain messages", SENIOR),
    Permission("channels.stop", "stop, resume and limit a channel, for every lender here", frozenset({COMPLIANCE, ADMIN})),
    Permission("messages.settle", "say of an uncertain message whether it arrived", SENIOR),
    Permission("webhooks.read", "see deliveries to the lender's own systems", SENIOR),
    Permission("webhooks.replay", "have an event told again", frozenset({COMPLIANCE, ADMIN})),
    # -- registers of authorities and associations
    Permission("register_reports.read", "see who is reported to a register, and what stands in the way of it", SENIOR),
    Permission("register_reports.ask", "ask for a report to a register, correct one, take one off", SENIOR),
    Permission("register_reports.approve", "decide reports that somebody else asked for", _APPROVERS),
    Permission("register_reports.export", "make a file for a register, and download it", _APPROVERS),
    # -- funders' money
    Permission("funding.read", "see funders, shares, statements, payouts; reading a name is written down", SENIOR),
    Permission("funding.write", "add funders, and record shares and their transfers", frozenset({SUPERVISOR, ADMIN})),
    Permission("payouts.make", "make a batch of payouts to funders", frozenset({SUPERVISOR, ADMIN})),
    Permission("payouts.approve", "approve a batch of payouts that somebody else made, and download it", _APPROVERS),
    Permission("wind_down.set", "wind a lender down, and end it; somebody else approves it", frozenset({ADMIN})),
    # -- bulletins
    Permission("bulletins.read", "see bulletins before they are published, and the rows behind each number", SENIOR),
    Permission("bulletins.make", "begin a bulletin of one's lender, and discard one", SENIOR),
    Permission("bulletins.publish", "freeze a bulletin; publish one that somebody else made and froze", _APPROVERS),
    Permission("bulletins.export", "take out the rows behind a number as a file; asks for a fresh code", _APPROVERS),
    Permission("mismatches.read", "see where the core and the book differ", SENIOR),
)
PERMISSIONS: Final = {each.name: each for each in _TABLE}


def check_may(role: str, permission: str) -> None:
    """Refuse what a role may not do, also where no route has asked. Raises ForbiddenError."""
    if not may(role, permission):
        raise ForbiddenError(f"Your role is {role}, which may not do this: {PERMISSIONS[permission].about}.")


def may(role: str, permission: str) -> bool:
    """Return whether a role may do that. Raises KeyError for what no table names."""
    return role in PERMISSIONS[permission].roles


def roles_of(permission: str) -> tuple[str, ...]:
    """Return the roles that may, in the order of ROLES. Raises KeyError for what no table names."""
    return tuple(role for role in ROLES if may(role, permission))


def in_words(roles: Sequence[str]) -> str:
    """Return roles as a sentence names them: supervisor, compliance or admin."""
    return roles[0] if len(roles) == 1 else f"{', '.join(roles[:-1])} or {roles[-1]}"
