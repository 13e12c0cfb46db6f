"""Emails to single people: confirmations, tests, alerts, password resets."""
