"""What a deployment may say, and what is refused before anything starts: the message names the variable."""

import base64
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from config import ROOT, Settings, SettingsError, new_key_ring, parse_keys

STRONG = "k1:" + base64.b64encode(hashlib.sha256(b"strong").digest()).decode()
"""The same in every process: names of tests are made of it, and the workers of a run must know the same tests."""


def encoded(key: bytes) -> str:
    return "k1:" + base64.b64encode(key).decode()


def production(tmp_path: Path, **changes: str) -> dict[str, str]:
    """An environment that production starts with, but for the changes; an empty value leaves the variable out."""
    given = {
        "DUECOURSE_MODE": "production",
        "DATABASE_URL": "postgresql://duecourse@db/duecourse",
        "DUECOURSE_KEYS": STRONG,
        "DUECOURSE_VAR_DIR": str(tmp_path / "var"),
    }
    return {name: value for name, value in {**given, **changes}.items() if value}


def test_production_starts_with_a_database_and_strong_keys(tmp_path: Path) -> None:
    settings = Settings.from_env(production(tmp_path, DUECOURSE_KEYS=new_key_ring()))

    assert not settings.is_sandbox
    assert settings.database_url == "postgresql+psycopg://duecourse@db/duecourse"
    assert (settings.ops_port, settings.engine_ops_port, settings.public_docs) == (9100, 9101, False)
    assert not (tmp_path / "var").exists()


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DUECOURSE_KEYS", ""),
        ("DUECOURSE_KEYS", "secret"),
        ("DUECOURSE_KEYS", ","),
        ("DUECOURSE_KEYS", encoded(b"short")),
        ("DUECOURSE_KEYS", encoded(bytes(32))),
        ("DUECOURSE_KEYS", encoded(b"changeme" * 4)),
        ("DUECOURSE_KEYS", f"{STRONG},k2:{base64.b64encode(bytes(32)).decode()}"),
        ("DUECOURSE_KEYS", STRONG.replace("k1:", "K 1:")),
        ("DATABASE_URL", ""),
        ("DATABASE_URL", "mysql://root@db/x"),
        ("DUECOURSE_MODE", "prod"),
        ("DUECOURSE_FCM_BASE_URL", "http://127.0.0.1:9"),
        ("DUECOURSE_SMS_URL", "http://sms.example"),
        ("DUECOURSE_SMS_KEY", "weak"),
        ("DUECOURSE_STAND_IN_URL", "http://127.0.0.1:9"),
        ("DUECOURSE_FCM_CREDENTIALS", "/nowhere.json"),
        ("DUECOURSE_TRUSTED_PROXIES", "all"),
        ("PORT", "65536"),
        ("PORT", "８０"),
        ("PORT", "²"),
    ],
)
def test_production_refuses_what_is_weak_or_wrong_and_names_the_variable(tmp_path: Path, variable: str, value: str) -> None:
    changes = {variable: value}
    if variable == "DUECOURSE_SMS_KEY":
        changes["DUECOURSE_SMS_URL"] = "https://sms.example"

    with pytest.raises(SettingsError, match=variable) as refused:
        Settings.from_env(production(tmp_path, **changes))

    assert STRONG not in str(refused.value)


WEAK = {
    "sms": {"provider": "gateway", "url": "HTTP://texts.example", "key": "k" * 32},
    "email": {"provider": "smtp", "url": "smtps://relay.example", "key": "k" * 31},
    "letter": {"provider": "print_room", "folder": "/out", "callback_key": "short"},
    "wechat": {"provider": "wechat", "token": "t" * 16, "authorize_url": "http://open.weixin.example"},
}


@pytest.mark.parametrize(
    ("channel", "entry", "setting"),
    [
        ("sms", WEAK["sms"], "url"),
        ("sms", {**WEAK["sms"], "url": "https://texts.example", "key": "k" * 31}, "key"),
        ("email", WEAK["email"], "key"),
        ("letter", WEAK["letter"], "callback_key"),
        ("wechat", WEAK["wechat"], "authorize_url"),
        ("wechat", {"provider": "wechat", "token": "t" * 15}, "token"),
        ("wechat", {"provider": "wechat", "token": "t" * 16, "require_encrypted": False}, "require_encrypted"),
        ("payment", {"provider": "stripe", "secret_key": "sk_test_kkkk", "webhook_secret": "w" * 24}, "secret_key"),
        ("payment", {"provider": "stripe", "secret_key": "sk_live_kkkk", "webhook_secret": "kkkk"}, "webhook_secret"),
        ("payment", {"provider": "hosted", "url": "https://x.example", "key": "kkkk"}, "key"),
        ("payment", {"provider": "hosted", "url": "http://x.example", "key": "k" * 32}, "url"),
        ("payment", {"provider": "hosted", "url": "https://x.example", "key": "k" * 32, "live": False}, "live"),
    ],
)
def test_production_refuses_a_weak_provider_and_names_the_setting(
    tmp_path: Path, channel: str, entry: dict[str, object], setting: str
) -> None:
    file = tmp_path / "providers.json"
    file.write_text(json.dumps({channel: [entry], "callbacks": {"secret": "w" * 32}}))

    with pytest.raises(SettingsError, match=f"{entry['provider']}: `{setting}`") as refused:
        Settings.from_env(production(tmp_path, DUECOURSE_PROVIDERS=str(file)))

    assert "kkkk" not in str(refused.value)


@pytest.mark.parametrize("name", ["public_url", "app_url"])
def test_production_refuses_addresses_of_its_own_in_clear_text(tmp_path: Path, name: str) -> None:
    file = tmp_path / "providers.json"
    file.write_text(json.dumps({"callbacks": {"secret": "w" * 32, name: "http://lender.example/"}}))

    with pytest.raises(SettingsError, match=name):
        Settings.from_env(production(tmp_path, DUECOURSE_PROVIDERS=str(file)))


def test_production_takes_strong_providers(tmp_path: Path) -> None:
    file = tmp_path / "providers.json"
    strong = {
        "sms": [{"provider": "gateway", "url": "https://texts.example", "key": "k" * 32}],
        "email": [{"provider": "smtp", "url": "smtp://127.0.0.1:25", "security": "none", "key": "k" * 32}],
        "wechat": [{"provider": "wechat", "token": "t" * 16}],
        "callbacks": {"secret": "w" * 32, "public_url": "https://api.lender.example"},
    }
    file.write_text(json.dumps(strong))

    assert set(Settings.from_env(production(tmp_path, DUECOURSE_PROVIDERS=str(file))).providers) == {
        "sms",
        "email",
        "wechat",
    }


def test_payment_providers_are_read_apart_and_need_an_address_to_post_to(tmp_path: Path) -> None:
    file = tmp_path / "providers.json"
    document = {
        "payment": [{"provider": "stripe", "secret_key": "sk_live_k", "webhook_secret": "w" * 24}],
        "callbacks": {"secret": "w" * 32},
    }
    file.write_text(json.dumps(document))
    with pytest.raises(SettingsError, match="public_url"):
        Settings.from_env(production(tmp_path, DUECOURSE_PROVIDERS=str(file)))
    file.write_text(json.dumps({**document, "callbacks": {"secret": "w" * 32, "public_url": "https://api.lender.example"}}))

    settings = Settings.from_env(production(tmp_path, DUECOURSE_PROVIDERS=str(file)))

    assert [entry["provider"] for entry in settings.payments] == ["stripe"]
    assert dict(settings.providers) == {}


def test_a_program_that_production_refuses_does_not_start(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], **production(tmp_path, DUECOURSE_KEYS=encoded(bytes(32)))}

    started = subprocess.run(
        [sys.executable, "-c", "import wsgi"], cwd=ROOT, env=environment, capture_output=True, text=True
    )

    assert started.returncode != 0
    assert "DUECOURSE_KEYS" in started.stderr
    assert "keys ring" in started.stderr


def test_the_sandbox_makes_its_own_keys_once_and_keeps_them_from_others(tmp_path: Path) -> None:
    environment = {"DUECOURSE_VAR_DIR": str(tmp_path)}

    first, second = Settings.from_env(environment), Settings.from_env(environment)

    assert first.keys == second.keys
    assert (tmp_path / "sandbox-keys.json").stat().st_mode & 0o077 == 0
    assert base64.b64encode(next(iter(first.keys.values()))).decode() not in repr(first)


def test_the_first_key_of_a_ring_writes() -> None:
    ring = parse_keys(f"{STRONG.replace('k1:', 'new:')},{STRONG}")

    assert list(ring) == ["new", "k1"]


def test_letterheads_are_a_folder(tmp_path: Path) -> None:
    assert Settings.from_env(production(tmp_path, DUECOURSE_LETTERHEADS=str(tmp_path))).letterheads == tmp_path
    assert Settings.from_env(production(tmp_path)).letterheads is None
    with pytest.raises(SettingsError, match="DUECOURSE_LETTERHEADS"):
        Settings.from_env(production(tmp_path, DUECOURSE_LETTERHEADS=str(tmp_path / "nowhere")))
