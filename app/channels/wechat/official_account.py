"""WeChat messages of a service account: registered templates to followers, subscription messages to who consented, answers.

An answer to what the user wrote is a customer-service message: free text, taken within 48 hours of that word and five times
at most (domain/reply_windows.py); the platform tells nothing more of it. No other text is ours to write freely: each message
names a registered template and fills its fields, fitted to what the platform shows (domain/wechat_fields.py). A message
cannot be taken back and a second copy does not replace the first, so whatever is not surely refused or surely not sent is
`UNCERTAIN`; template messages also carry our message id as `client_msg_id`, by which the platform drops a second copy within
ten minutes.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any
from urllib.parse import quote

import orjson

from app.channels.base import DeliveryResult, Outcome, Outgoing, ProviderTemplate
from app.channels.http_transport import HttpAnswer, HttpRequest, PooledTransport, Transport
from app.channels.provider_tokens import MemoryTokens
from app.channels.wechat.access import JSON_HEADERS, PROVIDER, Access
from app.channels.wechat.answers import TOKEN_REFUSED, credential_refused, errcode_of, result_of
from app.domain.provider_tokens import TokenStore, TokenUnavailableError
from app.domain.wechat_fields import refusals, shown

NEEDS_TOKENS = True
"""`build` takes the token store of the installation."""
BASE_URL = "https://api.weixin.qq.com"
_MOST_THREADS = 8


def build(entry: Mapping[str, Any], *, threads: int, tokens: TokenStore | None = None) -> "OfficialAccount":
    """Return the channel of one account; see docs/wechat.md for the settings. Raises KeyError for one that is missing."""
    transport = transport_of(entry, threads=min(threads, _MOST_THREADS))
    return OfficialAccount(
        Access.of(entry, transport, tokens or MemoryTokens()),
        transport,
        link_url=entry.get("link_url"),
        mini_program=entry.get("mini_program"),
    )


def transport_of(entry: Mapping[str, Any], *, threads: int) -> PooledTransport:
    """Return the way to the API that an entry of the providers file names."""
    seconds = float(entry.get("total_seconds", 12.0))
    return PooledTransport(str(entry.get("url", BASE_URL)), threads=threads, total_seconds=seconds)


class OfficialAccount:
    """The wechat channel."""

    name = "wechat"
    provider = PROVIDER

    def __init__(
        self,
        access: Access,
        transport: Transport,
        *,
        link_url: str | None = None,
        mini_program: Mapping[str, str] | None = None,
    ) -> None:
        """`link_url`: the page a message opens when its own link is none for a browser; `mini_program`: appid, path."""
        self._access = access
        self._transport = transport
        self.batch = transport.at_once
        self._link_url = link_url
        self._mini_program = mini_program
        self._untried = ""
        """A token that took the place of a refused one, and that nothing was sent with yet."""

    def get_ready(self) -> None:
        """Have a good access token: asking for one may take longer than the facts hold that are compared before `send`."""
        with suppress(TokenUnavailableError):  # `send` says so, message by message
            self._access.token()

    def send(self, batch: Sequence[Outgoing], *, now: datetime) -> list[DeliveryResult]:
        """Try each message once. For those whose token was refused another is asked for, and they wait for the outbox.

        It compares them with the facts again: a new token may take longer than those hold.
        """
        results: dict[int, DeliveryResult] = {}
        waiting: list[tuple[int, Outgoing]] = []
        for place, outgoing in enumerate(batch):
            refused = _refused_here(outgoing, now)
            if refused is not None:
                results[place] = refused
            else:
                waiting.append((place, outgoing))
        if waiting:
            results |= self._hand_over(waiting, now)
        return [results[place] for place in range(len(batch))]

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def _hand_over(self, waiting: Sequence[tuple[int, Outgoing]], now: datetime) -> dict[int, DeliveryResult]:
        try:
            token = self._access.token()
        except TokenUnavailableError as error:
            return dict.fromkeys((place for place, _ in waiting), _without_token(error))
        was_untried, self._untried = token == self._untried, ""
        answers = self._post(waiting, token)
        results = {place: result_of(answers[place], now=now, is_repeatable=_is_repeatable(each)) for place, each in waiting}
        refused = [place for place, answer in answers.items() if errcode_of(answer) in TOKEN_REFUSED]
        if refused and not was_untried:  # a new one that is refused as well is no matter of tokens: the account rests
            results |= dict.fromkeys(refused, self._renewed(token))
        return results

    def _renewed(self, refused: str) -> DeliveryResult:
        """Have another token for the next try, and return what became of this one: nothing was sent."""
        try:
            self._untried = self._access.renewed(refused)
        except TokenUnavailableError as error:
            return _without_token(error)
        return DeliveryResult(Outcome.RETRY, error_code="token_renewed", retry_after_seconds=1.0)

    def _post(self, messages: Sequence[tuple[int, Outgoing]], token: str) -> dict[int, HttpAnswer]:
        answers = self._transport.post([self._request(outgoing, token) for _, outgoing in messages])
        return {place: answer for (place, _), answer in zip(messages, answers, strict=True)}

    def _request(self, outgoing: Outgoing, token: str) -> HttpRequest:
        if outgoing.is_answer:
            return _answer_request(outgoing, token)
        template = _template_of(outgoing)
        content: dict[str, Any] = {
            "touser": outgoing.target.address,
            "template_id": template.code,
            "data": {name: {"value": text} for name, text in shown(template.fields).items()},
        }
        link = self._link(outgoing)
        if link is not None:
            content["page" if template.is_one_time else "url"] = link
        if self._mini_program is not None:
            path = self._mini_program.get("path", "")
            joined = f"{path}{'&' if '?' in path else '?'}link={quote(outgoing.data.get('deep_link', ''), safe='')}"
            content["miniprogram"] = {"appid": self._mini_program["appid"], "pagepath": joined}
        if not template.is_one_time:
            content["client_msg_id"] = outgoing.message_id
        where = "subscribe/bizsend" if template.is_one_time else "template/send"
        return _request_to(where, token, content)

    def _link(self, outgoing: Outgoing) -> str | None:
        link = outgoing.data.get("deep_link", "")
        return link if link.startswith("https://") else self._link_url


def _refused_here(outgoing: Outgoing, now: datetime) -> DeliveryResult | None:
    """Return why a message is not handed over at all: a consent or a call of the quota would be lost on it."""
    if outgoing.expires_at <= now:
        return DeliveryResult(Outcome.REFUSED, error_code="expired")
    if outgoing.is_answer:
        return None
    template: ProviderTemplate | None = outgoing.provider_templates.get(PROVIDER)
    if template is None:
        return DeliveryResult(Outcome.REFUSED, error_code="no_provider_template")
    wrong = refusals(template.fields)
    if wrong:
        raw = ",".join(f"{name}:{reason}" for name, reason in sorted(wrong.items()))
        return DeliveryResult(Outcome.REFUSED, error_code="bad_field", raw_code=raw[:60])
    return None


def _answer_request(outgoing: Outgoing, token: str) -> HttpRequest:
    said = f"{outgoing.title}\n{outgoing.body}" if outgoing.title else outgoing.body
    return _request_to(
        "custom/send", token, {"touser": outgoing.target.address, "msgtype": "text", "text": {"content": said}}
    )


def _request_to(where: str, token: str, content: Mapping[str, Any]) -> HttpRequest:
    """Return a call of the API. The body is UTF-8 as it is: escaped characters would be shown as they were escaped."""
    path = f"/cgi-bin/message/{where}?access_token={quote(token, safe='')}"
    return HttpRequest(path, JSON_HEADERS, orjson.dumps(content))


def _is_repeatable(outgoing: Outgoing) -> bool:
    return not outgoing.is_answer and not _template_of(outgoing).is_one_time


def _template_of(outgoing: Outgoing) -> ProviderTemplate:
    return outgoing.provider_templates[PROVIDER]


def _without_token(error: TokenUnavailableError) -> DeliveryResult:
    if error.refused:
        return credential_refused(error.raw_code)
    return DeliveryResult(Outcome.RETRY, error_code="token_unavailable", raw_code=error.raw_code)
