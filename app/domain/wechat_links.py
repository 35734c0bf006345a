"""Links by which a borrower binds their WeChat to their account: an address to open, or a code to scan."""

import re
from datetime import timedelta
from urllib.parse import urlencode

LINK_LIFE = timedelta(minutes=10)
TOKEN_PATTERN = "[0-9a-f]{56}"  # noqa: S105 - its form, not one
"""224 random bits. The platform takes A-Z a-z 0-9 alone in `state`, and 64 characters in a scene."""
AUTHORIZE_URL = "https://open.weixin.qq.com/connect/oauth2/authorize"
_SCENE = "bind-"


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
