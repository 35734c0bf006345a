"""The borrower's WeChat: a link to bind it by, the yes or no to what opened it, consents, letting it go."""

from typing import Any

from flask import current_app
from marshmallow import Schema, fields

from app.domain.errors import ConflictError
from app.domain.wechat_links import AUTHORIZE_URL, CHECK_CODE_PATTERN
from app.services import wechat_accounts, wechat_confirmations
from app.services.wechat_accounts import Link, ShownAccount
from app.web.answers import Answer
from app.web.auth import borrower
from app.web.doors import Door, answers
from app.web.fields import InstantField, PatternField
from app.web.reads import reads
from app.web.request_context import now
from config import Settings

door = Door("wechat", "Messages by WeChat: binding an account, and consents to single messages.", prefix="/v1/me")

RETURN_PATH = "/v1/callbacks/wechat-link"
_STATES = ["unbound", "waiting", "pending", "active", "unverified", "suspect", "invalid", "opted_out", "blocked"]


class WechatTemplateSchema(Schema):
    """A message that WeChat sends only to who agreed to it, each time anew."""

    template_id = fields.String(required=True, metadata={"description": "What `wx-open-subscribe` is asked with."})
    kind = fields.String(required=True, metadata={"description": "What it is about, such as due_soon."})
    locale = fields.String(required=True)
    credits = fields.Integer(required=True, metadata={"description": "How many more may be sent."})
    is_refused = fields.Boolean(required=True, metadata={"description": "Refused last; ask again only when asked to."})


class WechatPendingSchema(Schema):
    """A WeChat account that opened your link and waits for your yes. Nothing is sent to it before."""

    check_code = fields.String(
        required=True,
        metadata={"description": "What WeChat showed to who opened the link. Yes only if your WeChat showed the same."},
    )
    opened_at = InstantField(required=True)
    confirm_until = InstantField(required=True, metadata={"description": "Exclusive; then the account is forgotten."})
    is_ready = fields.Boolean(
        required=True, metadata={"description": "Whether it can be confirmed; false while WeChat is asked whose it is."}
    )


class WechatAnswerSchema(Schema):
    """Which opening of your link is meant."""

    check_code = PatternField(CHECK_CODE_PATTERN, required=True, metadata={"description": "As shown under `pending`."})


class WechatSchema(Schema):
    """Whether a WeChat account is bound. The openid itself is never shown."""

    is_available = fields.Boolean(required=True, metadata={"description": "Whether this lender sends by WeChat."})
    state = fields.String(
        required=True,
        metadata={
            "enum": _STATES,
            "description": "waiting: a link was opened, the account is being looked up. "
            "pending: it waits for your yes. Of a bound account, its own state, also while another waits.",
        },
    )
    since = InstantField(required=True, allow_none=True)
    pending = fields.Nested(WechatPendingSchema, required=True, allow_none=True)
    link_expires_at = InstantField(
        required=True, allow_none=True, metadata={"description": "Of a link that may still be opened; null: there is none."}
    )
    templates = fields.List(
        fields.Nested(WechatTemplateSchema),
        required=True,
        metadata={"description": "Whose consent the app may ask for, inside WeChat; empty while no account is bound."},
    )


class WechatLinkSchema(Schema):
    """A way to bind, good once: whoever opens it first waits for your yes."""

    url = fields.String(required=True, metadata={"description": "To be opened inside WeChat."})
    scene = fields.String(
        required=True,
        metadata={"description": "`scene_str` of a parametric code (QR_STR_SCENE): scanning it opens the link too."},
    )
    expires_at = InstantField(required=True)


_EXAMPLE = {
    "is_available": True,
    "state": "active",
    "since": "2026-05-20T01:00:00Z",
    "pending": None,
    "link_expires_at": None,
    "templates": [
        {"template_id": "VRR0UEO9VJOLs0MH", "kind": "due_soon", "locale": "zh-CN", "credits": 2, "is_refused": False}
    ],
}
_PENDING = {
    **_EXAMPLE,
    "state": "pending",
    "since": None,
    "pending": {
        "check_code": "482913",
        "opened_at": "2026-11-23T09:01:00Z",
        "confirm_until": "2026-11-23T09:16:00Z",
        "is_ready": True,
    },
    "templates": [],
}
_LINK = {
    "url": "…/connect/oauth2/authorize?appid=wx…&state=5f2b0c…#wechat_redirect",
    "scene": "bind-5f2b0c…",
    "expires_at": "2026-11-23T09:10:00Z",
}


@door.get("/wechat")
@answers(200, WechatSchema, example=_PENDING)
def get_wechat() -> dict[str, Any]:
    """Show whether your WeChat is bound or waits for your yes, and which messages may be agreed to there."""
    return _shown()


def _shown() -> dict[str, Any]:
    shown: ShownAccount = wechat_accounts.shown_account(reads(), borrower().borrower_id, now=now())
    return {
        "is_available": _account() is not None,
        "state": shown.state,
        "since": shown.since,
        "pending": shown.pending,
        "link_expires_at": shown.link_expires_at,
        "templates": shown.templates,
    }


@door.post("/wechat/links")
@answers(201, WechatLinkSchema, example=_LINK, problems=("conflict", "rate-limited"))
def make_wechat_link() -> Link:
    """Make a link to open in your WeChat, or to scan there as a code. What opens it is bound once you have said yes.

    It is good once, for 10 minutes, and takes the place of one made before and of an account that waits for your yes: no
    Idempotency-Key is needed.
    """
    account = _account()
    if account is None:
        raise ConflictError("This lender does not send by WeChat.")
    return wechat_accounts.make_link(
        borrower().borrower_id,
        app_id=account["app_id"],
        redirect_uri=account["redirect_uri"],
        authorize_base=account["authorize_url"],
        now=now(),
    )


@door.post("/wechat/confirm")
@door.takes(WechatAnswerSchema, example={"check_code": "482913"})
@answers(200, WechatSchema, example=_EXAMPLE, problems=("conflict",))
def confirm_wechat(body: dict[str, Any]) -> dict[str, Any]:
    """Say that the WeChat account which was shown this number is yours: it is bound at once, and takes another's place.

    Within 15 minutes of the opening. Confirmed already: nothing happens, and the answer is the same.
    """
    wechat_confirmations.confirm(borrower().borrower_id, body["check_code"], now=now())
    return _shown()


@door.post("/wechat/refuse")
@door.takes(WechatAnswerSchema, example={"check_code": "482913"})
@answers(200, WechatSchema, example={**_EXAMPLE, "state": "unbound", "since": None, "templates": []}, problems=("conflict",))
def refuse_wechat(body: dict[str, Any]) -> dict[str, Any]:
    """Say that it is not yours: it is forgotten. What is bound stays bound; what waits no more stays as it ended."""
    wechat_confirmations.refuse(borrower().borrower_id, body["check_code"], now=now())
    return _shown()


@door.delete("/wechat")
@answers(204)
def unbind_wechat() -> Answer:
    """Unbind your WeChat; nothing is sent there any more, and what was agreed to there is forgotten.

    An account that waits for your yes is forgotten too.
    """
    wechat_accounts.unbind(borrower().borrower_id, now=now())
    return Answer(None)


def _account() -> dict[str, str] | None:
    """Return what links are made of, or None where WeChat or our own address is not configured."""
    settings: Settings = current_app.config["SETTINGS"]
    entry = next((each for each in settings.providers.get("wechat", ()) if each["provider"] == "wechat"), None)
    if entry is None or not entry.get("app_id") or settings.public_url is None:
        return None
    return {
        "app_id": str(entry["app_id"]),
        "redirect_uri": settings.public_url + RETURN_PATH,
        "authorize_url": str(entry.get("authorize_url", AUTHORIZE_URL)),
    }
