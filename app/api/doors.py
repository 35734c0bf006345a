"""Every door of the API with the credential it asks for. What is not listed here does not exist."""

from flask import Flask

from app.api import bulletins, licences, pay, unsubscribe
from app.api.auth import sign_in
from app.api.auth import staff as staff_sign_in
from app.api.borrower import (
    attachments,
    balances,
    collateral,
    contact_changes,
    contact_history,
    contact_requests,
    conversations,
    credit_reports,
    devices,
    disclosures,
    disputes,
    due,
    hardship,
    inbox,
    inbox_marks,
    letters,
    links,
    loans,
    mandates,
    payment_intents,
    payments,
    plan_options,
    plan_requests,
    preferences,
    profile,
    promises,
    proofs,
    quotes,
    refunds,
    register_reports,
    schedules,
    sessions,
    statements,
    transfer_details,
    upcoming,
    wechat,
)
from app.api.callbacks import payments as payment_callbacks
from app.api.callbacks import receive as callbacks
from app.api.callbacks import wechat_links
from app.api.desk import attachments as desk_attachments
from app.api.desk import audit as desk_audit
from app.api.desk import borrower_sessions as desk_borrower_sessions
from app.api.desk import borrowers as desk_borrowers
from app.api.desk import bulletins as desk_bulletins
from app.api.desk import call_tasks as desk_call_tasks
from app.api.desk import calls as desk_calls
from app.api.desk import canned_responses as desk_canned_responses
from app.api.desk import caps as desk_caps
from app.api.desk import channel_switches as desk_channel_switches
from app.api.desk import collateral as desk_collateral
from app.api.desk import collateral_sales as desk_collateral_sales
from app.api.desk import contact_changes as desk_contact_changes
from app.api.desk import conversation_files as desk_conversation_files
from app.api.desk import conversations as desk_conversations
from app.api.desk import credit_bureaus as desk_credit_bureaus
from app.api.desk import credit_corrections as desk_credit_corrections
from app.api.desk import credit_reports as desk_credit_reports
from app.api.desk import desk_payments as desk_money
from app.api.desk import disputes as desk_disputes
from app.api.desk import duties as desk_duties
from app.api.desk import escalation_policies as desk_escalation_policies
from app.api.desk import escalations as desk_escalations
from app.api.desk import experiments as desk_experiments
from app.api.desk import explanations as desk_explanations
from app.api.desk import funder_entries as desk_funder_entries
from app.api.desk import funding as desk_funding
from app.api.desk import hardship as desk_hardship
from app.api.desk import holds as desk_holds
from app.api.desk import interest_stops as desk_interest_stops
from app.api.desk import law as desk_law
from app.api.desk import letter_lists as desk_letter_lists
from app.api.desk import letters as desk_letters
from app.api.desk import messages as desk_messages
from app.api.desk import mismatches as desk_mismatches
from app.api.desk import notes as desk_notes
from app.api.desk import operations as desk_operations
from app.api.desk import payment_reconciliation as desk_payment_reconciliation
from app.api.desk import payments as desk_payments
from app.api.desk import payouts as desk_payouts
from app.api.desk import plan_offers as desk_plan_offers
from app.api.desk import plan_requests as desk_plan_requests
from app.api.desk import policies as desk_policies
from app.api.desk import promises as desk_promises
from app.api.desk import provider_templates as desk_provider_templates
from app.api.desk import refunds as desk_refunds
from app.api.desk import register_files
from app.api.desk import register_reports as desk_register_reports
from app.api.desk import rehearsals as desk_rehearsals
from app.api.desk import service_levels as desk_service_levels
from app.api.desk import staff as desk_staff
from app.api.desk import staff_accounts as desk_staff_accounts
from app.api.desk import statement_lines as desk_statement_lines
from app.api.desk import tasks as desk_tasks
from app.api.desk import timelines as desk_timelines
from app.api.desk import uncertain_messages as desk_uncertain_messages
from app.api.desk import visits as desk_visits
from app.api.desk import waivers as desk_waivers
from app.api.desk import wind_downs as desk_wind_downs
from app.api.ingest import batches as ingest_batches
from app.api.ingest import borrowers as ingest_borrowers
from app.api.ingest import contact_changes as ingest_contact_changes
from app.api.ingest import holds as ingest_holds
from app.api.ingest import loans as ingest_loans
from app.api.ingest import mandates as ingest_mandates
from app.api.ingest import mismatches as ingest_mismatches
from app.api.ingest import payments as ingest_payments
from app.api.ingest import promises as ingest_promises
from app.api.ingest import records as ingest_records
from app.api.ingest import statement_lines as ingest_statement_lines
from app.api.ingest import webhooks as ingest_webhooks
from app.web.auth import BORROWER, DESK, INGEST, PUBLIC, bind
from app.web.openapi import Api

_SHARED = (
    register_reports,
    desk_register_reports,
    register_files,
    desk_funding,
    desk_funder_entries,
    desk_payouts,
    desk_wind_downs,
    attachments,
    desk_attachments,
    balances,
    schedules,
    payments,
    quotes,
    plan_options,
    statements,
    transfer_details,
    disclosures,
    due,
    ingest_loans,
    ingest_payments,
    ingest_batches,
    ingest_mismatches,
    ingest_statement_lines,
    desk_policies,
    desk_rehearsals,
    ingest_holds,
    desk_holds,
    desk_borrowers,
    desk_timelines,
    desk_notes,
    desk_tasks,
    desk_statement_lines,
    desk_audit,
    desk_calls,
    desk_bulletins,
    desk_letter_lists,
    desk_letters,
    desk_conversations,
    desk_conversation_files,
    desk_canned_responses,
    desk_service_levels,
    desk_call_tasks,
    desk_visits,
    desk_messages,
    desk_explanations,
    desk_experiments,
    desk_duties,
    desk_caps,
    desk_interest_stops,
    desk_escalations,
    desk_escalation_policies,
    desk_law,
    desk_provider_templates,
    desk_operations,
    desk_channel_switches,
    desk_uncertain_messages,
    desk_mismatches,
    ingest_records,
    ingest_webhooks,
    contact_history,
    conversations,
    upcoming,
    inbox_marks,
    letters,
    links,
    plan_requests,
    proofs,
    desk_plan_requests,
    mandates,
    ingest_mandates,
    refunds,
    desk_refunds,
    desk_payment_reconciliation,
    payment_intents,
    payment_callbacks,
    desk_payments,
    disputes,
    hardship,
    contact_requests,
    desk_disputes,
    credit_reports,
    desk_credit_bureaus,
    desk_credit_reports,
    desk_credit_corrections,
    desk_hardship,
    promises,
    desk_promises,
    ingest_promises,
    desk_staff_accounts,
    contact_changes,
    ingest_contact_changes,
    desk_money,
    desk_waivers,
    desk_contact_changes,
    desk_borrower_sessions,
    desk_plan_offers,
    collateral,
    desk_collateral,
    desk_collateral_sales,
)
"""Modules that add their operations to the door of their noun; imported so that they do."""


def open_doors(app: Flask, api: Api) -> None:
    """Register all blueprints."""
    bind(app, unsubscribe.NAME, PUBLIC)
    bind(app, pay.NAME, PUBLIC)
    for pages in (unsubscribe, pay):
        app.register_blueprint(pages.door)  # pages for people, outside the document
    api.register_blueprint(sign_in.door, auth=PUBLIC)
    api.register_blueprint(staff_sign_in.door, auth=PUBLIC)
    api.register_blueprint(bulletins.door, auth=PUBLIC)
    api.register_blueprint(callbacks.door, auth=PUBLIC)
    api.register_blueprint(wechat_links.door, auth=PUBLIC)
    api.register_blueprint(licences.door, auth=PUBLIC)
    for module in (sessions, profile, loans, devices, inbox, preferences, wechat):
        api.register_blueprint(module.door, auth=BORROWER)
    api.register_blueprint(ingest_borrowers.door, auth=INGEST)
    api.register_blueprint(desk_staff.door, auth=DESK)
