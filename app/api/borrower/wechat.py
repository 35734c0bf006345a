"""The borrower's WeChat: binding it by a link, what may be asked for there, and letting it go."""

from typing import Any

from flask import current_app
from marshmallow import Schema, fields

from app.domain.errors import ConflictError
from app.domain.wechat_links import AUTHORIZE_URL
from app.services import wechat_accounts
from app.services.wechat_accounts import Link, ShownAccount
from app.web.answers import Answer
from app.web.auth import borrower
from app.web.doors import Door, answers
from app.web.fields import InstantField
from app.web.reads import reads
from app.web.request_context import now
from config import Settings

door = Door("wechat", "Messages by WeChat: binding an account, and consents to single messages.", prefix="/v1/me")

RETURN_PATH = "/v1/callbacks/wechat-link"
_STATES = ["unbound", "waiting", "active", "unverified", "suspect", "invalid", "opted_out", "blocked"]


class WechatTemplateSchema(Schema):
    """A message that WeChat sends only to who agreed to it, each time anew."""

    template_id = fields.String(required=True, metadata={"description": "What `wx-open-subscribe` is asked with."})
    kind = fields.String(required=True, metadata={"description": "What it is about, such as due_soon."})
    locale = fields.String(required=True)
    credits = fields.Integer(required=True, metadata={"description": "How many more may be sent."})
    is_refused = fields.Boolean(required=True, metadata={"description": "Refused last; ask again only when asked to."})


class WechatSchema(Schema):
    """Whether a WeChat account is bound. The openid itself is never shown."""

    is_available = fields.Boolean(required=True, metadata={"description": "Whether this lender sends by WeChat."})
    state = fields.String(
        required=True,
        metadata={"enum": _STATES, "description": "waiting: a link was opened, the account is being looked up."},
    )
    since = InstantField(required=True, allow_none=True)
    link_expires_at = InstantField(
        required=True, allow_none=True, metadata={"description": "Of a link that may still bind; null: there is none."}
    )
    templates = fields.List(
        fields.Nested(WechatTemplateSchema),
        required=True,
        metadata={"description": "Whose consent the app may ask for, inside WeChat; empty while no account is bound."},
    )


class WechatLinkSchema(Schema):
    """A way to bind, good once. Whoever opens it binds their WeChat to this borrower: show it to nobody else."""

    url = fields.String(required=True, metadata={"description": "To be opened inside WeChat."})
    scene = fields.String(
        required=True,
        metadata={"description": "`scene_str` of a parametric code (QR_STR_SCENE): scanning it binds too."},
    )
    expires_at = InstantField(required=True)


_EXAMPLE = {
    "is_available": True,
    "state": "active",
    "since": "2026-05-20T01:00:00Z",
    "link_expires_at": None,
    "templates": [
        {"template_id": "VRR0UEO9VJOLs0MH", "kind": "due_soon", "locale": "zh-CN", "credits": 2, "is_refused": False}
    ],
}
_LINK = {
    "url": "…/connect/oauth2/authorize?appid=wx…&state=5f2b0c…#wechat_redirect",
    "scene": "bind-5f2b0c…",
    "expires_at": "2026-11-23T09:10:00Z",
}


@door.get("/wechat")
@answers(200, WechatSchema, example=_EXAMPLE)
def get_wechat() -> dict[str, Any]:
    """Show whether your WeChat is bound, and which messages may be agreed to there."""
    shown: ShownAccount = wechat_accounts.shown_account(reads(), borrower().borrower_id, now=now())
    return {
        "is_available": _account() is not None,
        "state": shown.state,
        "since": shown.since,
        "link_expires_at": shown.link_expires_at,
        "templates": shown.templates,
    }


@door.post("/wechat/links")
@answers(201, WechatLinkSchema, example=_LINK, problems=("conflict", "rate-limited"))
def make_wechat_link() -> Link:
    """Make a link that binds the WeChat account it is opened in, or that scans its code.

    It is good once, for 10 minutes, and takes the place of one made before: no Idempotency-Key is needed.
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


@door.delete("/wechat")
@answers(204)
def unbind_wechat() -> Answer:
    """Unbind your WeChat; nothing is sent there any more, and what was agreed to there is forgotten."""
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
