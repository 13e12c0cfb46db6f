"""How fast email may leave: the plan, what servers' replies change about it, the warm-up.

The counters that all workers share are in engine.limiter.
"""
