"""System emails: their texts, their look and their queue."""
