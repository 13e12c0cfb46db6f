"""What a campaign is: its draft, audience, sender, time and state."""
