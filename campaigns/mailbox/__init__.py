"""The built-in mailbox: an SMTP server that keeps everything and relays nothing."""
