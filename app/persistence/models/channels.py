"""Switches of channels: what an operator has stopped or limited, looked at when a message is about to leave."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from app.persistence.column_types import Instant
from app.persistence.db import Base


class ChannelSwitchRow(Base):
    """One channel's switch. No row: the channel is on and without a limit."""

    __tablename__ = "channel_switches"

    channel: Mapped[str] = mapped_column(String(16), primary_key=True)
    is_on: Mapped[bool] = mapped_column(default=True)
    daily_messages: Mapped[int | None]
    """Most messages a UTC day; None: no limit."""
    reason: Mapped[str] = mapped_column(String(200))
    by: Mapped[str] = mapped_column(String(80))
    changed_at: Mapped[datetime] = mapped_column(Instant)
