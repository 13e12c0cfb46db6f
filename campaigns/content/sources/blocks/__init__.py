"""Emails made of blocks: a JSON document, compiled to MJML and then to HTML."""
