"""The sandbox for templates written by users."""
