"""Decisions about many deliveries, carried out by a job."""

from datetime import datetime

from sqlalchemy import ForeignKey

from campaigns.db import Base, BigKey, Mapped, mapped_column


class ResendRun(Base):
    """A decision about very many deliveries, being carried out slice by slice.

    `what` is a kind of delivery.resend, of one mailbox group or ("") of all. It takes the
    deliveries that stood so at `decided_at`, in the order of their ids: those up to `position`
    are done. The row goes when all are.
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
    """Count at the start. Deliveries that are resolved in another way are not in `done`."""
