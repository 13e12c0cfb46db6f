"""Resends of many deliveries, carried out by a job."""

from datetime import datetime

from sqlalchemy import ForeignKey

from campaigns.db import Base, BigKey, Mapped, mapped_column


class ResendRun(Base):
    """A decision to resend very many deliveries, being carried out slice by slice.

    `what` is a kind of delivery.resend, for one mailbox group or ("") all. It concerns deliveries
    with the matching status at `decided_at`, in the order of their ids: those up to `position` are
    done. The row is deleted when all are.
    """

    __tablename__ = "second_chance"

    campaign_id: Mapped[int] = mapped_column(
        BigKey, ForeignKey("campaign.id", ondelete="CASCADE"), primary_key=True
    )
    what: Mapped[str] = mapped_column(primary_key=True)
    mailbox_group: Mapped[str] = mapped_column(primary_key=True, default="")
    decided_at: Mapped[datetime]
    position: Mapped[int] = mapped_column(BigKey, default=0)
    done: Mapped[int] = mapped_column(default=0)
    total: Mapped[int] = mapped_column(default=0)
    """Count at the start. Deliveries resolved otherwise in between are not in `done`."""
