"""Panics of libraries in Rust, which are not raised as an Exception."""


def is_fault(error: BaseException) -> bool:
    """Return whether this is an error or a panic, and not a request to stop."""
    return isinstance(error, Exception) or type(error).__name__ == "PanicException"
