"""The time limit of a job, which no code that it runs can swallow."""

from contextlib import suppress
from types import FrameType, TracebackType

from rq.timeouts import UnixSignalDeathPenalty


class JobTimeLimitError(BaseException):
    """A job took too long.

    RQ's own error is an Exception. It strikes anywhere, so that each `except Exception`, here or
    in a library, would end it and let the job run on without a limit.
    """


class TimeLimit(UnixSignalDeathPenalty):
    """Raises JobTimeLimitError when the time is over."""

    def handle_death_penalty(self, _number: int, _frame: FrameType | None) -> None:
        """Handle the alarm."""
        raise JobTimeLimitError(f"the job took more than {self._timeout} seconds")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with suppress(JobTimeLimitError):  # the job is over
            self.cancel_death_penalty()  # type: ignore[no-untyped-call]
