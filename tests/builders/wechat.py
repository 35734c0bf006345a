"""An account, its messages and its posts, valid by default."""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

from sqlalchemy import select

from app.channels.base import Outgoing, ProviderTemplate, Target
from app.channels.callbacks import CallbackRequest
from app.channels.wechat.encryption import MessageKey, signature
from app.persistence.models.deliveries import SubscriptionCreditRow
from app.persistence.unit_of_work import reading
from app.sandbox.stand_in.wechat import CALLBACK_TOKEN, ENCODING_AES_KEY
from tests.builders.outgoing import an_outgoing

APP_ID = "wx0123456789abcdef"
SECRET = "0123456789abcdef0123456789abcdef"
OPENID = "oABCD0000000000000000000000A"
FIELDS = {"thing1": "您有一条新消息", "time2": "2026年3月2日 10:00"}
SECONDS = 1_772_442_000


def an_entry(**changes: Any) -> dict[str, Any]:
    """Return the account's entry in the providers file."""
    given = {"provider": "wechat", "app_id": APP_ID, "app_secret": SECRET, "token": CALLBACK_TOKEN}
    return {**given, "aes_keys": [ENCODING_AES_KEY], **changes}


def a_card(
    openid: str = OPENID, *, fields: dict[str, str] | None = None, one_time: bool = False, **changes: Any
) -> Outgoing:
    """Return a message that names a registered template."""
    template = ProviderTemplate("TEMPLATE-1", fields or FIELDS, is_one_time=one_time)
    return an_outgoing(Target("endpoint-3", "openid", openid), **{"provider_templates": {"wechat": template}, **changes})


def credits_left(borrower_id: str) -> dict[str, int]:
    """Return template id -> messages that may still be sent."""
    with reading() as session:
        rows = session.scalars(select(SubscriptionCreditRow).where(SubscriptionCreditRow.borrower_id == borrower_id))
        return {row.code: row.credits for row in rows if row.credits and not row.is_refused}


def a_post(xml: str, *, encrypted: bool = True, at: int = SECONDS, nonce: str = "1", token: str = CALLBACK_TOKEN,
           app_id: str = APP_ID, method: str = "POST") -> CallbackRequest:  # fmt: skip
    """Return a post of the platform."""
    query = {"timestamp": str(at), "nonce": nonce, "signature": signature(token, str(at), nonce)}
    body = xml
    if encrypted:
        sealed = MessageKey.of(app_id, ENCODING_AES_KEY).seal(xml.encode())
        query |= {"encrypt_type": "aes", "msg_signature": signature(token, str(at), nonce, sealed)}
        body = f"<xml><ToUserName><![CDATA[gh_1]]></ToUserName><Encrypt><![CDATA[{sealed}]]></Encrypt></xml>"
    return a_request(query, body.encode(), at=at, method=method)


def a_request(query: dict[str, str], body: bytes = b"", *, at: int = SECONDS, method: str = "POST") -> CallbackRequest:
    return CallbackRequest(method, "https://api.lender.example/v1/callbacks/wechat", "", query, {}, body, at)


def posted_back(item: dict[str, Any]) -> CallbackRequest:
    """Return what the stand-in posted, or would have, as the door takes it."""
    query = dict(parse_qsl(urlsplit(item["url"]).query))
    return a_request(query, item["body"].encode(), at=int(query["timestamp"]))


def an_event(event: str, inner: str = "", *, openid: str = OPENID, at: int = SECONDS) -> str:
    """Return an event as XML."""
    return (
        f"<xml><ToUserName><![CDATA[gh_1]]></ToUserName><FromUserName><![CDATA[{openid}]]></FromUserName>"
        f"<CreateTime>{at}</CreateTime><MsgType><![CDATA[event]]></MsgType><Event><![CDATA[{event}]]></Event>{inner}</xml>"
    )
