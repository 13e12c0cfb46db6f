"""The RQ jobs, the worker, the clock and the sweep."""
