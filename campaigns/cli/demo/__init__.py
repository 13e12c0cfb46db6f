"""A sample organization. Its addresses cannot exist (`*.example`)."""

from campaigns.cli.demo.build import ensure_demo

__all__ = ["ensure_demo"]
