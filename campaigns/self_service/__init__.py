"""What recipients do for themselves: sign up, confirm, unsubscribe."""
