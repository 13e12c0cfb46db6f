"""People who log in, and the workspace they share."""
