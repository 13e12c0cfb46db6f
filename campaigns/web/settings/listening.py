"""Whether mail servers can hand over returned emails, as far as this process knows."""

from campaigns.clock import utcnow
from campaigns.context import services
from campaigns.events import listeners
from campaigns.reports.returns import Listening


def listener() -> str:
    """Return the address to listen at, by the settings; "" without one."""
    return services().settings.intake_lmtp or services().settings.intake_smtp


def listening() -> Listening:
    """Return whether the intake listens: the setting alone does not say that it runs."""
    if listeners.is_any(now=utcnow()):
        return "on"
    return "stopped" if listener() else "off"
