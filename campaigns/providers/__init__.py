"""How email leaves: provider accounts, sender addresses, and SMTP."""
