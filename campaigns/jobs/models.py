"""Tables of the background processes."""

from datetime import datetime

from campaigns.db import Base, Mapped, mapped_column


class Lease(Base):
    """A task for one process at a time: its holder and its end."""

    __tablename__ = "lease"

    name: Mapped[str] = mapped_column(primary_key=True)
    holder: Mapped[str]
    until: Mapped[datetime]
