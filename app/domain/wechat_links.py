"""Links by which a borrower binds their WeChat to their account: an address to open, or a code to scan.

Whoever opens a link is not known yet to be the borrower: a link may be forwarded or seen by others. So what opened it waits
until the borrower says yes in the app, having compared the number that both sides are shown.
"""

import hashlib
import hmac
import re
from datetime import datetime, timedelta
from urllib.parse import urlencode

LINK_LIFE = timedelta(minutes=10)
TOKEN_PATTERN = "[0-9a-f]{56}"  # noqa: S105 - its form, not one
"""224 random bits. The platform takes A-Z a-z 0-9 alone in `state`, and 64 characters in a scene."""
AUTHORIZE_URL = "https://open.weixin.qq.com/connect/oauth2/authorize"
_SCENE = "bind-"
CONFIRM_LIFE = timedelta(minutes=15)
"""How long after its opening an account waits for the borrower's yes."""
CHECK_CODE_PATTERN = "[0-9]{6}"
WAITING, PENDING, LAPSED = "waiting", "pending", "lapsed"
CONFIRMED, REFUSED, SUPERSEDED, UNKNOWN = "confirmed", "refused", "superseded", "unknown"
"""How an opened link stands. waiting: the platform is asked whose it is; pending: the borrower is asked; lapsed: nobody said
yes in time; superseded: by a newer link; unknown: the platform did not say whose it is."""


def scene_of(token: str) -> str:
    """Return what the lender's app puts into a parametric code (action_name QR_STR_SCENE, scene_str)."""
    return _SCENE + token


def token_of_scene(scene: str) -> str:
    """Return the token in a scene, "" for a scene that is not ours."""
    token = scene.removeprefix(_SCENE)
    return token if token != scene and re.fullmatch(TOKEN_PATTERN, token) else ""


def authorize_url(app_id: str, redirect_uri: str, token: str, *, base: str = AUTHORIZE_URL) -> str:
    """Return the address that, opened in WeChat, comes back to `redirect_uri` with a code and the token as `state`.

    The order of the parameters matters to the platform. Source: platform documentation, "Web page authorization".
    """
    query = urlencode(
        {"appid": app_id, "redirect_uri": redirect_uri, "response_type": "code", "scope": "snsapi_base", "state": token}
    )
    return f"{base}?{query}#wechat_redirect"


def check_code(token: str, mark: str) -> str:
    """Return the six digits that are shown to who opened a link, and to the borrower to compare.

    `mark` tells this opening from another of the same link: the code that came back, or the openid that scanned. So two who
    open one link do not see the same number, and without the token nobody can work one out.
    """
    digest = hmac.digest(token.encode(), mark.encode(), hashlib.sha256)
    return f"{int.from_bytes(digest[:8], 'big') % 1_000_000:06d}"


def standing(opened_at: datetime, ended_as: str | None, *, is_known: bool, now: datetime) -> str:
    """Return how an opened link stands. `ended_as`: how it ended, if it did; `is_known`: the platform said whose it is."""
    if ended_as is not None:
        return ended_as
    if now >= opened_at + CONFIRM_LIFE:
        return LAPSED
    return PENDING if is_known else WAITING
