"""Typed settings, read from the environment once. Nothing in `app/` reads the environment.

`DUECOURSE_MODE` is sandbox (the default when nothing is configured) or production. Production refuses to start weak:
the error names the variable and says what to put there.
"""

import base64
import binascii
import json
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MODES = ("sandbox", "production")
OUTWARD_CHANNELS = ("sms", "voice", "wechat", "email", "letter")
"""Channels whose providers the providers file names; push has FCM and settings of its own."""
_OWN_WORDS: Mapping[str, Mapping[str, int]] = {
    "gateway": {"key": 32},
    "smtp": {"key": 32},
    "print_room": {"callback_key": 32},
    "wechat": {"token": 16},  # WeChat takes 3 to 32
    "hosted": {"key": 32},
    "stripe": {"webhook_secret": 24},  # Stripe's own, which begin with whsec_
}
"""Provider -> its settings that the operator makes up, by which posts to us are proven -> characters at least."""
_STORAGE_KEYS = frozenset({"endpoint", "bucket", "region", "access_key", "secret_key"})
KEY_BYTES = 32
ROOT = Path(__file__).resolve().parent
LPR_FILE = ROOT / "app" / "content" / "reference" / "lpr.csv"
HOW_TO_MAKE_KEYS = "make one with `flask --app wsgi keys ring` and keep it outside the repository"


class SettingsError(Exception):
    """A setting is missing or wrong. The message names the variable and says what to do."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a deployment may choose, with the variable each field comes from."""

    mode: str
    """DUECOURSE_MODE: sandbox or production."""
    database_url: str
    """DATABASE_URL: sqlite:///path or postgresql://...; default: a file below var_dir, in sandbox mode only."""
    keys: Mapping[str, bytes] = field(repr=False)
    """DUECOURSE_KEYS: `id:base64 of 32 bytes`, several separated by commas, the writing key first."""
    var_dir: Path = ROOT / "var"
    """DUECOURSE_VAR_DIR: where the sandbox keeps its database, keys and logs."""
    port: int = 8000
    """PORT: of the web server."""
    ops_port: int | None = None
    """DUECOURSE_OPS_PORT: /metrics of the web processes, loopback only; production: 9100, sandbox: /metrics on PORT."""
    engine_ops_port: int | None = None
    """DUECOURSE_ENGINE_OPS_PORT: /metrics of an engine, loopback only; production: 9101, sandbox: none."""
    public_docs: bool = False
    """DUECOURSE_PUBLIC_DOCS=1: serve /openapi.json and /docs in production too."""
    trusted_proxies: int = 0
    """DUECOURSE_TRUSTED_PROXIES: how many proxies in front may set X-Forwarded-*."""
    inbox_waiters: int = 2
    """DUECOURSE_INBOX_WAITERS: requests a web process lets wait for their inbox to change; half of its threads, 0: none."""
    fcm_base_url: str = "https://fcm.googleapis.com"
    """DUECOURSE_FCM_BASE_URL: the real bytes go to a stand-in in tests and the sandbox."""
    fcm_credentials_file: Path | None = None
    """DUECOURSE_FCM_CREDENTIALS: service-account JSON; without it push is switched off and says so."""
    sms_url: str | None = None
    """DUECOURSE_SMS_URL: a gateway that takes a signed JSON post; one-time codes go there."""
    sms_key: str | None = field(default=None, repr=False)
    """DUECOURSE_SMS_KEY: signs those posts."""
    providers: Mapping[str, tuple[Mapping[str, Any], ...]] = field(default_factory=dict, repr=False)
    """DUECOURSE_PROVIDERS: a JSON file with the providers of each channel, the preferred one first; see docs/channels.md."""
    payments: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    """`payment` of that file: accounts at payment providers, the preferred one first; see docs/payments.md."""
    callback_secret: str = field(default="", repr=False)
    """`callbacks.secret` of that file: the addresses of providers that sign nothing are made with it."""
    public_url: str | None = None
    """`callbacks.public_url` of that file: how providers and borrowers reach us, e.g. https://api.lender.example."""
    app_url: str | None = None
    """`callbacks.app_url` of that file: where links of the web begin that the app claims (universal links, app links)."""
    stand_in_url: str | None = None
    """DUECOURSE_STAND_IN_URL: the sandbox's provider stand-in; `make run` sets it."""
    letterheads: Path | None = None
    """DUECOURSE_LETTERHEADS: a folder with `<lender code>.yaml` for each lender that writes letters; see docs/letters.md."""
    webhook_ports: tuple[int, ...] = (443, 8443)
    """DUECOURSE_WEBHOOK_PORTS: ports of the internet that webhooks may go to; the sandbox's go to this machine alone."""
    attachments_dir: Path | None = None
    """DUECOURSE_ATTACHMENTS_DIR: folder for files that borrowers hand in, sealed; default: `attachments` below var_dir."""
    object_storage: Mapping[str, str] | None = field(default=None, repr=False)
    """DUECOURSE_OBJECT_STORAGE: a JSON file with endpoint, bucket, region, access_key, secret_key and perhaps prefix of an
    S3-compatible storage, which keeps them instead; see docs/attachments.md."""
    clamd: str | None = None
    """DUECOURSE_CLAMD: a virus scanner, unix:///path or tcp://host:port; without one files stay unscanned and say so."""
    bulletin_key: bytes | None = field(default=None, repr=False)
    """DUECOURSE_BULLETIN_KEY: base64 of 32 bytes, an Ed25519 key that signs bulletins; without one none is signed."""
    lpr_file: Path = LPR_FILE
    """DUECOURSE_LPR_FILE: a newer table of loan prime rates, in the columns of the one that comes with Duecourse."""
    log_level: str = "INFO"
    """DUECOURSE_LOG_LEVEL."""

    @property
    def provider_names(self) -> dict[str, list[str]]:
        """Names of the providers of each channel, the preferred one first; the SMS gateway of DUECOURSE_SMS_URL is one."""
        names = {channel: [str(entry["provider"]) for entry in entries] for channel, entries in self.providers.items()}
        if self.sms_url:
            names.setdefault("sms", []).append("gateway")
        return names

    @property
    def attachments_folder(self) -> Path:
        """Where attachments are kept without an object storage."""
        return self.attachments_dir or self.var_dir / "attachments"

    @property
    def is_sandbox(self) -> bool:
        """Whether the sandbox (sample book, virtual phone, movable clock) is loaded."""
        return self.mode == "sandbox"

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> "Settings":
        """Read the settings. Raises SettingsError naming the variable that is missing or wrong."""
        env = os.environ if environ is None else environ
        mode = env.get("DUECOURSE_MODE", "sandbox")
        if mode not in MODES:
            raise SettingsError(f"DUECOURSE_MODE is {mode!r}; it must be one of: {', '.join(MODES)}.")
        var_dir = Path(env.get("DUECOURSE_VAR_DIR") or ROOT / "var").resolve()
        credentials = env.get("DUECOURSE_FCM_CREDENTIALS")
        if credentials and not Path(credentials).is_file():
            raise SettingsError(f"DUECOURSE_FCM_CREDENTIALS names {credentials}, which is not a file.")
        lpr_file = Path(env.get("DUECOURSE_LPR_FILE") or LPR_FILE)
        if not lpr_file.is_file():
            raise SettingsError(f"DUECOURSE_LPR_FILE names {lpr_file}, which is not a file.")
        letterheads = env.get("DUECOURSE_LETTERHEADS")
        if letterheads and not Path(letterheads).is_dir():
            raise SettingsError(f"DUECOURSE_LETTERHEADS names {letterheads}, which is not a folder.")
        settings = cls(
            mode=mode,
            database_url=_database_url(env, mode, var_dir),
            keys=_keys(env, mode, var_dir),
            var_dir=var_dir,
            port=_port(env, "PORT", 8000),
            ops_port=_ops_port(env, "DUECOURSE_OPS_PORT", mode, 9100),
            engine_ops_port=_ops_port(env, "DUECOURSE_ENGINE_OPS_PORT", mode, 9101),
            public_docs=env.get("DUECOURSE_PUBLIC_DOCS") == "1",
            trusted_proxies=_whole(env, "DUECOURSE_TRUSTED_PROXIES", 0, 0, 5),
            inbox_waiters=_whole(env, "DUECOURSE_INBOX_WAITERS", 2, 0, 1000),
            fcm_base_url=env.get("DUECOURSE_FCM_BASE_URL", "https://fcm.googleapis.com").rstrip("/"),
            fcm_credentials_file=Path(credentials) if credentials else None,
            sms_url=env.get("DUECOURSE_SMS_URL") or None,
            sms_key=env.get("DUECOURSE_SMS_KEY") or None,
            stand_in_url=env.get("DUECOURSE_STAND_IN_URL") or None,
            **_providers(env),
            letterheads=Path(letterheads) if letterheads else None,
            webhook_ports=_ports(env, "DUECOURSE_WEBHOOK_PORTS", (443, 8443)),
            attachments_dir=Path(env["DUECOURSE_ATTACHMENTS_DIR"]) if env.get("DUECOURSE_ATTACHMENTS_DIR") else None,
            object_storage=_object_storage(env),
            clamd=_clamd(env),
            bulletin_key=_bulletin_key(env),
            lpr_file=lpr_file,
            log_level=env.get("DUECOURSE_LOG_LEVEL", "INFO").upper(),
        )
        if mode == "production":
            settings.refuse_weak_production()
        return settings

    def refuse_weak_production(self) -> None:
        """Raise SettingsError when production would talk in clear text or sign with nothing."""
        for name, url in (("DUECOURSE_FCM_BASE_URL", self.fcm_base_url), ("DUECOURSE_SMS_URL", self.sms_url)):
            if url and not url.startswith("https://"):
                raise SettingsError(f"{name} must be https:// in production.")
        if self.sms_url and len(self.sms_key or "") < 32:
            raise SettingsError("DUECOURSE_SMS_KEY must be at least 32 characters when DUECOURSE_SMS_URL is set.")
        for channel, entries in self.providers.items():
            for entry in entries:
                _refuse_weak_provider(f"DUECOURSE_PROVIDERS: {channel} {entry['provider']}", entry)
        self._refuse_weak_payments()
        if self.providers and len(self.callback_secret) < 32:
            raise SettingsError("DUECOURSE_PROVIDERS: `callbacks.secret` must be at least 32 characters.")
        for name, address in (("public_url", self.public_url), ("app_url", self.app_url)):
            if address and not address.startswith("https://"):
                raise SettingsError(f"DUECOURSE_PROVIDERS: `callbacks.{name}` must be https:// in production.")
        if self.object_storage and not self.object_storage["endpoint"].startswith("https://"):
            raise SettingsError("DUECOURSE_OBJECT_STORAGE: `endpoint` must be https:// in production.")
        if self.stand_in_url:
            raise SettingsError("DUECOURSE_STAND_IN_URL is for the sandbox; remove it in production.")

    def _refuse_weak_payments(self) -> None:
        for entry in self.payments:
            name = f"DUECOURSE_PROVIDERS: payment {entry['provider']}"
            _refuse_weak_provider(name, entry)
            if str(entry.get("secret_key", "")).startswith(("sk_test_", "rk_test_")):
                raise SettingsError(f"{name}: `secret_key` is a test key, and test money would be booked as money.")
            if entry["provider"] == "hosted" and entry.get("live") is False:
                raise SettingsError(f"{name}: `live` false is a test account, whose money would be booked as money.")
        if self.payments and self.public_url is None:
            raise SettingsError("DUECOURSE_PROVIDERS: `callbacks.public_url` must be set: payment providers post there.")


def _refuse_weak_provider(name: str, entry: Mapping[str, Any]) -> None:
    """Raise SettingsError for an address in clear text, or for a word of ours that can be guessed or is not asked for."""
    for setting, value in entry.items():
        if isinstance(value, str) and value.strip().lower().startswith("http:"):
            raise SettingsError(f"{name}: `{setting}` must be https:// in production.")
    for setting, least in _OWN_WORDS.get(entry["provider"], {}).items():
        if setting in entry and len(str(entry[setting])) < least:
            raise SettingsError(f"{name}: `{setting}` must be at least {least} characters in production.")
    if entry.get("require_encrypted") is False:
        raise SettingsError(f"{name}: `require_encrypted` false believes what nobody has proven; leave it out.")


def _providers(env: Mapping[str, str]) -> dict[str, Any]:
    """Read the providers file: {channel: [{"provider": name, ...}], "callbacks": {"secret", "public_url", "app_url"}}."""
    path = env.get("DUECOURSE_PROVIDERS")
    if not path:
        return {}
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise SettingsError(f"DUECOURSE_PROVIDERS names {path}, which is not a file of JSON.") from None
    callbacks = document.pop("callbacks", {}) if isinstance(document, dict) else {}
    is_well = isinstance(document, dict) and isinstance(callbacks, dict) and all(
        channel in (*OUTWARD_CHANNELS, "payment") and isinstance(entries, list)
        and all(isinstance(entry, dict) and isinstance(entry.get("provider"), str) for entry in entries)
        for channel, entries in document.items()
    )  # fmt: skip
    if not is_well:
        raise SettingsError(
            f"DUECOURSE_PROVIDERS: {path} holds, by channel ({', '.join(OUTWARD_CHANNELS)}, payment), a list of objects "
            "that each name a `provider`, and `callbacks`."
        )
    return {
        "payments": tuple(document.pop("payment", ())),
        "providers": {channel: tuple(entries) for channel, entries in document.items()},
        "callback_secret": str(callbacks.get("secret", "")),
        **{name: str(callbacks[name]).rstrip("/") if callbacks.get(name) else None for name in ("public_url", "app_url")},
    }


def _object_storage(env: Mapping[str, str]) -> Mapping[str, str] | None:
    path = env.get("DUECOURSE_OBJECT_STORAGE")
    if not path:
        return None
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        document = None
    if (
        not isinstance(document, dict)
        or not _STORAGE_KEYS <= document.keys() <= _STORAGE_KEYS | {"prefix"}
        or not all(isinstance(value, str) for value in document.values())
        or not re.fullmatch(r"https?://[^/?#]+", document["endpoint"])
    ):
        raise SettingsError(
            f"DUECOURSE_OBJECT_STORAGE names {path}, which is not a JSON object of {', '.join(sorted(_STORAGE_KEYS))} and "
            "perhaps prefix, all of them texts; `endpoint` is https://host[:port] alone."
        )
    return document


def _bulletin_key(env: Mapping[str, str]) -> bytes | None:
    text = env.get("DUECOURSE_BULLETIN_KEY")
    if not text:
        return None
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error:
        key = b""
    if len(key) != KEY_BYTES:
        raise SettingsError(f"DUECOURSE_BULLETIN_KEY is not base64 of {KEY_BYTES} bytes; {HOW_TO_MAKE_KEYS}.")
    return key


def _clamd(env: Mapping[str, str]) -> str | None:
    address = env.get("DUECOURSE_CLAMD") or None
    if address and not re.fullmatch(r"unix:///.+|tcp://[^/:]+:[0-9]{1,5}", address):
        raise SettingsError(f"DUECOURSE_CLAMD is {address!r}; it must be unix:///path/of/socket or tcp://host:port.")
    return address


def _database_url(env: Mapping[str, str], mode: str, var_dir: Path) -> str:
    url = env.get("DATABASE_URL", "")
    if not url:
        if mode == "production":
            raise SettingsError("DATABASE_URL is not set; name the database, for example postgresql://user@host/name.")
        var_dir.mkdir(parents=True, exist_ok=True)
        return f"sqlite:///{var_dir / 'duecourse.db'}"
    return normal_database_url(url)


def normal_database_url(url: str) -> str:
    """Return the URL with the driver we use. Raises SettingsError for another kind of database."""
    url = re.sub(r"^postgres(ql)?(\+psycopg)?://", "postgresql+psycopg://", url)
    if not url.startswith(("sqlite:///", "postgresql+psycopg://")):
        raise SettingsError("DATABASE_URL must begin with sqlite:/// or postgresql://.")
    return url


def parse_keys(text: str) -> dict[str, bytes]:
    """Return the key ring written as `id:base64,id:base64`. Raises SettingsError for weak or malformed keys."""
    keys: dict[str, bytes] = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        key_id, _, encoded = part.partition(":")
        try:
            key = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            key = b""
        if not re.fullmatch(r"[a-z0-9]{1,16}", key_id) or len(key) != KEY_BYTES:
            raise SettingsError(f"DUECOURSE_KEYS: each key is `id:base64 of {KEY_BYTES} bytes`; {HOW_TO_MAKE_KEYS}.")
        if len(set(key)) < KEY_BYTES // 2:
            raise SettingsError(f"DUECOURSE_KEYS: key {key_id!r} is not random; {HOW_TO_MAKE_KEYS}.")
        keys[key_id] = key
    return keys


def new_key_ring() -> str:
    """Return a new key ring with one random key, as DUECOURSE_KEYS takes it."""
    while True:
        ring = "k1:" + base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()
        try:
            parse_keys(ring)
        except SettingsError:
            continue
        return ring


def _keys(env: Mapping[str, str], mode: str, var_dir: Path) -> dict[str, bytes]:
    text = env.get("DUECOURSE_KEYS", "")
    if not text:
        if mode == "production":
            raise SettingsError(f"DUECOURSE_KEYS is not set; {HOW_TO_MAKE_KEYS}.")
        text = _sandbox_keys(var_dir)
    keys = parse_keys(text)
    if not keys:
        raise SettingsError(f"DUECOURSE_KEYS holds no key; {HOW_TO_MAKE_KEYS}.")
    return keys


def _sandbox_keys(var_dir: Path) -> str:
    """The sandbox makes its own keys once and keeps them beside its database; nothing secret is in the repository."""
    path = var_dir / "sandbox-keys.json"
    if not path.exists():
        var_dir.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(f".{os.getpid()}.tmp")
        fresh.touch(mode=0o600)
        fresh.write_text(json.dumps({"DUECOURSE_KEYS": new_key_ring()}))
        try:
            os.link(fresh, path)  # the first of several processes wins; the others read what it wrote
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    keys: str = json.loads(path.read_text())["DUECOURSE_KEYS"]
    return keys


def _whole(env: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    text = env.get(name) or str(default)
    if not re.fullmatch("[0-9]{1,9}", text) or not low <= int(text) <= high:
        raise SettingsError(f"{name} is {text!r}; it must be a whole number from {low} to {high}.")
    return int(text)


def _port(env: Mapping[str, str], name: str, default: int) -> int:
    return _whole(env, name, default, 0, 65535)


def _ports(env: Mapping[str, str], name: str, default: tuple[int, ...]) -> tuple[int, ...]:
    given = [each.strip() for each in (env.get(name) or "").split(",") if each.strip()]
    return tuple(_whole({name: each}, name, 0, 1, 65535) for each in given) or default


def _ops_port(env: Mapping[str, str], name: str, mode: str, default: int) -> int | None:
    return None if mode == "sandbox" and not env.get(name) else _port(env, name, default)
