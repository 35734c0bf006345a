"""Experiments and holdouts: which there are, and what each did to payment and to people."""

from flask import Response

from app.console.frame import page, pages
from app.domain.errors import ConflictError, UnavailableError
from app.persistence.unit_of_work import reading_one_state
from app.services.experiments import list_experiments, report_experiment
from app.web.auth import desk, permits
from app.web.reads import end_reads
from app.web.request_context import now


@pages.get("/experiments")
@permits("experiments.read")
def experiments() -> Response:
    """List them with who is in which arm."""
    lender_id = desk().lender_id
    end_reads()
    with reading_one_state() as session:
        return page("experiments/list.html", found=list_experiments(session, lender_id=lender_id))


@pages.get("/experiments/<number:key>")
@permits("experiments.read")
def experiment(key: str) -> Response:
    """Show the report of one; where statistics are not installed, or cannot be told, say so instead."""
    lender_id, at = desk().lender_id, now()
    end_reads()
    with reading_one_state() as session:
        try:
            report, refusal = report_experiment(session, key, now=at, lender_id=lender_id), None
        except (UnavailableError, ConflictError) as error:
            report, refusal = None, str(error)
    return page("experiments/report.html", key=key, report=report, refusal=refusal)
