"""SMTP: many connections in one thread, pipelined, each reply matched to its message.

kind         the settings and secrets of an account
login        connects, encrypts and logs in, with the standard library
oauth        access tokens for a login without a password
check        the connection test
session      the protocol of one connection, without a socket
connection   one connection in the loop
loop         the thread of all connections
feeder       passes messages and results between connections and the source
pool         decides how many connections to open, and handles lost ones
"""

from campaigns.providers.smtp.login import SmtpLogin, connect
from campaigns.providers.smtp.pool import SmtpProvider
from campaigns.providers.smtp.replies import reply_text
from campaigns.providers.smtp.timeouts import Timeouts

__all__ = ["SmtpLogin", "SmtpProvider", "Timeouts", "connect", "reply_text"]
