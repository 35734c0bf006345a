"""Gunicorn's settings: threads, logs, and metrics of all workers together on the operator's port.

Gunicorn reads this file by itself from the folder it is started in; options on its command line win. Workers write their
counters into a folder of memory-mapped files (prometheus_client's multi-process mode), and the master serves the sum.
"""

import os
import shutil
import tempfile
from typing import Any

from gunicorn.glogging import Logger

from app import logs
from config import Settings

_settings = Settings.from_env()
_folder: str | None = None
if _settings.ops_port is not None:
    _folder = tempfile.mkdtemp(prefix="duecourse-metrics-")
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = _folder  # before any worker loads prometheus_client

bind = f"127.0.0.1:{_settings.port}"
worker_class = "gthread"
workers = 2
threads = 4
timeout = 30
limit_request_line = 4094
limit_request_fields = 60
limit_request_field_size = 8190
control_socket_disable = True  # nobody asked for a second way in; by default every server of a user shares one


class logger_class(Logger):  # the setting's name
    """Gunicorn's own messages as JSON lines with personal data taken out: it quotes requests that it cannot read."""

    def setup(self, cfg: Any) -> None:
        """Hand everything to the root logger, which the program's own lines go through too."""
        super().setup(cfg)
        logs.configure(_settings.log_level)
        self.error_log.handlers.clear()
        self.error_log.propagate = True


def when_ready(_server: Any) -> None:
    """Serve the sum of the workers' metrics from the master."""
    if _settings.ops_port is not None:
        from prometheus_client import CollectorRegistry, start_http_server
        from prometheus_client.multiprocess import MultiProcessCollector

        registry = CollectorRegistry()
        MultiProcessCollector(registry)
        start_http_server(_settings.ops_port, addr="127.0.0.1", registry=registry)


def child_exit(_server: Any, worker: Any) -> None:
    """Forget the gauges of a worker that is gone."""
    if _folder is not None:
        from prometheus_client.multiprocess import mark_process_dead

        mark_process_dead(worker.pid)


def on_exit(_server: Any) -> None:
    """Leave nothing behind."""
    if _folder is not None:
        shutil.rmtree(_folder, ignore_errors=True)
