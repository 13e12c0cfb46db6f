"""Campaigns: draft, audience, sender, schedule and state."""
