"""flask ops: metrics for the operator's own network, and forgetting what is past its time."""

import click
from flask import current_app
from flask.cli import AppGroup

from app import clock

ops_commands = AppGroup("ops", help="Metrics, and tidying up.")


@ops_commands.command("serve")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=int, help="Port; DUECOURSE_OPS_PORT when it is not given.")
def serve(host: str, port: int | None) -> None:
    """Serve /metrics of this process until stopped.

    Metrics belong to a process: the web server and the engine serve their own through `app.web.health.serve_metrics`.
    """
    from app.web.health import serve_metrics

    settings = current_app.config["SETTINGS"]
    server, thread = serve_metrics(settings.ops_port if port is None else port, host)
    click.echo(f"Metrics: http://{host}:{server.server_port}/metrics")
    try:
        thread.join()
    except KeyboardInterrupt:
        server.shutdown()


@ops_commands.command("tidy")
def tidy_up() -> None:
    """Forget spent tokens, answered idempotency keys, old challenges and counters. Safe at any time; run it daily."""
    from app.services.tidying import tidy

    for table, rows in tidy(now=clock.now()).items():
        click.echo(f"{table} {rows}")
