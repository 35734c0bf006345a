"""Sixty days of the sample book on every channel: real adapters, the stand-in for their providers, and what goes wrong
there.

Everything is the product's own: the engine decides and hands over, receipts come in through the door of the callbacks, the
clock moves from one instant at which something is due to the next. What the test adds is the weather: providers that fail,
receipts that come late, twice and in any order, and borrowers who pay, or do not.
"""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from flask import Flask
from sqlalchemy import func, select

from app import clock
from app.channels.base import Channel
from app.channels.http_transport import PooledTransport
from app.channels.push import FcmPush
from app.channels.push_credentials import ServiceAccount
from app.channels.registry import build_channels
from app.domain.book import PaymentValues
from app.domain.callback_words import callback_word
from app.domain.times import business_date
from app.engine.dispatch import Dispatcher
from app.engine.loop import Engine
from app.engine.surroundings import surroundings_of
from app.engine.untold import ask_about_untold
from app.persistence.ids import new_id
from app.persistence.models.deliveries import ProviderTemplateRow
from app.persistence.models.lenders import LenderRow
from app.persistence.models.loans import LoanRow, PositionSnapshotRow
from app.persistence.models.messages import MessageRow
from app.persistence.queries.borrowers import find_borrower_ids
from app.persistence.queries.moments import find_moments
from app.persistence.unit_of_work import reading, unit_of_work
from app.sandbox import sample_book
from app.sandbox.stand_in import aliyun, lob, twilio, wechat
from app.sandbox.stand_in.client import StandInClient
from app.services.payments import record_payment
from app.services.policies import activate_document
from app.wording.catalogue import match_locale, render
from config import Settings
from tests.builders.letters import write_letterhead
from tests.builders.messages import bind_openid
from tests.builders.wechat import APP_ID, SECRET
from tests.fakes.stand_in import CALLBACK_BASE, CALLBACK_SECRET, MAIL_KEY

OUTWARD = ("push", "sms", "voice", "wechat", "email", "letter")
NEVER_TWICE = ("sms", "voice", "wechat", "email", "letter")
ENDPOINTS = ("send", "token", "twilio_messages", "twilio_calls", "aliyun_sms", "wechat_token", "wechat_template",
             "lob_letters", "smtp")  # fmt: skip
SECONDS = 0.25
"""How long a provider is waited for: silence is one of the faults, and there is much of it."""
TEMPLATES = ("due_soon", "due_today", "overdue_early", "overdue_help", "overdue_options")

POLICY: dict[str, Any] = {
    "policy": "every-channel",
    "version": 1,
    "caps": [{"per": "borrower", "window": "P1D", "max": 1}],
    "quiet_hours": {"start": "20:00", "end": "09:00", "action": "defer"},
    "stages": [{"key": "upcoming", "from": -7, "to": 0}, {"key": "early", "from": 1, "to": 30}],
    "defaults": {"at": "10:00", "expires_after": "PT8H", "ladder": [{"channel": "in_app"}]},
    "steps": [
        {"key": "d-3", "offset_days": -3, "template": "due_soon",
         "ladder": [{"channel": "in_app"}, {"channel": "push"}, {"channel": "wechat"}]},
        {"key": "d-1", "offset_days": -1, "template": "due_soon",
         "ladder": [{"channel": "in_app"}, {"channel": "push", "give_up": {"unless": "seen", "after": "PT2H"}},
                    {"channel": "sms"}]},
        {"key": "d+0", "offset_days": 0, "template": "due_today", "ladder": [{"channel": "in_app"}, {"channel": "email"}]},
        {"key": "d+1", "offset_days": 1, "template": "overdue_early",
         "ladder": [{"channel": "in_app"}, {"channel": "sms"},
                    {"channel": "email", "after": "PT2H", "unless": "delivered"}]},
        {"key": "d+3", "offset_days": 3, "template": "overdue_early",
         "ladder": [{"channel": "in_app"}, {"channel": "wechat"},
                    {"channel": "voice", "after": "PT2H", "unless": "delivered"}]},
        {"key": "d+7", "offset_days": 7, "template": "overdue_help",
         "ladder": [{"channel": "in_app"}, {"channel": "voice"},
                    {"channel": "letter", "after": "PT2H", "unless": "delivered"}]},
        {"key": "d+12", "offset_days": 12, "template": "letter_arrears", "ladder": [{"channel": "letter"}]},
    ],
}  # fmt: skip


def providers(stand_in: StandInClient) -> dict[str, tuple[dict[str, Any], ...]]:
    """Every channel with the stand-in as its provider; texts have two."""
    account = {"account_sid": twilio.ACCOUNT_SID, "auth_token": twilio.AUTH_TOKEN, "url": stand_in.url}
    by_twilio = {"provider": "twilio", **account, "senders": {"default": "+15005550006"}, "total_seconds": SECONDS}
    by_aliyun = {"provider": "aliyun", "url": f"{stand_in.url}/aliyun/sms", "access_key_id": aliyun.KEY_ID,
                 "access_key_secret": aliyun.KEY_SECRET, "senders": {"CN": "某银行"}, "total_seconds": SECONDS}  # fmt: skip
    return {
        "sms": (by_aliyun, by_twilio),
        "voice": (by_twilio,),
        "wechat": ({"provider": "wechat", "app_id": APP_ID, "app_secret": SECRET, "token": wechat.CALLBACK_TOKEN,
                    "aes_keys": [wechat.ENCODING_AES_KEY], "url": stand_in.url, "total_seconds": SECONDS},),
        "email": ({"provider": "smtp", "url": f"smtp://127.0.0.1:{stand_in.smtp_port()}", "security": "none",
                   "from": "Lender <service@lender.example>", "bounce_domain": "returns.lender.example",
                   "key": MAIL_KEY, "total_seconds": SECONDS, "receipts": True},),
        "letter": ({"provider": "lob", "url": stand_in.url, "api_key": lob.API_KEY, "from_country": "GB",
                    "webhook_secret": lob.WEBHOOK_SECRET, "total_seconds": SECONDS},),
    }  # fmt: skip


def channels_of(settings: Settings, stand_in: StandInClient, credentials: Path) -> Mapping[str, Channel]:
    """The adapters as an installation has them, with push waiting no longer than the others."""
    push = FcmPush(ServiceAccount(credentials), PooledTransport(stand_in.url, threads=8, total_seconds=SECONDS))
    return {**build_channels(fcm_base_url=stand_in.url, providers=settings.providers), "push": push}


def bad_weather(rate: float) -> list[dict[str, Any]]:
    """Faults on every endpoint that make up `rate` of all requests: refusals for now, resets, silence, answers cut short."""
    acts: list[dict[str, Any]] = [
        {"act": "answer", "status": 503, "body": "{}"},
        {"act": "answer", "status": 500, "body": "<html>oops</html>"},
        {"act": "answer", "status": 429, "headers": {"Retry-After": "60"}, "body": "{}"},
        {"act": "reset_before"},
        {"act": "reset_after"},
        {"act": "accept_then_reset"},
        {"act": "accept_then_drop"},
        {"act": "cut"},
        {"act": "delay", "delay_ms": 60},
    ]
    mail = [
        {"act": "answer", "status": 451},
        {"act": "reset_before"},
        {"act": "accept_then_reset"},
        {"act": "accept_then_drop"},
    ]
    return [
        {**act, "on": on, "rate": rate / len(these)}
        for on in ENDPOINTS
        for these in (mail if on == "smtp" else acts,)
        for act in these
    ]  # fmt: skip


@dataclass
class Stretch:
    """One stretch of days."""

    app: Flask
    stand_in: StandInClient
    channels: Mapping[str, Channel]
    settings: Settings
    start: datetime
    days: int = 60
    seed: int = 1
    rng: random.Random = field(init=False)
    engine: Engine = field(init=False)
    posts: list[tuple[datetime, int, dict[str, Any]]] = field(default_factory=list)
    """(when it arrives, tie-break, post) of receipts on their way."""
    taken: int = 0
    """Posts fetched from the stand-in."""
    answers: Counter[int] = field(default_factory=Counter)
    hour: int = -1

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        dispatcher = Dispatcher(self.channels, surroundings=surroundings_of(self.settings), rng=random.Random(self.seed))
        self.engine = Engine(dispatcher)

    @property
    def end(self) -> datetime:
        """When nothing new is decided any more."""
        return self.start + timedelta(days=self.days)

    def prepare(self, letterheads: Path) -> None:
        """The sample book, a policy that uses every channel, letterheads, wordings registered at WeChat and Aliyun."""
        self._set_clock(self.start)
        sample_book.fill(now=self.start)
        with unit_of_work() as work:
            for code in work.session.scalars(select(LenderRow.code)):
                write_letterhead(letterheads, code)
            for template in TEMPLATES:
                for locale in ("en", "zh-CN"):
                    for channel, provider in (("sms", "aliyun"), ("wechat", "wechat")):
                        work.session.add(_registered(channel, provider, template, locale, self.start))
            activate_document(work, POLICY, author="ops", now=self.start)
        with reading() as session:
            ids = find_borrower_ids(session, [f"CN-{number:04}" for number in range(1, 96)])
        for number, borrower_id in enumerate(sorted(ids.values())):
            if number % 3:
                name = ("blocked-", "unreachable-")[number % 2] if number % 10 == 0 else ""
                bind_openid(borrower_id, f"{name}oABCD{number:023}", now=self.start)

    def run(self) -> None:
        """Go through the days, and then on until nothing is on its way any more."""
        now = self.start
        while now < self.end:
            self._live(now)
            now = max(now + timedelta(seconds=1), min(self._next(), self.end))
        for hours in (0, 1, 2, 4, 8, 12, 24, 48, 80, 100):
            self._live(self.end + timedelta(hours=hours), deciding=False)

    def _live(self, now: datetime, *, deciding: bool = True) -> None:
        self._set_clock(now)
        hour = int(now.timestamp()) // 3600
        if hour != self.hour:
            self.hour = hour
            if deciding:
                self._let_pay(now)
            ask_about_untold(self.channels, now=now)
        if deciding:
            self.engine.drain()
        else:
            self.engine.dispatch_all()
        self._fetch_posts(now)
        self._deliver_posts(now)

    def _next(self) -> datetime:
        with reading() as session:
            following = find_moments(session).following
        now = clock.now()
        full_hour = datetime.fromtimestamp((int(now.timestamp()) // 3600 + 1) * 3600, UTC)
        arrivals = [at for at, _, _ in self.posts]
        return min([at for at in (following, full_hour, *arrivals) if at is not None])

    def _set_clock(self, at: datetime) -> None:
        clock.use(lambda: at)

    def _let_pay(self, now: datetime) -> None:
        """At noon where the lender is: most pay on the day, some some days later, some do not."""
        with reading() as session:
            rows = session.execute(
                select(LoanRow.id, LoanRow.loan_no, LoanRow.lender_id, LoanRow.zone, LoanRow.currency,
                       PositionSnapshotRow.open_rows)
                .join(PositionSnapshotRow, PositionSnapshotRow.loan_id == LoanRow.id)
                .where(LoanRow.status == "active")
            ).all()  # fmt: skip
        for row in rows:
            if now.astimezone(ZoneInfo(row.zone)).hour != 12 or not row.open_rows:
                continue
            _row_no, due_on, *split = row.open_rows[0]
            late = (business_date(now, row.zone) - datetime.fromisoformat(due_on).date()).days
            chance = 0.0 if late < -1 else 0.35 if late <= 0 else 0.2
            if self.rng.random() < chance:
                values = PaymentValues(
                    reference=f"sixty-{new_id()}", loan_no=row.loan_no, amount_minor=sum(map(int, split[:4])),
                    currency=row.currency, effective_on=business_date(now, row.zone), channel="transfer",
                )  # fmt: skip
                if values.amount_minor > 0:
                    with unit_of_work() as work:
                        record_payment(work, row.lender_id, values, now=now, origin="test")

    def _fetch_posts(self, now: datetime) -> None:
        """Put what the providers post on its way: at once, late, twice, and now and then with a forged signature."""
        fresh = self.stand_in.callbacks(since=self.taken)
        self.taken += len(fresh)
        for item in fresh:
            for _ in range(2 if self.rng.random() < 0.1 else 1):
                minutes = self.rng.choice((0, 0, 0, 1, 7, 45, 600))
                self.posts.append((now + timedelta(minutes=minutes), self.rng.randrange(10**9), item))
            if self.rng.random() < 0.03:
                self.posts.append((now, self.rng.randrange(10**9), {**item, "forged": True}))

    def _deliver_posts(self, now: datetime) -> None:
        due = sorted((each for each in self.posts if each[0] <= now), key=lambda each: each[1])
        self.posts = [each for each in self.posts if each[0] > now]
        client = self.app.test_client()
        for _at, _key, item in due:
            parts = urlsplit(item["url"])
            if not parts.netloc:
                continue
            body = item["body"].encode() + (b" " if item.get("forged") else b"")
            headers = dict(item["headers"])
            if item.get("forged"):
                headers = {name: "0" * len(value) if "ignature" in name else value for name, value in headers.items()}
            target = parts.path + (f"?{parts.query}" if parts.query else "")
            if item.get("forged"):
                for provider in ("aliyun", "twilio", "wechat", "lob", "email"):
                    target = target.replace(callback_word(CALLBACK_SECRET, provider), "guessed")
                target = target.replace("signature=", "signature=0")
            answer = client.open(target, method=item["method"], data=body, headers=headers, base_url=CALLBACK_BASE)
            self.answers[answer.status_code] += 1


def _registered(channel: str, provider: str, template: str, locale: str, now: datetime) -> ProviderTemplateRow:
    sample = {"count": 1, "amount": "1", "due_on": "1", "loan": "1", "lender": "1"}
    rendered = render(template, channel, match_locale(locale), sample)
    fields = {"thing1": "lender", "thing2": "due_on"} if provider == "wechat" else {"date": "due_on"}
    code = f"SMS_{1000 + TEMPLATES.index(template)}" if provider == "aliyun" else f"TEMPLATE-{template}"
    return ProviderTemplateRow(
        id=new_id(), channel=channel, provider=provider, template=template, locale=locale,
        template_version=rendered.template_version, code=code,
        fields=fields, state="approved", by="ops", changed_at=now,
    )  # fmt: skip


def states_by_channel() -> dict[str, Counter[str]]:
    """channel -> state -> messages."""
    found: dict[str, Counter[str]] = {}
    with reading() as session:
        rows = session.execute(
            select(MessageRow.channel, MessageRow.message_class, MessageRow.state, func.count()).group_by(
                MessageRow.channel, MessageRow.message_class, MessageRow.state
            )
        )
        for channel, kind, state, count in rows:
            name = "withdrawal" if kind == "withdrawal" else channel
            found.setdefault(name, Counter())[state] += count
    return found


def received_ids(items: Sequence[Mapping[str, Any]]) -> dict[str, Counter[str]]:
    """channel -> message id -> times a provider took it."""
    found: dict[str, Counter[str]] = {}
    for item in items:
        found.setdefault(item["channel"], Counter())[item["message_id"]] += 1
    return found
