"""Writes docs/MAP.md: `python -m tests.house.map`. A test fails when the file is not what this writes."""

# ruff: noqa: E501 (a row of a Markdown table is one line)

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MAP = ROOT / "docs" / "MAP.md"
ROOMS = (
    ("app", "the rooms; this folder itself only ties them together"),
    ("app/domain", "PURE: what is owed, who may be contacted. Values in, values out, standard library only"),
    (
        "app/domain/law",
        "PURE: law packs compiled to closures: typed facts, one evaluator per kind of test, several rules judged together",
    ),
    ("app/persistence", "databases, encryption, the one commit point"),
    ("app/persistence/models", "tables, one aggregate a file"),
    ("app/persistence/queries", "statements; no commit, no clock"),
    ("app/channels", "one provider adapter each; values only, no database, one attempt a call"),
    ("app/channels/email", "e-mail by SMTP, and what comes back by mail"),
    ("app/channels/wechat", "WeChat: messages of a service account, its token, its posts to us"),
    ("app/channels/twilio", "texts and calls by Twilio"),
    ("app/channels/aliyun", "texts and calls by Alibaba Cloud"),
    ("app/channels/tencent", "what Tencent Cloud posts"),
    ("app/channels/elks", "what 46elks posts"),
    ("app/channels/payments", "payment providers: pages to pay at, asking, posts, refunds"),
    ("app/channels/letters", "letters: a print service, and print rooms that take files"),
    ("app/wording", "templates and how amounts and dates are written"),
    ("app/services", "use cases: open a unit of work, load, ask the domain, write"),
    ("app/services/imports", "files of any core: map, read, check, stage, book, report"),
    ("app/services/rehearsals", "a policy over the real book, by the live code, in memory: settings, lives, counts, pages"),
    ("app/engine", "the clock-driven half: ticks, sweep, dispatch. Only the engine sends"),
    ("app/web", "HTTP plumbing shared by all doors"),
    ("app/api", "the doors"),
    ("app/api/auth", "sign-in"),
    ("app/api/borrower", "what a borrower sees: `/v1/me/...`"),
    ("app/api/ingest", "the core's feed: `/v1/ingest/...`"),
    ("app/api/desk", "what staff see and do: `/v1/desk/...`"),
    ("app/api/callbacks", "what providers post, and where they send people back: `/v1/callbacks/...`"),
    ("app/console", "the desk in a browser: `/desk/...`"),
    ("app/cli", "`flask` commands, one noun a file"),
    ("app/sandbox", "sample book, virtual phone, movable clock, replay; loaded in sandbox mode only"),
    ("app/sandbox/stand_in", "the provider stand-in, a process of its own"),
    ("bench", "programs that measure; each ends with its figures and their limits"),
    ("bench/books", "made-up books that they measure on"),
    ("bench/providers", "providers that they measure against, in processes of their own"),
)
HEAD = """# Map

Written by `python -m tests.house.map` from the first line of each module; a test keeps it true.

Imports go one way: `factory > cli > sandbox > api | console | engine > web > services > persistence | channels | wording > domain`
(`clock`, `logs`, `metrics` stand beside `domain`). A noun keeps its file name in every room.

## Two flows, and no third

**Request**: view -> schema -> service -> unit of work -> domain -> rows -> commit -> value -> JSON.
**Clock**: tick -> claim due borrowers -> `decide` -> decisions, contacts, messages, next wake in one commit; then claim messages ->
compare versions -> commit -> send outside any transaction -> record, one commit.

## I want to change ...

| what | domain | persistence | services, engine | doors |
| --- | --- | --- | --- | --- |
| when a reminder goes out | `policies`, `decisions` | `queries/cases` | `reminders`, `policies` | `content/policies/*.yaml` |
| quiet hours, the daily cap | `quiet_hours`, `decisions` | `queries/cases` | `reminders` | `content/policies/*.yaml` |
| why a reminder was (not) sent | `reasons`, `explanations` | `queries/explanations` | `explanations`, `outlooks` | `content/reasons.yaml`, `cli/why`, `api/desk/explanations` |
| experiments, holdouts, their reports | `experiments`, `checks` | `queries/experiments` | `experiments`, `experiment_figures` | `api/desk/experiments`, `cli/experiment` |
| what borrowers see of contacts | | `queries/contact_history` | `contact_history`, `upcoming` | `api/borrower/contact_history`, `api/borrower/upcoming` |
| refunds | `refunds` | `queries/refunds`, `queries/refundable_intents` | `refunds`, `refund_rules`, `refund_sending`, `refund_settling`, `refund_words` | `content/refunds/rules.yaml`, `api/borrower/refunds`, `api/desk/refunds`, `api/refund_forms`, `engine/refunds`, `docs/refunds.md` |
| payments taken in at the desk | `desk_payments`, `desk_limits` | `queries/desk_payments`, `queries/desk_entries` | `desk_payments`, `desk_entries`, `desk_limits`, `told_by_desk` | `content/desk/limits.yaml`, `api/desk/desk_payments`, `console/desk_payments`, `docs/desk-acts.md` |
| collateral | `collateral_events`, `collateral_things`, `collateral_sales`, `collateral` | `queries/collateral`, `queries/collateral_sales`, `queries/collateral_values` | `collateral`, `collateral_events`, `collateral_redemptions`, `collateral_sales`, `collateral_values` | `content/collateral/orders.yaml`, `api/desk/collateral`, `api/borrower/collateral`, `console/collateral`, `docs/collateral.md` |
| waivers | `waivers`, `desk_limits` | `queries/waivers` | `waivers`, `desk_limits` | `content/desk/limits.yaml`, `api/desk/waivers`, `console/waivers`, `docs/desk-acts.md` |
| what waits for a second person | | | `approvals` | `console/approvals` |
| changes of contact data | `contact_changes` | `queries/contact_changes` | `contact_changes`, `contact_change_codes`, `contact_change_steps`, `contact_feed`, `contact_data` | `content/desk/contact_changes.yaml`, `api/desk/contact_changes`, `api/borrower/contact_changes`, `console/contact_changes`, `docs/contact-changes.md` |
| a borrower's sessions ended by staff | | `queries/sessions` | `borrower_sessions`, `sessions` | `api/desk/borrower_sessions`, `console/borrower_sessions` |
| autopay mandates | `mandates` | `queries/mandates` | `mandates` | `api/ingest/mandates`, `api/borrower/mandates`, `docs/mandates.md` |
| links for paying | `pay_proofs` | `queries/pay_links` | `pay_links` | `content/pay`, `wording/page_locales`, `api/pay`, `docs/pay-links.md` |
| reconciliation | `payment_reconciliation` | `queries/payment_reconciliation` | `payment_reconciliation` | `cli/payments`, `api/desk/payment_reconciliation`, `docs/payment-reconciliation.md` |
| promises to pay | `promises`, `promise_terms` | `queries/promises`, `queries/case_promises` | `promises`, `promise_views`, `promise_terms` | `content/promises/terms.yaml`, `api/borrower/promises`, `api/desk/promises`, `api/ingest/promises`, `docs/promises.md` |
| finding borrowers at the desk | `masks`, `names` | `queries/borrower_search`, `bundles` | `borrower_search`, `search_words`, `borrower_hits` | `api/desk/borrowers`, `docs/desk-borrowers.md` |
| a borrower's page, their timeline, notes | `position_views` | `queries/borrower_pages`, `queries/borrower_page_lists`, `queries/timelines`, `queries/timeline_details`, `queries/notes` | `borrower_pages`, `borrower_page_parts`, `borrower_people`, `desk_loans`, `timelines`, `timeline_telling`, `notes` | `api/desk/borrowers`, `api/desk/timelines`, `api/desk/notes`, `api/value_forms` |
| arrears that go further than reminders: escalations | `escalations`, `escalation_policies`, `escalation_policy_checks`, `escalation_reasons`, `escalation_runs` | `queries/escalations`, `queries/escalation_pages`, `queries/escalation_policies` | `escalations`, `escalation_cases`, `escalation_gates`, `escalation_acts`, `escalation_writing`, `escalation_approvals`, `escalation_policies`, `escalation_documents`, `escalation_rehearsals`, `escalation_explanations` | `content/escalations`, `cli/escalation`, `api/desk/escalations`, `console/escalations`, `docs/escalation.md` |
| what stops or limits contact | `holds`, `hold_terms` | `queries/holds` | `holds` | `api/desk/holds`, `api/ingest/holds`, `cli/hold` |
| another plan: asked, approved, accepted, kept | `plan_requests`, `arrangements` | `queries/plan_requests`, `queries/arrangements` | `plan_requests`, `plan_offers`, `plan_approvals`, `arrangements`, `agreed_plans`, `forbearance` | `api/borrower/plan_requests`, `api/desk/plan_requests`, `content/arrangements.yaml` |
| a fresh code for what binds | | `queries/sessions` | `step_up`, `sign_in` | `api/borrower/proofs` |
| consents, STOP | `consents`, `opt_outs` | `queries/consents` | `consents`, `opt_outs` | `cli/consent`, `api/ingest/borrowers` |
| what a borrower chooses | `preferences`, `contact_hours` | `queries/contact_preferences` | `preferences` | `api/borrower/preferences` |
| being left alone, representatives, places | `contact_requests` | `queries/contact_requests` | `contact_requests` | `api/borrower/contact_requests`, `api/desk/hardship` |
| duties of the law with dates, and interest that a law stops | `duties`, `duty_alarms`, `missed_duties`, `stops`, `interest_stop_requests` | `queries/duties`, `queries/interest_stops`, `queries/interest_stop_requests` | `duties`, `duty_alarms`, `duty_lists`, `interest_stops`, `interest_stop_requests` | `content/duties/alarms.yaml`, `wording/stop_words`, `cli/duty`, `api/desk/duties`, `api/desk/interest_stops`, `console/duties`, `console/interest_stops`, `docs/duties.md` |
| disclosures: licence, all-in cost, cap, what is above it | `licences`, `all_in`, `caps`, `ceilings` | `queries/disclosures`, `queries/licences`, `queries/caps` | `disclosures`, `licences`, `cap_checks`, `caps`, `over_cap` | `wording/disclosure_words`, `api/borrower/disclosures`, `api/desk/caps`, `api/licences`, `docs/disclosures.md` |
| disputes, objections, complaints; marks on credit reports | `disputes` | `queries/disputes` | `disputes`, `dispute_cases`, `dispute_answers`, `dispute_terms` | `api/borrower/disputes`, `api/desk/disputes`, `content/disputes`, `docs/disputes.md` |
| credit files: a loan's lateness month by month, Metro 2, PBOC-shaped records | `credit_accounts`, `credit_events`, `credit_histories`, `credit_months`, `credit_continuations`, `credit_collateral`, `credit_refusals`, `metro2_*`, `pboc_*` | `queries/credit_continuations`, `queries/credit_loan_events` | `credit_facts`, `credit_months`, `credit_continuations`, `credit_formats` | `bench/credit_file.py`, `bench/credit_months.py`, `docs/credit-files.md` |
| what is reported to credit bureaus, and what keeps it back | `credit_gates`, `credit_enrolments`, `credit_snapshots`, `credit_corrections`, `credit_bureaus`, `credit_people`, `credit_lateness` | `queries/credit_gates`, `queries/credit_quiet_gates`, `queries/credit_snapshots`, `queries/credit_numbers`, `queries/credit_corrections`, `queries/credit_disputes`, `queries/credit_people`, `queries/credit_words`, `queries/credit_report_views` | `credit_gates`, `credit_quiet_gates`, `credit_reporting`, `credit_snapshots`, `credit_files`, `credit_file_gates`, `credit_submissions`, `credit_events`, `credit_corrections`, `credit_dispute_marks`, `credit_correction_files`, `credit_retention`, `credit_people`, `credit_forgetting`, `credit_words`, `credit_chores` | `cli/credit`, `api/desk/credit_reports`, `api/borrower/credit_reports`, `console/credit_reports`, `content/credit`, `docs/credit-reporting.md` |
| requests for help, free debt advice | `hardship` | `queries/hardship` | `hardship`, `dispute_terms` | `api/borrower/hardship`, `api/desk/hardship`, `content/hardship`, `docs/hardship.md` |
| channels stopped by the operator | | `queries/channel_switches` | `channel_switches` | `cli/channel_switches`, `api/desk/channel_switches`, `console/channel_switches` |
| operations: queues, engines, providers, spend | `lanes` | `queries/operations`, `queries/delivery_figures`, `queries/engine_reports` | `operations`, `delivery_figures`, `engine_reports`, `engine/loop` | `api/desk/operations`, `console/operations`, `bench/operations.py`, `docs/operations.md` |
| funders' money: shares, passing on, statements, payouts | `funding`, `funding_shares`, `pass_through`, `funder_claims`, `funder_statements`, `spreadsheets` | `queries/funding`, `queries/pass_through`, `queries/payouts` | `funders`, `funding_shares`, `pass_through`, `funder_statements`, `funding_desk`, `funding_checks`, `payouts`, `payout_reviews`, `imports/funding` | `api/desk/funding`, `api/desk/funder_entries`, `api/desk/payouts`, `console/funding`, `console/payouts`, `cli/funding`, `wording/funder_statement_pdf`, `bench/pass_through.py`, `docs/funding.md` |
| a lender that winds down | `wind_downs` | `queries/wind_downs` | `wind_downs` | `api/desk/wind_downs`, `api/borrower/register_reports`, `console/wind_downs`, `docs/funding.md` |
| reports to registers | `registers` | `queries/restricted_register` | `registers`, `register_gates`, `register_contents`, `restricted_register`, `register_removals`, `register_files`, `register_tellings`, `register_views`, `register_publication` | `content/registers/registers.yaml`, `api/desk/register_reports`, `api/borrower/register_reports`, `console/register_reports`, `docs/restricted-register.md` |
| bulletins: figures of a period, frozen and published | `bulletins`, `small_cells`, `dominance` | `queries/fact_revisions`, `queries/bulletins`, `queries/bulletin_rows`, `queries/bulletin_contacts`, `queries/bulletin_cases`, `queries/bulletin_money`, `queries/bulletin_reports`, `queries/bulletin_things` | `bulletins`, `bulletin_figures`, `bulletin_hiding`, `bulletin_checks`, `bulletin_drills`, `bulletin_readings` | `content/bulletins/definitions.yaml`, `cli/bulletin`, `api/bulletins`, `api/desk/bulletins`, `console/bulletins`, `console/public_bulletins`, `wording/bulletin_pdf`, `bench/bulletins.py`, `docs/bulletins.md` |
| messages nobody knows left, settled by hand | `delivery_progress` | `queries/uncertain_messages` | `uncertain_messages` | `api/desk/uncertain_messages`, `console/uncertain_messages` |
| policies, rehearsals, law in the console | | | `policy_desk`, `policy_files` | `console/policies`, `console/rehearsals`, `console/law`, `console/calendars` |
| tasks for people | | `queries/tasks` | `tasks` | `api/desk/tasks`, `cli/task` |
| what a message says, and may say; how it looks | | | `message_texts`, `wording/lint`, `wording/variables`, `wording/preview` | `content/messages/*.yaml`, `content/templates.yaml`, `cli/template` |
| what a refusal says, in each language | `errors` | | `wording/refusal_words`, `wording/option_words` | `web/problems`, `web/errors`, `content/refusals/*.yaml` |
| the sandbox: phone, samples, magic addresses | | | `sandbox/phone_apps`, `sandbox/samples`, `sandbox/magic_addresses`, `sandbox/provider_accounts` | `sandbox/pages`, `sandbox/static`, `docs/sandbox.md` |
| what becomes of a message in the stand-in | | | `sandbox/stand_in/magic`, `sandbox/stand_in/by_hand` | `docs/sandbox.md` |
| wordings that providers approve | | `queries/provider_templates` | `provider_templates` | `cli/provider_templates`, `api/desk/provider_templates` |
| what the law says, who is governed by which | `law/` | | `law_packs` | `content/law/*.json`, `cli/law`, `wording/law_words` |
| what an e-mail is, what comes back, unsubscribe | | | `unsubscribe`, `channels/email/` | `api/unsubscribe`, `content/email/*.yaml` |
| what providers tell of messages | `deliveries`, `delivery_progress`, `callback_words` | `queries/delivery_receipts`, `queries/endpoints` | `callback_posts`, `delivery_receipts`, `address_verdicts`, `endpoint_events` | `api/callbacks/receive` |
| messages nobody tells of | | `queries/untold` | `untold`, `engine/untold` | |
| what borrowers write to us | `opt_outs`, `free_text` | `queries/conversations` | `inbound`, `conversations`, `conversation_openings`, `subject_threads`, `opt_outs` | `api/borrower/conversations` |
| what the desk answers, and who does | `conversations`, `assignments` | `queries/desk_conversations`, `queries/reply_copies` | `desk_conversations`, `desk_replies`, `reply_copies`, `assignments` | `api/desk/conversations`, `console/conversations`, `docs/conversations.md` |
| by when the desk answers | `service_levels`, `conversation_clocks` | `models/desk_rules` | `service_levels`, `conversation_states` | `content/service_levels.yaml`, `api/desk/service_levels`, `console/service_levels` |
| canned replies | | `queries/canned_replies` | `canned_replies` | `api/desk/canned_responses`, `console/canned_replies` |
| phone calls | `calls` | `queries/calls` | `calls` | `api/desk/calls` |
| what borrowers write to us | `opt_outs`, `free_text` | `queries/conversations` | `inbound`, `conversations`, `opt_outs` | `api/borrower/conversations` |
| phone calls | `calls` | `queries/calls` | `calls`, `told_contacts` | `api/desk/calls` |
| calls that people make: their order, dialling, what follows | `call_worklists`, `calls` | `queries/call_tasks` | `call_tasks`, `call_ranking`, `call_cards`, `dials`, `call_outcomes` | `content/calls/*.yaml`, `wording/talking_points`, `api/desk/call_tasks`, `console/calls`, `docs/call-tasks.md` |
| visits | `visits` | `queries/visits` | `visits`, `visit_views`, `visit_files` | `api/desk/visits`, `console/visits`, `docs/visits.md` |
| texts and calls | `segments`, `deliveries` | | `channels/twilio`, `channels/aliyun`, `channels/sms`, `channels/numbers` | `docs/telephony.md` |
| a provider | | `queries/outbox` | `engine/dispatch`, `channels/` | |
| what stands in the way of a contact by hand | `contact_gates`, `contact_checks`, `asked_law` | `queries/contact_loans` | `contact_gates` | `wording/gate_words`, `docs/contact-gate.md` |
| messages by hand, letters drafted at the desk | `manual_contacts` | `queries/manual_contacts`, `queries/letter_drafts` | `manual_messages`, `manual_message_words`, `manual_contacts`, `letter_drafts` | `api/desk/messages`, `api/desk/letters`, `console/messages`, `console/letters`, `docs/manual-messages.md` |
| letters: what each kind must hold, its ledger | `letter_ledgers` | | `letter_kind_setting`, `letter_parts` | `wording/letter_kinds`, `content/letters/*.yaml`, `docs/letters.md` |
| letters: how far one has come, who sees it | `letter_stages` | `queries/letter_lists` | `letter_views` | `api/borrower/letters`, `api/desk/letter_lists`, `console/letter_lists` |
| notices that were served, what proves that one arrived | `served_notices` | `queries/served_notices` | `served_notices`, `delivery_proofs` | `docs/served-notices.md` |
| letters: how they look, what they must say, who prints them | `letters` | `queries/letters` | `letters`, `letter_setting`, `letter_documents`, `letter_batches`, `letter_approvals`, `engine/letter_documents`, `wording/letter_pdf` | `cli/letter`, `content/letters/*.yaml`, `channels/letters/` |
| what a push says, how quickly it leaves | `pacing`, `breakers`, `devices` | `queries/attempts` | `channels/push*`, `channels/curl_*` | `docs/push.md`, `docs/api/push-payload.schema.json` |
| WeChat: binding, consents, fields, posts | `wechat_links`, `wechat_fields` | `queries/wechat_accounts`, `queries/endpoint_links`, `queries/subscription_credits` | `wechat_accounts`, `wechat_confirmations`, `subscription_credits`, `engine/message_credits`, `engine/wechat_links` | `api/borrower/wechat`, `api/callbacks/wechat_links`, `channels/wechat/` |
| access tokens of providers | `provider_tokens` | `queries/provider_tokens` | `provider_tokens` | `channels/provider_tokens` |
| paying at a provider | `payment_intents`, `payment_providers` | `queries/payment_intents` | `payment_pages`, `payment_events`, `payment_moves`, `payment_intents`, `told_by_provider`, `engine/payments` | `api/borrower/payment_intents`, `api/callbacks/payments`, `api/desk/payments`, `channels/payments/` |
| how a payment is spread | `allocation`, `ledger` | `queries/ledger` | `payments`, `positions` | `api/ingest` |
| what a history does to a plan | `replay`, `account_rows`, `actual_balance`, `early_settlement`, `waterfall` | `queries/ledger` | `positions` | `api/borrower/payments` |
| what is owed | `positions` | `queries/positions` | `positions`, `accounts`, `schedules` | `api/borrower/balances`, `cli/loan` |
| how late a loan is | `delinquency` | `queries/positions` | `positions`, `terms` | `api/borrower/balances` |
| a plan from a contract | `contracts`, `amortisation`, `annuities`, `level_rows`, `flat_rows`, `periods`, `day_counts` | `queries/loans` | `contracts` | `api/ingest/contracts` |
| what a contract may say | `contract_forms`, `contracts`, `terms` | | `terms` | `api/ingest/contracts` |
| another plan for a loan that runs | `replans` | `queries/loans` | | |
| fees, late charges | `charges`, `late_charges` | `queries/positions` | `terms` | `api/ingest/payments` |
| payoff and prepayment quotes | `quotes` | `queries/positions` | `quotes` | `api/borrower/quotes`, `cli/loan` |
| what a borrower may choose about a loan | `plan_options`, `option_cases`, `option_rules`, `option_limits`, `option_rows`, `option_costs`, `option_offers` | `queries/accounts`, `queries/positions` | `plan_options`, `option_rules`, `earlier_agreements` | `api/borrower/plan_options`, `content/options/*.yaml`, `wording/option_words` |
| rates | `rates`, `apr` | | `base_rates` | `content/reference/lpr.csv` |
| statements of account | `statements`, `running_balances` | `queries/statements` | `statements`, `wording/statement_pdf` | `api/borrower/statements`, `cli/loan` |
| which days are business days | `calendars` | `queries/calendars` | `calendars`, `country_calendars` | `content/calendars`, `cli/calendar` |
| what the core says, and where the books differ | `tapes`, `mismatches` | `queries/tapes` | `tapes`, `mismatches` | `api/ingest/mismatches`, `api/borrower/due`, `cli/book` |
| which payments wait, and why | | `queries/ledger` | `payments`, `uncovered`, `told_twice`, `told_by_lines` | `api/ingest/payments`, `cli/book` |
| bank transfers: references, how statement lines find their loans | `creditor_references`, `statement_matching`, `transfer_codes` | `queries/statement_lines`, `queries/transfer_references` | `statement_lines`, `statement_evidence`, `statement_booking`, `statement_returns`, `statement_tellings`, `statement_waits`, `statement_desk`, `transfer_references`, `transfer_settings` | `api/ingest/statement_lines`, `api/desk/statement_lines`, `api/borrower/transfer_details`, `cli/transfer` |
| files that borrowers hand in, where they are kept, who scans them | `attachments` | `queries/attachments`, `attachment_files` | `attachments`, `attachment_stores`, `conversation_files`, `visit_files` | `web/file_bodies`, `api/borrower/attachments`, `api/desk/attachments`, `console/attachments`, `channels/object_storage`, `channels/virus_scanner` |
| many things from the core at once | | | `batches` | `api/ingest/batches` |
| what a policy would do | `decisions`, `digest` | `queries/rehearsed_books`, `queries/rehearsals` | `services/rehearsals/`, `hindsight` | `cli/rehearse`, `api/desk/rehearsals`, `engine/rehearsals`, `content/rehearsals/`, `content/channels/` |
| a file of another core | | `queries/imports` | `services/imports/` | `content/import_maps/*.yaml`, `cli/book` |
| sign-in, tokens, sessions | | `queries/challenges`, `queries/sessions` | `sign_in`, `sessions`, `limits` | `api/auth` |
| the inbox: what it shows | `inbox` | `queries/inbox` | `inbox`, `inbox_waits` | `api/borrower/inbox`, `api/borrower/inbox_items` |
| the inbox: what changes it | `inbox` | `queries/inbox_marks`, `queries/decisions` | `inbox_marks`, `decision_writing` | `api/borrower/inbox_marks`, `cli/inbox` |
| notices of what became of something | `notices`, `inbox` | `queries/notices` | `notices` | `engine/addresses`, `content/messages` |
| telling the lender's own systems | `webhooks`, `webhook_urls`, `webhook_catalogue` | `queries/webhooks`, `queries/webhook_deliveries` | `webhook_events`, `webhooks`, `webhook_deliveries` | `api/ingest/webhooks`, `engine/webhooks`, `channels/webhooks`, `cli/webhook` |
| links in messages outside the app | `inbox` | `queries/inbox_marks` | `links` | `api/borrower/links` |
| staff: accounts, invitations, roles | `staff`, `permissions` | `queries/staff_accounts` | `staff`, `staff_invitations`, `staff_profiles` | `api/desk/staff_accounts`, `cli/staff`, `console/staff`, `docs/permissions.md` |
| how staff sign in, their sessions, a fresh code | `passwords` | `queries/staff` | `staff_sign_in`, `staff_sessions`, `staff_factors`, `staff_proofs`, `passwords` | `web/auth`, `api/auth/staff`, `api/desk/staff`, `console/sign_in`, `docs/staff.md` |
| the console: its frame, forms, words, charts | | | `wording/console_words` | `console/frame`, `console/forms`, `console/doors`, `console/charts`, `content/console/*.yaml`, `console/templates`, `docs/console.md` |
| a borrower's pages in the console | | `queries/borrower_openings` | `borrower_openings`, `loan_pages` | `console/borrower_frame`, `console/borrower_*`, `docs/console.md` |
| the audit trail and its chain | | `queries/audit` | `audit_trail` | `api/desk/audit`, `cli/audit`, `docs/audit.md` |
| may a person make this contact | `contact_gates` | | `contact_gates` | |
| what must never be | | `queries/invariants` | `invariants` | `cli/engine` |
| a table | | `models/`, `migrations/` | | |
"""


def write_map() -> str:
    """Return the text of docs/MAP.md."""
    parts = [HEAD, "\n## Rooms\n"]
    for folder, purpose in ROOMS:
        parts.append(f"\n### {folder}/\n\n{purpose[0].upper() + purpose[1:]}.\n\n| file | |\n| --- | --- |\n")
        for path in sorted((ROOT / folder).glob("*.py")):
            if path.name == "__init__.py" and path.stat().st_size == 0:
                continue
            parts.append(f"| `{path.name}` | {_first_line(path)} |\n")
    parts.append(
        "\n## Beside app/\n\n| | |\n| --- | --- |\n"
        "| `config.py` | typed settings from the environment |\n| `wsgi.py` | entry point of web server and `flask` |\n"
        "| `migrations/` | alembic; never imports the program's models by name |\n"
        "| `app/content/` | policies, messages, import maps, calendars, base rates: data, no code |\n"
        "| `tests/` | a folder a room, `journeys/` for whole stories, `house/` for the house itself |\n"
        "| `docs/api/` | the committed OpenAPI document |\n| `docs/kernel-choices.md` | what the kernel chose where others differ, and what it refuses |\n"
    )
    return "".join(parts)


def _first_line(path: Path) -> str:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return docstring.split("\n\n")[0].replace("\n", " ").replace("|", "\\|")


if __name__ == "__main__":
    MAP.write_text(write_map(), encoding="utf-8")
