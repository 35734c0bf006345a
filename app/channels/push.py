"""Push through FCM HTTP v1: firebase-admin's credentials, message classes and errors over our own transport.

Its `send_each` is not used: it sleeps and re-sends by itself, hides delivered messages behind whole-batch errors, and costs
an order of magnitude more (docs/adr). One call here is one attempt per message; a refused bearer token alone is renewed
and tried once more, because then nothing was sent.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime

from app.channels.base import DeliveryResult, Outcome, Outgoing
from app.channels.http_transport import HttpAnswer, HttpRequest, Transport
from app.channels.push_answers import credential_refused, is_stale_token, result_of
from app.channels.push_bodies import Bodies
from app.channels.push_credentials import Credential, TokenUnavailableError
from app.channels.push_messages import UnsendableError

_BATCH = 500
"""How many messages should be in flight together: they are what makes it quick."""


class FcmPush:
    """The push channel."""

    name = "push"
    provider = "fcm"

    def __init__(self, credential: Credential, transport: Transport) -> None:
        self._credential = credential
        self._transport = transport
        self.batch = min(_BATCH, transport.at_once)
        self._path = f"/v1/projects/{credential.project_id}/messages:send"

    def get_ready(self) -> None:
        """Have a good access token: asking for one may take longer than the facts hold that are compared before `send`."""
        with suppress(TokenUnavailableError):  # `send` says so, message by message
            self._credential.token()

    def await_room(self, count: int) -> None:
        """Wait until so many more go to the wire at once: facts are compared after that, not before."""
        self._transport.await_room(count)

    def send(self, batch: Sequence[Outgoing], *, now: datetime) -> list[DeliveryResult]:
        """Try each message once; one result per message, in order."""
        return self.begin(batch, now=now)()

    def begin(self, batch: Sequence[Outgoing], *, now: datetime) -> Callable[[], list[DeliveryResult]]:
        """Hand each message to the wire once and return at once what waits for the answers: one per message, in order."""
        results: list[DeliveryResult | None] = [None] * len(batch)
        bodies: dict[int, bytes] = {}
        made = Bodies(now)
        for place, outgoing in enumerate(batch):
            try:
                bodies[place] = made.of(outgoing)
            except UnsendableError as error:
                results[place] = DeliveryResult(Outcome.REFUSED, error_code=error.code)
        read = self._begin(batch, bodies)

        def finish() -> list[DeliveryResult]:
            for place, result in read().items():
                results[place] = result
            return [result for result in results if result is not None]

        return finish

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def _begin(self, batch: Sequence[Outgoing], bodies: dict[int, bytes]) -> Callable[[], dict[int, DeliveryResult]]:
        if not bodies:
            return dict
        try:
            token = self._credential.token()
        except TokenUnavailableError as error:
            without = dict.fromkeys(bodies, _without_token(error))
            return lambda: without
        answers = self._posting(bodies, token)
        return lambda: self._read(batch, bodies, token, answers())

    def _read(
        self, batch: Sequence[Outgoing], bodies: dict[int, bytes], token: str, answers: dict[int, HttpAnswer]
    ) -> dict[int, DeliveryResult]:
        stale = {place: bodies[place] for place, answer in answers.items() if is_stale_token(answer)}
        if stale:
            try:
                answers |= self._posting(stale, self._credential.renewed(token))()
            except TokenUnavailableError as error:
                read = {place: answer for place, answer in answers.items() if place not in stale}
                return _results(batch, read) | dict.fromkeys(stale, _without_token(error))
        return _results(batch, answers)

    def _posting(self, bodies: dict[int, bytes], token: str) -> Callable[[], dict[int, HttpAnswer]]:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json; charset=utf-8"}
        requests = [HttpRequest(self._path, headers, body) for body in bodies.values()]
        answers = self._transport.begin(requests)
        return lambda: dict(zip(bodies, answers(), strict=True))


def _results(batch: Sequence[Outgoing], answers: dict[int, HttpAnswer]) -> dict[int, DeliveryResult]:
    return {place: result_of(answer, batch[place].target.platform) for place, answer in answers.items()}


def _without_token(error: TokenUnavailableError) -> DeliveryResult:
    if error.refused:
        return credential_refused("TOKEN_REFUSED")
    return DeliveryResult(
        Outcome.RETRY, error_code="token_unavailable", raw_code="TOKEN_UNAVAILABLE", pause_provider_seconds=10.0
    )
