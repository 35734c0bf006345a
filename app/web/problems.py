"""The one table of problems: code -> status and words in each language. `/problems/{code}` is made from it.

Source: RFC 9457. A code is stable for ever; its words may improve.
"""

from typing import NamedTuple


class Words(NamedTuple):
    """A problem in one language."""

    title: str
    detail: str
    """What to do, used where the error itself says nothing more exact in that language."""


class Problem(NamedTuple):
    """One kind of problem."""

    status: int
    en: Words
    zh: Words

    def words(self, locale: str) -> Words:
        """Return the words for a locale we speak."""
        return self.zh if locale == "zh-CN" else self.en


def _problem(status: int, title: str, detail: str, title_zh: str, detail_zh: str) -> Problem:
    return Problem(status, Words(title, detail), Words(title_zh, detail_zh))


PROBLEMS: dict[str, Problem] = {
    "bad-request": _problem(400, "Bad request", "The request cannot be read.", "请求无效", "无法读取该请求。"),
    "malformed-json": _problem(
        400, "Malformed JSON", "The body is not JSON in UTF-8.", "JSON 格式错误", "请求正文不是 UTF-8 编码的 JSON。"
    ),
    "otp-invalid": _problem(
        400,
        "Wrong code",
        "The code does not fit. Check it, or ask for a new one.",
        "验证码错误",
        "验证码不正确，请核对或重新获取。",
    ),
    "credentials-invalid": _problem(
        400,
        "Not signed in",
        "E-mail and password do not fit, or the account may not be used. Check both, or ask an admin.",
        "无法登录",
        "邮箱与密码不匹配，或账户不可用。请核对，或联系管理员。",
    ),
    "otp-expired": _problem(
        400,
        "Code expired",
        "The code has run out or was used. Ask for a new one.",
        "验证码已失效",
        "验证码已过期或已使用，请重新获取。",
    ),
    "unauthenticated": _problem(
        401, "Not signed in", "Send a valid bearer token.", "未登录", "请先登录，并携带有效的访问令牌。"
    ),
    "token-expired": _problem(
        401,
        "Token expired",
        "Refresh the access token, or sign in again.",
        "令牌已过期",
        "请刷新访问令牌，或重新登录。",
    ),
    "session-revoked": _problem(
        401, "Session ended", "This session was ended. Sign in again.", "会话已结束", "该会话已结束，请重新登录。"
    ),
    "step-up-required": _problem(
        401,
        "Fresh proof needed",
        "Ask for a code at POST /v1/auth/otp, prove it at POST /v1/me/proofs within this session, then send this again.",
        "需要再次验证",
        "请先通过 POST /v1/auth/otp 获取新的验证码，并在当前会话中通过 POST /v1/me/proofs 完成验证，然后重新提交。",
    ),
    "forbidden": _problem(
        403, "Not allowed", "This credential does not have the right.", "无权限", "当前凭证没有此操作的权限。"
    ),
    "not-found": _problem(404, "Not found", "There is nothing here.", "未找到", "您请求的内容不存在。"),
    "method-not-allowed": _problem(
        405, "Method not allowed", "The Allow header lists what can be done here.", "方法不允许", "可用方法见 Allow 响应头。"
    ),
    "not-acceptable": _problem(
        406,
        "Not acceptable",
        "Answers are application/json, and where the document says so other media.",
        "无法提供所需格式",
        "响应格式为 application/json，部分接口另支持文档所列格式。",
    ),
    "conflict": _problem(409, "Conflict", "This collides with what is already recorded.", "冲突", "该操作与已有记录冲突。"),
    "winding-down": _problem(
        409,
        "No new loans",
        "The lender winds down: it takes no new loans. What is known of its loans is still taken.",
        "不再受理新贷款",
        "该出借方正在退出，不再受理新贷款；已有贷款的信息仍可提交。",
    ),
    "plan-not-eligible": _problem(
        409,
        "Not offered for this loan now",
        "This option cannot be chosen for this loan now; the plan options say why, and what can be.",
        "该贷款目前不可选择此方案",
        "该笔贷款目前不可选择此方案，原因及可选方案见还款方案列表。",
    ),
    "state-too-old": _problem(
        409,
        "Load it anew",
        "What has changed since that state is not known here. Load the whole list again and go on from its state.",
        "需要重新加载",
        "无法得知该状态之后的变化，请重新加载全部列表，并以新的状态继续。",
    ),
    "law-refused": _problem(
        409,
        "Not allowed by law",
        "A rule of law stands in the way; `errors` names it, what is missing, and from when on it is allowed.",
        "法律不允许",
        "有法律规定不允许此操作，相关规定、缺少的条件及可办理日期见 errors。",
    ),
    "idempotency-in-flight": _problem(
        409,
        "Still being worked on",
        "The same request is running. Try again shortly.",
        "请求处理中",
        "相同的请求正在处理，请稍后重试。",
    ),
    "quiet-hours": _problem(
        409,
        "Outside the hours of contact",
        "The hours of contact can be narrowed here, not widened. To be contacted outside them, write to your lender.",
        "超出联系时段",
        "此处只能缩短联系时段，不能延长。如需在其他时段接受联系，请以书面方式告知贷款机构。",
    ),
    "contact-cap-reached": _problem(
        409,
        "Contacted often enough",
        "A cap on contacts is full; `errors` says which, and when there is room again.",
        "已达联系次数上限",
        "联系次数已达上限，具体上限及何时可再次联系见 errors。",
    ),
    "consent-missing": _problem(
        409,
        "Not agreed to",
        "The borrower has not agreed to be contacted so, or has refused it.",
        "未获借款人同意",
        "借款人未同意或已拒绝以此方式联系。",
    ),
    "contact-refused": _problem(
        409,
        "This contact may not be made",
        "Something stands in the way of this contact; `errors` says what.",
        "不得进行此次联系",
        "此次联系目前不得进行，原因见 errors。",
    ),
    "preference-locked": _problem(
        409,
        "Cannot be switched off",
        "A law or the safety of your account demands this channel; the preferences say which and why.",
        "无法关闭",
        "该渠道因法律要求或账户安全需要无法关闭，原因见偏好设置。",
    ),
    "letter-refused": _problem(
        409,
        "Letter refused",
        "The letter cannot be made as it has to be. The detail says which part is missing: supply it and ask again.",
        "信函无法生成",
        "信函无法按要求生成。详情说明缺少哪一部分；请补充后重试。",
    ),
    "link-expired": _problem(
        410,
        "Link expired",
        "This link has run out. Open the app instead.",
        "链接已失效",
        "该链接已过期，请直接打开应用查看。",
    ),
    "stale-version": _problem(
        412,
        "Older version",
        "A newer version is already recorded.",
        "版本过旧",
        "系统中已有更新的版本，请获取最新数据后重试。",
    ),
    "payload-too-large": _problem(
        413,
        "Body too large",
        "The body may have at most 1 MiB, a file 10 MiB.",
        "请求正文过大",
        "请求正文不得超过 1 MiB，文件不得超过 10 MiB。",
    ),
    "unsupported-media-type": _problem(
        415,
        "Unsupported media type",
        "Send the body as application/json in UTF-8; a file as the type it was announced with.",
        "不支持的媒体类型",
        "请以 UTF-8 编码的 application/json 发送请求正文；上传文件时请使用登记的文件类型。",
    ),
    "validation-failed": _problem(
        422,
        "Not valid",
        "Something in the request is not valid; `errors` says where.",
        "校验未通过",
        "请求内容有误，详见 errors。",
    ),
    "currency-mismatch": _problem(
        422,
        "Currencies differ",
        "Two currencies met where only one can be.",
        "币种不一致",
        "此处只能使用同一种货币。",
    ),
    "idempotency-mismatch": _problem(
        422,
        "Key used with another body",
        "The idempotency key was used before with another body. Use a new key.",
        "幂等键内容不一致",
        "该幂等键已用于内容不同的请求，请更换新的键。",
    ),
    "app-too-old": _problem(426, "App too old", "Update the app.", "应用版本过旧", "请更新应用。"),
    "precondition-required": _problem(
        428, "If-Match needed", "Send If-Match with the ETag you read.", "缺少 If-Match", "请携带读取时获得的 ETag。"
    ),
    "otp-locked": _problem(
        429,
        "Too many wrong codes",
        "This code is locked. Ask for a new one.",
        "错误次数过多",
        "该验证码已锁定，请重新获取。",
    ),
    "rate-limited": _problem(
        429,
        "Too many requests",
        "Wait as long as Retry-After says.",
        "请求过于频繁",
        "请按 Retry-After 指示的时间稍后重试。",
    ),
    "internal": _problem(
        500,
        "Something failed here",
        "It was recorded under this request id.",
        "服务器内部错误",
        "问题已按此请求编号记录，请稍后重试。",
    ),
    "maintenance": _problem(503, "Not available now", "Try again shortly.", "暂时无法服务", "系统暂时不可用，请稍后重试。"),
    "provider-unavailable": _problem(
        503, "A provider does not answer", "Try again shortly.", "服务商无响应", "外部服务暂时不可用，请稍后重试。"
    ),
}

CODE_OF_STATUS = {
    400: "bad-request",
    401: "unauthenticated",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    406: "not-acceptable",
    409: "conflict",
    410: "link-expired",
    412: "stale-version",
    413: "payload-too-large",
    415: "unsupported-media-type",
    422: "validation-failed",
    428: "precondition-required",
    429: "rate-limited",
    500: "internal",
    503: "maintenance",
}
"""The problem meant when only a status is known (an error of the web server or of Flask itself)."""
