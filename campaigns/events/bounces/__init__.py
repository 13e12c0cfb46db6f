"""Bounces, complaints and automatic replies that come back by email: bytes in, a value out."""
