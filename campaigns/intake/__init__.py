"""Intake of emails that come back: mailboxes, a listener behind a mail server, and a pipe."""
