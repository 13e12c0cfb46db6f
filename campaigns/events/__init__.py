"""What comes back: bounces, complaints, opens, clicks."""
