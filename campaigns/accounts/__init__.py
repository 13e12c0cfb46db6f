"""Users, their sessions, and the workspace."""
