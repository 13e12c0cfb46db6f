"""Sender domains: their DKIM keys and records, and other requirements of receivers."""
