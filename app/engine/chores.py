"""Ticks besides deciding and sending: receipts that wait, providers that are asked, what only some installations have.

Whoever has one more adds a line here.
"""

from collections.abc import Callable, Mapping
from functools import partial

from app import clock
from app.channels.base import Channel
from app.channels.payments.registry import build_payments
from app.channels.wechat.oauth import CodeExchange, build_exchange
from app.domain.payment_providers import PaymentProvider
from app.engine.payments import ask_providers
from app.engine.refunds import send_refunds
from app.engine.untold import ask_about_untold
from app.engine.wechat_links import exchange_links
from app.services.audit_trail import seal
from app.services.call_ranking import rank_due
from app.services.callback_posts import apply_waiting, tidy_waiting
from app.services.credit_chores import forget_people, go_on_freezing, go_on_noting, look_after_reports
from app.services.escalations import look_at_due
from app.services.pass_through import pass_on_due
from app.services.register_alarms import alarm_removals
from app.services.register_removals import look_at_reports
from app.services.register_tellings import tell_due
from app.services.wind_downs import tell_borrowers
from config import Settings

Chore = tuple[str, Callable[[], object], float]
"""Name, work, seconds between."""
RECEIPTS_SECONDS = 2.0
"""How long a receipt that came before our own record of its message waits at most."""
UNTOLD_SECONDS = 60.0
PAYMENT_SECONDS = 2.0
"""How long a payer who came back waits at most until the provider is asked, if it has not told."""
RANK_SECONDS = 15.0
"""How long a new call task waits at most until it has its place in the worklist, if nobody has opened that before."""
SEAL_SECONDS = 10.0
"""How long a row of the audit trail waits at most until it is part of the chain."""
PASS_SECONDS = 10.0
"""How long money that came in on a funded loan waits at most until it is passed on."""
REGISTER_SECONDS = 900.0
"""How long a report stands at most that must not stand any more; whoever makes a file looks at once."""
TELL_SECONDS = 10.0
ESCALATION_SECONDS = 5.0
"""How long a payment, a yes or a proof of delivery waits at most until escalations follow it."""
ESCALATION_BATCHES = 20
"""In one tick: after a policy comes into force everybody is to be looked at, and others want the database too."""
FREEZE_SECONDS = 5.0
"""How long a month that somebody wants frozen waits at most until the next pages of it are."""
NOTING_SECONDS = 60.0
"""How long what follows from a credit file that was handed in waits at most, where noting it broke off."""
REPORTS_SECONDS = 3600.0
"""How long it takes at most until it is noticed that what was reported has to be put right."""
FORGET_SECONDS = 6 * 3600.0
"""How long a name stands at most in a frozen credit report after the last day on which it may."""
LINK_SECONDS = 2.0
"""How long somebody who has just opened a link waits at most until it is looked at."""


def chores_of(settings: Settings, channels: Mapping[str, Channel]) -> list[Chore]:
    """Return them. Any number of engines may have them at once. Raises KeyError for a provider that lacks a setting."""
    chores: list[Chore] = [
        ("receipts", lambda: apply_waiting(now=clock.now()), RECEIPTS_SECONDS),
        ("untold", lambda: _ask(channels), UNTOLD_SECONDS),
        ("call ranks", lambda: rank_due(now=clock.now()), RANK_SECONDS),
        ("escalations", _escalate, ESCALATION_SECONDS),
        ("audit trail", lambda: seal(now=clock.now()), SEAL_SECONDS),
        ("credit snapshots", lambda: go_on_freezing(now=clock.now()), FREEZE_SECONDS),
        ("credit submissions", lambda: go_on_noting(now=clock.now()), NOTING_SECONDS),
        ("credit reports", lambda: look_after_reports(now=clock.now()), REPORTS_SECONDS),
        ("credit people", lambda: forget_people(now=clock.now()), FORGET_SECONDS),
        ("pass-through", lambda: pass_on_due(now=clock.now()), PASS_SECONDS),
        ("register reports", lambda: look_at_reports(now=clock.now()), REGISTER_SECONDS),
        ("register removals", lambda: alarm_removals(now=clock.now()), REGISTER_SECONDS),
        ("register tellings", lambda: tell_due(now=clock.now()), TELL_SECONDS),
        ("wind-down", lambda: tell_borrowers(now=clock.now()), TELL_SECONDS),
    ]
    entry = next((each for each in settings.providers.get("wechat", ()) if each["provider"] == "wechat"), None)
    if entry is not None:
        chores.append(("wechat links", partial(_look_up, build_exchange(entry)), LINK_SECONDS))
    if settings.payments:
        chores.append(("payments", partial(_ask_payments, build_payments(settings.payments)), PAYMENT_SECONDS))
    return chores


def _escalate() -> int:
    """Look at the escalations of those whose turn has come."""
    done = 0
    for _ in range(ESCALATION_BATCHES):
        if not (count := look_at_due(now=clock.now())):
            break
        done += count
    return done


def _ask(channels: Mapping[str, Channel]) -> None:
    """Ask providers what became of what they have not told of, and let go of receipts of no message of ours."""
    ask_about_untold(channels, now=clock.now())
    tidy_waiting(now=clock.now())


def _ask_payments(providers: Mapping[str, PaymentProvider]) -> int:
    """Ask how payments stand, and send back what was paid over."""
    asked = ask_providers(providers, now=clock.now(), machine_now=clock.system_now())
    return asked + send_refunds(providers, now=clock.now())


def _look_up(exchange: CodeExchange) -> int:
    return exchange_links(exchange, now=clock.now())
