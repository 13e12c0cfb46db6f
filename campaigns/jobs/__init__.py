"""What RQ runs, the worker, the clock and the sweep."""
