"""Sends what is due: claims, connections, the shared limiter, and what replies lead to."""
