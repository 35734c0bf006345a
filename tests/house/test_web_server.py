"""The web server around the program: what it says of requests that never reach a view."""

import logging
import runpy
from pathlib import Path

import orjson
import pytest
from gunicorn.config import Config

from app import logs
from config import ROOT


def test_the_server_quotes_requests_it_cannot_read_as_json_without_personal_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DUECOURSE_VAR_DIR", str(tmp_path))
    config = Config()
    for name, value in runpy.run_path(str(ROOT / "gunicorn.conf.py")).items():
        if name in config.settings:
            config.set(name, value)
    server_log = logging.getLogger("gunicorn.error")
    kept = (server_log.level, server_log.propagate)
    try:
        config.logger_class(config).warning("Invalid request from ip=%s: %s", "203.0.113.77", "GET /x?p=+8613987654321\n{}")
    finally:
        server_log.setLevel(kept[0])
        server_log.propagate = kept[1]
        logs.configure("INFO")

    (line,) = [orjson.loads(text) for text in capfd.readouterr().err.splitlines()]
    assert line["level"] == "warning"
    assert line["event"].startswith("Invalid request from ip=")
    assert not any(secret in line["event"] for secret in ("203.0.113", "86139"))
    assert config.settings["control_socket_disable"].get()
