"""What is sent: templates, links, and the compiled MIME message."""
