"""Counters and histograms, all named here. Labels are few and never hold an id or personal data."""

from prometheus_client import Counter, Gauge, Histogram

REQUESTS = Counter("duecourse_requests_total", "Requests by route template and status", ("route", "status"))
REQUEST_SECONDS = Histogram("duecourse_request_seconds", "Time to answer, by route template", ("route",))
DECISIONS = Counter("duecourse_decisions_total", "Decision events by outcome and reason", ("outcome", "reason"))
UNDECIDABLE = Counter("duecourse_undecidable_cases_total", "Cases that could not be decided and were put off")
MESSAGES = Counter("duecourse_messages_total", "Messages by channel and what became of them", ("channel", "state"))
ATTEMPTS = Counter("duecourse_delivery_attempts_total", "Hand-overs by provider and outcome", ("provider", "outcome"))
LATE_PAYMENTS = Counter(
    "duecourse_paid_while_writing_total", "Payments committed while a reminder's bytes were already being written"
)
WITHDRAWAL_SECONDS = Histogram(
    "duecourse_withdrawal_seconds",
    "From the commit that settled a reminder to the hand-over of its withdrawal",
    buckets=(0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 3600),
)
NOTICES = Counter("duecourse_notices_total", "Notices by template and what became of them", ("template", "outcome"))
WEBHOOKS = Counter("duecourse_webhooks_total", "Tries to deliver a webhook, by what each came to", ("outcome",))
SWEEP_SECONDS = Histogram("duecourse_sweep_seconds", "Time of one sweep batch")
LAST_TICK = Gauge("duecourse_last_tick_timestamp", "Machine time of the last tick, by job", ("job",))
TICK_PROBLEMS = Counter("duecourse_tick_problems_total", "Ticks missed, skipped or failed", ("job", "kind"))
DUTY_BREACHES = Counter("duecourse_duty_breaches_total", "Duties of law that were not done in time", ("jurisdiction",))
CONVERSATION_BREACHES = Counter(
    "duecourse_conversation_breaches_total", "Targets of the desk that were missed, by clock", ("clock",)
)
INTEREST_STOPS = Counter("duecourse_interest_stops_total", "Stops of interest that a law asked for", ("rule",))
DUTY_ALARMS = Counter("duecourse_duty_alarms_total", "Duties of law whose last day is near", ("jurisdiction",))
DUTY_LOOKS = Counter("duecourse_duty_looks_total", "Borrowers whose duties of law were looked at")
CALLBACKS = Counter("duecourse_callbacks_total", "Posts of providers by what they were answered", ("provider", "answer"))
PAYMENT_EVENTS = Counter(
    "duecourse_payment_events_total", "Things payment providers told, by what became of them", ("provider", "outcome")
)
RECEIPTS = Counter(
    "duecourse_receipts_total", "Things providers told, by what and what became of it", ("provider", "told", "outcome")
)
RECEIPTS_WAITING = Gauge("duecourse_receipts_waiting", "Receipts stored over five minutes ago that fit no message yet")
RECEIPTS_MISSING = Gauge("duecourse_receipts_missing", "Messages that were sent and whose provider has told nothing since")
OLDEST_UNCERTAIN = Gauge("duecourse_oldest_uncertain_seconds", "Age of the oldest message of which nobody knows if it left")
NEVER_TOLD = Counter(
    "duecourse_never_told_total", "Messages whose provider, asked to the end, told nothing", ("channel", "state")
)
