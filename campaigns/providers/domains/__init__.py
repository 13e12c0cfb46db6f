"""Sender domains: their DKIM keys and records, and what else receivers ask of them."""
