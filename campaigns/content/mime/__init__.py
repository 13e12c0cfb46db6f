"""From compiled content to the bytes of a message."""
