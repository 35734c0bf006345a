"""How the installation is doing: queues, engines, providers, what was sent. Live parts are asked for again by themselves."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from flask import Response, request

from app.console.charts import Chart, Series, figure, stacked_bars
from app.console.frame import fragment, page, pages
from app.domain.times import business_date
from app.persistence.queries.lenders import get_lender
from app.persistence.queries.operations import count_lenders
from app.persistence.unit_of_work import reading
from app.services.delivery_figures import MOST_DAYS, SpendLine, channel_states, recent_providers, spend_of
from app.services.operations import Operations, find_engines, look
from app.services.rehearsals.channel_figures import load_figures
from app.web.auth import desk, permits
from app.web.languages import request_locale
from app.web.reads import end_reads, reads
from app.web.request_context import machine_now, now
from app.wording.console_words import code_words, console_words

SPANS = (7, 30, 90)


@pages.get("/operations")
@permits("operations.read")
def operations() -> Response:
    """Show at a glance whether all is well, and where somebody is needed."""
    return page("operations/index.html", **_overview())


@pages.get("/operations/now")
@permits("operations.read")
def operations_now() -> Response:
    """Show the same part again, as it is by now."""
    return fragment("operations/_now.html", **_overview())


@pages.get("/operations/queues")
@permits("operations.read")
def queues() -> Response:
    """Show every queue, engine and lease."""
    return page("operations/queues.html", found=_look())


@pages.get("/operations/queues/now")
@permits("operations.read")
def queues_now() -> Response:
    """Show the same part again."""
    return fragment("operations/_queues.html", found=_look())


@pages.get("/operations/providers")
@permits("operations.read")
def providers() -> Response:
    """Show how providers did within the last hour, and what engines keep from them."""
    return page("operations/providers.html", **_providers())


@pages.get("/operations/providers/now")
@permits("operations.read")
def providers_now() -> Response:
    """Show the same part again."""
    return fragment("operations/_providers.html", **_providers())


@pages.get("/operations/spend")
@permits("operations.read")
def spend() -> Response:
    """Show what was sent by day, channel and provider, and what it cost."""
    lender_id = desk().lender_id
    end_reads()
    with reading() as session:
        zone = get_lender(session, lender_id).zone
        limits = [each for each in channel_states(session, now=now()) if each.daily_messages is not None]
    days = next((each for each in SPANS if str(each) == request.args.get("days")), SPANS[0])
    last_on = business_date(now(), zone)
    first_on = last_on - timedelta(days=min(days, MOST_DAYS) - 1)
    lines = spend_of(reads(), lender_id, first_on=first_on, last_on=last_on, zone=zone, figures=load_figures())
    return page(
        "operations/spend.html", lines=lines, days=days, spans=SPANS, limits=limits, totals=_totals(lines),
        chart=_spend_chart(lines, first_on, last_on) if lines else None,
    )  # fmt: skip


def _overview() -> dict[str, Any]:
    return {"found": _look(), "lenders": count_lenders(reads())}


def _look() -> Operations:
    return look(reads(), desk().lender_id, now=now(), machine_now=machine_now())


def _providers() -> dict[str, Any]:
    return {
        "states": recent_providers(reads(), now=now()),
        "engines": [each for each in find_engines(reads(), machine_now=machine_now()) if each.is_alive],
    }


def _totals(lines: Sequence[SpendLine]) -> list[tuple[str, int, Decimal]]:
    """Return (currency, messages that may have to be paid for, cost) of all lines with a price."""
    units: dict[str, int] = {}
    costs: dict[str, Decimal] = {}
    for line in lines:
        if line.currency is not None and line.cost is not None:
            units[line.currency] = units.get(line.currency, 0) + line.units
            costs[line.currency] = costs.get(line.currency, Decimal(0)) + line.cost
    return [(currency, units[currency], cost) for currency, cost in sorted(costs.items())]


def _spend_chart(lines: Sequence[SpendLine], first_on: date, last_on: date) -> Any:
    locale = request_locale()
    days = [first_on + timedelta(days=each) for each in range((last_on - first_on).days + 1)]
    sent: dict[tuple[str, date], int] = {}
    for line in lines:
        sent[line.channel, line.day] = sent.get((line.channel, line.day), 0) + line.accepted + line.uncertain
    channels = sorted({channel for channel, _ in sent})
    chart = Chart(
        console_words("operations.spend_chart", locale),
        [f"{day:%m-%d}" for day in days],
        [Series(code_words("", each, locale), [sent.get((each, day), 0) for day in days]) for each in channels],
        about=console_words("operations.spend_chart_about", locale, {"count": sum(sent.values()), "days": len(days)}),
        locale=locale,
    )
    return figure(chart, stacked_bars(chart), numbers=console_words("operations.as_numbers", locale))
