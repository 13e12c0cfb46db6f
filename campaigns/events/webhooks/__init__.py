"""Webhooks of providers: verify a post, and read what it reports. One module for each provider."""
