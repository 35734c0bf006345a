"""What leaves: what a message says, in the form its provider wants it. Texts are opened here and nowhere else."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import orjson

from app.channels.base import Outgoing, ProviderTemplate, Target
from app.engine.addresses import is_pushed_notice, is_reply_copy
from app.engine.letter_documents import LetterDocuments, SetLetters
from app.persistence.queries.inbox_marks import find_beside_inbox
from app.persistence.queries.notices import find_pushed
from app.persistence.queries.outbox import Claimable
from app.persistence.queries.provider_templates import find_approved
from app.persistence.unit_of_work import Work
from app.services.links import SCHEME, link_to
from app.services.sign_in import otp_code
from app.wording.catalogue import render

_WITH_TEMPLATES = frozenset({"sms", "voice", "wechat"})
"""Channels where a provider may want a wording that it has registered instead of free text."""

_WITH_LINKS = frozenset({"push", "email", "wechat"})
"""Channels whose messages lead to a place. A text would be paid for twice, and links in texts are what cheats send."""
INBOX = "duecourse://inbox"
LINKS_LIVE = timedelta(days=14)
"""How long a link opens its place after the text it came with has stopped being true: mail is read late."""

Text = Mapping[str, Any]
"""title, body, and `variables`: what the wording was made from."""


@dataclass(frozen=True)
class Surroundings:
    """What a message is given besides its own text: addresses of this installation, documents, links.

    `status_url` takes a provider, `unsubscribe_url` the unit of work and the message.
    """

    status_url: Callable[[str], str | None] = lambda _provider: None
    unsubscribe_url: Callable[[Work, Claimable], str | None] = lambda _work, _message: None
    set_letters: SetLetters | None = None
    """How the documents of letters are made, before they are claimed; None: letters have none."""
    app_url: str | None = None
    """Where links of the web begin that the app claims; None: there are none, only those of the app's own scheme."""


@dataclass
class Composer:
    """Makes what a channel is handed, for the messages of one batch."""

    work: Work
    surroundings: Surroundings
    challenges: Mapping[str, Any]
    letters: LetterDocuments | None = None
    _templates: dict[tuple[str, str], list[Any]] = field(default_factory=dict)
    _beside_inbox: set[str] = field(default_factory=set)
    """Ids of messages that say what the inbox says too."""

    @classmethod
    def of(
        cls,
        work: Work,
        surroundings: Surroundings,
        messages: Sequence[Claimable],
        challenges: Mapping[str, Any],
        letters: LetterDocuments | None = None,
    ) -> "Composer":
        """Return one that knows the wordings registered for these messages."""
        found: dict[tuple[str, str], list[Any]] = {}
        for row in find_approved(work.session, {m.channel for m in messages} & _WITH_TEMPLATES):
            found.setdefault((row.channel, row.template), []).append(row)
        linked = [m.id for m in messages if m.channel in _WITH_LINKS and not m.is_of_no_case]
        notices = [m.id for m in messages if is_pushed_notice(m)]
        beside = find_beside_inbox(work.session, linked)
        if notices:
            beside |= find_pushed(work.session, notices).keys()
        return cls(work, surroundings, challenges, letters, found, beside)

    def text_of(self, message: Claimable) -> Text:
        """Return a message's text: as rendered, or with a one-time code computed now. Raises ValueError, KeyError."""
        if message.challenge_id is not None:
            challenge = self.challenges[message.challenge_id]
            code = otp_code(self.work.vault, message.challenge_id, challenge.resend_no, purpose=challenge.purpose)
            rendered = render(message.template, message.channel, message.locale, {"code": code})
            return {"title": rendered.title, "body": rendered.body, "variables": {"code": code}}
        if message.withdraws_id is not None and message.channel == "push":
            shown = render(message.template, message.channel, message.locale, {})  # a browser has to show something
            return {"title": shown.title, "body": shown.body}
        opened = self.work.vault.open(message.text_sealed, place=f"messages.text:{message.id}")
        text: dict[str, Any] = orjson.loads(opened or "{}")
        return text

    def compose(self, message: Claimable, targets: Sequence[Target], provider: str) -> list[Outgoing]:
        """Return one hand-over for each target. Raises ValueError, KeyError, LetterRefusedError for what cannot be made.

        A message that cannot be made must not hold up the others: the caller ends it and goes on.
        """
        text = self.text_of(message)
        variables = text.get("variables") or {}
        is_withdrawal = message.withdraws_id is not None
        common: dict[str, Any] = {
            "message_id": message.id,
            "kind": message.template,
            "title": text.get("title", ""),
            "body": text.get("body", ""),
            "expires_at": message.not_after,
            "locale": message.locale,
            "data": {"message_id": message.id, "kind": message.template, "deep_link": self.link_of(message)},
            "status_url": self.surroundings.status_url(provider),
            "is_answer": is_reply_copy(message),
        }
        if is_withdrawal:
            common |= {"purpose": "withdraw", "withdraws": message.withdraws_id}
        is_free = message.channel == "wechat" and common["is_answer"]  # a wording would use up a consent there
        if message.channel in _WITH_TEMPLATES and not is_free:
            words = {"title": common["title"], "body": common["body"]}
            common["provider_templates"] = self.templates_of(message, {**variables, **words})
        if message.channel == "email":
            common["sender_name"] = variables.get("lender")
            common["unsubscribe_url"] = self.surroundings.unsubscribe_url(self.work, message)
        if message.channel == "letter" and not is_withdrawal and self.letters is not None:
            common["document"] = self.letters.document_of(message.id)
        return [Outgoing(target=target, **common) for target in targets]

    def link_of(self, message: Claimable) -> str:
        """Return where a message leads: to what the inbox says of it, by a signed link; else to the inbox.

        A push is opened by the app itself; what is read elsewhere needs a link of the web, if the installation has one.
        """
        if message.id not in self._beside_inbox:
            return INBOX
        app_url = self.surroundings.app_url
        base = SCHEME if message.channel == "push" or app_url is None else f"{app_url}/"
        return link_to(self.work.vault, message.id, expires_at=message.not_after + LINKS_LIVE, base=base)

    def templates_of(self, message: Claimable, variables: Mapping[str, Any]) -> dict[str, ProviderTemplate]:
        """Return provider -> the registered wording of a message with its fields filled in. Raises KeyError.

        Only for the words as they are: an approval of an older version says nothing of these. The message's own locale
        before another of the same language.
        """
        found: dict[str, ProviderTemplate] = {}
        language = message.locale.split("-")[0]
        rows = [
            row
            for row in self._templates.get((message.channel, message.template), ())
            if row.template_version == message.template_version and row.locale.split("-")[0] == language
        ]
        for row in sorted(rows, key=lambda row: (row.locale == message.locale, row.locale)):
            filled = {name: str(variables[variable]) for name, variable in row.fields.items()}
            found[row.provider] = ProviderTemplate(row.code, filled, row.is_one_time)
        return found
