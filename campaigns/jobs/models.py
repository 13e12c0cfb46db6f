"""What the background processes keep in the database."""

from datetime import datetime

from campaigns.db import Base, Mapped, mapped_column


class Lease(Base):
    """A task that only one process may do at a time, and who does it until when."""

    __tablename__ = "lease"

    name: Mapped[str] = mapped_column(primary_key=True)
    holder: Mapped[str]
    until: Mapped[datetime]
