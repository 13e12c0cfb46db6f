"""What the parts of sending cost, each measured alone."""
