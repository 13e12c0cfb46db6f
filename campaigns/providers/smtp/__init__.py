"""SMTP: many connections in one thread, pipelined, every reply told to its own message.

kind         the settings and secrets of an account
login        connects, encrypts and logs in, by the standard library
oauth        access tokens for a login without a password
check        the connection test
session      what is said over one connection, without any socket
connection   one connection in the loop
loop         the thread of all connections
feeder       between the connections of an account and its source
pool         when to open how many connections, and what lost ones mean
"""

from campaigns.providers.smtp.login import SmtpLogin, connect
from campaigns.providers.smtp.pool import SmtpProvider
from campaigns.providers.smtp.replies import reply_text
from campaigns.providers.smtp.timeouts import Timeouts

__all__ = ["SmtpLogin", "SmtpProvider", "Timeouts", "connect", "reply_text"]
