"""Provider accounts, sender addresses, and SMTP."""
