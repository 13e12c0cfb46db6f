"""Who gets email: subscribers, lists, suppressions and imports."""
