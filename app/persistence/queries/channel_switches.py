"""Switches of channels. No row: the channel is on and without a limit."""

from collections.abc import Sequence

from sqlalchemy import Connection, select
from sqlalchemy.orm import Session

from app.persistence.models.channels import ChannelSwitchRow


def find_switches(reads: Connection | Session) -> Sequence[tuple[str, bool, int | None]]:
    """Return (channel, is_on, daily_messages) of the channels somebody has touched."""
    statement = select(ChannelSwitchRow.channel, ChannelSwitchRow.is_on, ChannelSwitchRow.daily_messages)
    return [(row.channel, row.is_on, row.daily_messages) for row in reads.execute(statement)]


def find_switch_rows(session: Session) -> Sequence[ChannelSwitchRow]:
    """Return the rows by channel, with reason and by whom."""
    return session.scalars(select(ChannelSwitchRow).order_by(ChannelSwitchRow.channel)).all()


def find_switch(session: Session, channel: str) -> ChannelSwitchRow | None:
    """Return the row of a channel, locked."""
    return session.scalar(select(ChannelSwitchRow).where(ChannelSwitchRow.channel == channel).with_for_update())
