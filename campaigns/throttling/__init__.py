"""How fast email may be sent: the plan, how servers' replies change it, and warm-ups.

The counters shared by all workers are in engine.limiter.
"""
