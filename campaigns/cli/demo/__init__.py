"""A sample organization, with addresses that cannot exist (`*.example`)."""

from campaigns.cli.demo.build import ensure_demo

__all__ = ["ensure_demo"]
