"""How fast mail may leave: the plan, what the servers' replies change of it, the warm-up.

The counters themselves are shared by all workers and live in jobs.buckets.
"""
