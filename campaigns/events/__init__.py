"""Events: bounces, complaints, opens, clicks."""
