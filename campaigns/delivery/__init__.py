"""From the frozen audience to the outcome of every recipient."""
