"""SMTP: many connections in one thread, pipelined, every reply told to its own message.

login      connects, encrypts and logs in, by the standard library
dialogue   what is said over one connection, without any socket
link       one connection in the loop
loop       the thread
desk       between the connections of an account and its source
provider   the account: when to open how many connections, and what to think of lost ones
"""

from campaigns.providers.smtp.login import SmtpLogin, connect
from campaigns.providers.smtp.pool import SmtpProvider, open_smtp
from campaigns.providers.smtp.replies import reply_text
from campaigns.providers.smtp.timeouts import Timeouts

__all__ = ["SmtpLogin", "SmtpProvider", "Timeouts", "connect", "open_smtp", "reply_text"]
