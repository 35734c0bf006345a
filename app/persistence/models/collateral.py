"""Things pledged to loans: what they are, what they secure, what happened to them, what they are worth."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.persistence.column_types import Id, Instant, Json, Sealed
from app.persistence.db import Base


class CollateralThingRow(Base):
    """One thing: a vehicle, a machine, a watch. `state` and what follows it are what its standing events make of it."""

    __tablename__ = "collateral_things"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    lender_id: Mapped[str] = mapped_column(Id, ForeignKey("lenders.id"))
    borrower_id: Mapped[str] = mapped_column(Id, ForeignKey("borrowers.id"))
    """Who pledged it: the borrower of every loan that it secures."""
    reference: Mapped[str] = mapped_column(String(80))
    """The lender's own number of it."""
    kind: Mapped[str] = mapped_column(String(20))
    """As in domain/collateral_things.py."""
    currency: Mapped[str] = mapped_column(String(3))
    about_sealed: Mapped[bytes | None] = mapped_column(Sealed)
    """Make, model, colour, in the lender's words."""
    plate_sealed: Mapped[bytes | None] = mapped_column(Sealed)
    plate_key: Mapped[str | None] = mapped_column(String(60))
    """Keyed hash, "key id:digest": found again by the whole plate only."""
    vin_sealed: Mapped[bytes | None] = mapped_column(Sealed)
    vin_key: Mapped[str | None] = mapped_column(String(60))
    state: Mapped[str] = mapped_column(String(16))
    state_on: Mapped[date]
    """Effective day of the event that led there."""
    place_sealed: Mapped[bytes | None] = mapped_column(Sealed)
    """Where it is kept while it is in custody."""
    in_custody_on: Mapped[date | None]
    """Since when, while it is in custody."""
    last_no: Mapped[int] = mapped_column(default=0, server_default="0")
    """Number of its newest event."""
    created_at: Mapped[datetime] = mapped_column(Instant)
    version: Mapped[int] = mapped_column(default=1, server_default="1")

    __table_args__ = (
        UniqueConstraint("lender_id", "reference"),
        Index("ix_collateral_things_borrower_id", "borrower_id"),
        Index("ix_collateral_things_lender_id", "lender_id", "state", "id"),
        Index("ix_collateral_things_plate_key", "plate_key"),
        Index("ix_collateral_things_vin_key", "vin_key"),
    )


class CollateralPledgeRow(Base):
    """A thing secures a loan, in a rank, from a day until one."""

    __tablename__ = "collateral_pledges"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    thing_id: Mapped[str] = mapped_column(Id, ForeignKey("collateral_things.id"))
    loan_id: Mapped[str] = mapped_column(Id, ForeignKey("loans.id"))
    borrower_id: Mapped[str] = mapped_column(Id, ForeignKey("borrowers.id"))
    lender_id: Mapped[str] = mapped_column(Id, ForeignKey("lenders.id"))
    rank: Mapped[int]
    """1 is served first from the proceeds; equal ranks share."""
    limit_minor: Mapped[int | None] = mapped_column(BigInteger)
    """The most that it secures of the loan; None: all."""
    pledged_on: Mapped[date]
    ended_on: Mapped[date | None]
    recorded_at: Mapped[datetime] = mapped_column(Instant)
    by: Mapped[str] = mapped_column(String(90))

    __table_args__ = (
        UniqueConstraint("thing_id", "loan_id"),
        Index("ix_collateral_pledges_loan_id", "loan_id"),
        Index("ix_collateral_pledges_borrower_id", "borrower_id"),
    )


class CollateralEventRow(Base):
    """What happened to a thing, or what it cost. Never changed: a correction is an event of kind reversal."""

    __tablename__ = "collateral_events"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    thing_id: Mapped[str] = mapped_column(Id, ForeignKey("collateral_things.id"))
    borrower_id: Mapped[str] = mapped_column(Id, ForeignKey("borrowers.id"))
    lender_id: Mapped[str] = mapped_column(Id, ForeignKey("lenders.id"))
    no: Mapped[int]
    """1, 2, 3 ... of its thing, in the order recorded."""
    kind: Mapped[str] = mapped_column(String(20))
    """As in domain/collateral_events.py."""
    effective_on: Mapped[date]
    recorded_at: Mapped[datetime] = mapped_column(Instant)
    by: Mapped[str] = mapped_column(String(90))
    origin: Mapped[str] = mapped_column(String(40))
    """desk:..., api, import:<map>: who told of it."""
    reference: Mapped[str] = mapped_column(String(120))
    """The teller's own; the same again is the same event."""
    from_state: Mapped[str | None] = mapped_column(String(16))
    to_state: Mapped[str | None] = mapped_column(String(16))
    """Set where it moves the thing."""
    reverses_id: Mapped[str | None] = mapped_column(Id)
    cost_kind: Mapped[str | None] = mapped_column(String(16))
    amount_minor: Mapped[int | None] = mapped_column(BigInteger)
    """Of a cost; of custody and of a storage rate, what each day costs; of `costs_paid`, how much."""
    is_charged: Mapped[bool] = mapped_column(default=False)
    """Of a cost: it is in the loan's own ledger already."""
    facts: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    """Nothing personal: reason codes, ids of the notice that proves service, of the sale."""
    text_sealed: Mapped[bytes | None] = mapped_column(Sealed)
    """JSON of what may be personal: place, note, a reason in words."""

    __table_args__ = (
        UniqueConstraint("lender_id", "reference"),
        UniqueConstraint("thing_id", "no"),
        Index("ix_collateral_events_lender_id", "lender_id", "kind", "effective_on"),
        Index("ix_collateral_events_borrower_id", "borrower_id", "recorded_at"),
    )


class CollateralAppraisalRow(Base):
    """What somebody said that a thing was worth on a day."""

    __tablename__ = "collateral_appraisals"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    thing_id: Mapped[str] = mapped_column(Id, ForeignKey("collateral_things.id"))
    lender_id: Mapped[str] = mapped_column(Id, ForeignKey("lenders.id"))
    reference: Mapped[str] = mapped_column(String(120))
    value_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    valued_on: Mapped[date]
    source: Mapped[str] = mapped_column(String(16))
    """appraiser, price_guide, auction, lender, borrower."""
    appraiser_sealed: Mapped[bytes | None] = mapped_column(Sealed)
    haircut: Mapped[str] = mapped_column(String(20))
    """A fraction of one as a decimal text."""
    recorded_at: Mapped[datetime] = mapped_column(Instant)
    by: Mapped[str] = mapped_column(String(90))
    withdrawn_at: Mapped[datetime | None] = mapped_column(Instant)

    __table_args__ = (
        UniqueConstraint("lender_id", "reference"),
        Index("ix_collateral_appraisals_thing_id", "thing_id", "valued_on"),
    )


class CollateralInsuranceRow(Base):
    """A policy on a thing, until a day."""

    __tablename__ = "collateral_insurance"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    thing_id: Mapped[str] = mapped_column(Id, ForeignKey("collateral_things.id"))
    borrower_id: Mapped[str] = mapped_column(Id, ForeignKey("borrowers.id"))
    lender_id: Mapped[str] = mapped_column(Id, ForeignKey("lenders.id"))
    reference: Mapped[str] = mapped_column(String(120))
    cover: Mapped[str] = mapped_column(String(20))
    """liability, damage, theft, comprehensive, other."""
    policy_no_sealed: Mapped[bytes | None] = mapped_column(Sealed)
    valid_from: Mapped[date | None]
    valid_until: Mapped[date]
    """Last day."""
    insured_minor: Mapped[int | None] = mapped_column(BigInteger)
    recorded_at: Mapped[datetime] = mapped_column(Instant)
    by: Mapped[str] = mapped_column(String(90))
    reminded_on: Mapped[date | None]
    """When it was said that it runs out."""

    __table_args__ = (
        UniqueConstraint("lender_id", "reference"),
        Index("ix_collateral_insurance_thing_id", "thing_id", "valid_until"),
    )


class RedemptionQuoteRow(Base):
    """What was told that it takes to get a thing back on a day. Kept as it was told."""

    __tablename__ = "redemption_quotes"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    thing_id: Mapped[str] = mapped_column(Id, ForeignKey("collateral_things.id"))
    borrower_id: Mapped[str] = mapped_column(Id, ForeignKey("borrowers.id"))
    lender_id: Mapped[str] = mapped_column(Id, ForeignKey("lenders.id"))
    quoted_at: Mapped[datetime] = mapped_column(Instant)
    by: Mapped[str] = mapped_column(String(90))
    quoted_on: Mapped[date]
    """The day that it is for: as much is to be paid on this day."""
    expires_on: Mapped[date]
    """Last day on which this very amount is enough."""
    basis: Mapped[str] = mapped_column(String(12))
    """arrears, payoff."""
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    parts: Mapped[dict[str, Any]] = mapped_column(Json)
    """{costs_minor, costs: {kind: minor}, loans: [{loan_id, loan_no, amount_minor, principal .. penalties}], rule}."""
    redeemed_at: Mapped[datetime | None] = mapped_column(Instant)

    __table_args__ = (Index("ix_redemption_quotes_thing_id", "thing_id", "quoted_at"),)


class CollateralSaleRow(Base):
    """A sale: asked for by one person, booked by another. States as in domain/collateral_sales.py."""

    __tablename__ = "collateral_sales"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    thing_id: Mapped[str] = mapped_column(Id, ForeignKey("collateral_things.id"))
    borrower_id: Mapped[str] = mapped_column(Id, ForeignKey("borrowers.id"))
    lender_id: Mapped[str] = mapped_column(Id, ForeignKey("lenders.id"))
    sold_on: Mapped[date]
    proceeds_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    sale_costs_minor: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    claims: Mapped[list[dict[str, Any]]] = mapped_column(Json, default=list)
    """Of others with a right in the thing: [{rank, amount_minor}]."""
    method: Mapped[str] = mapped_column(String(16))
    """auction, private, court, dealer, other."""
    sold_by: Mapped[str] = mapped_column(String(8))
    """us: an act of ours, refused where unlawful; other: told of from outside, booked, and what is wrong with it a task."""
    note_sealed: Mapped[bytes | None] = mapped_column(Sealed)
    state: Mapped[str] = mapped_column(String(12))
    """waiting, booked, declined, reversed."""
    rule: Mapped[str] = mapped_column(String(60))
    """Key and version of the order of law that it is divided by."""
    division: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    """As it was booked: costs, loans by component, claims, surplus, shortfall, all in minor units."""
    surplus_minor: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    shortfall_minor: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    refund_id: Mapped[str | None] = mapped_column(Id)
    event_id: Mapped[str | None] = mapped_column(Id)
    requested_by: Mapped[str] = mapped_column(String(90))
    requested_at: Mapped[datetime] = mapped_column(Instant)
    decided_by: Mapped[str | None] = mapped_column(String(90))
    decided_at: Mapped[datetime | None] = mapped_column(Instant)
    reason: Mapped[str | None] = mapped_column(String(200))
    """Of rows that were decided before reasons were sealed."""
    reason_sealed: Mapped[bytes | None] = mapped_column(Sealed)
    told: Mapped[dict[str, Any] | None] = mapped_column(Json)
    """What the lender's core told of it otherwise: {proceeds_minor, sold_on, reference, by, at}; once decided also `taken`
    (asked, told) and `asked`, what had been asked for."""
    reversal_state: Mapped[str | None] = mapped_column(String(12))
    """waiting, declined, done; None: nobody asked to take it back."""
    reversal_asked_by: Mapped[str | None] = mapped_column(String(90))
    reversal_asked_at: Mapped[datetime | None] = mapped_column(Instant)
    reversal_reason_sealed: Mapped[bytes | None] = mapped_column(Sealed)
    version: Mapped[int] = mapped_column(default=1, server_default="1")

    __table_args__ = (
        Index("ix_collateral_sales_thing_id", "thing_id", "requested_at"),
        Index("ix_collateral_sales_lender_id", "lender_id", "state", "requested_at"),
    )
