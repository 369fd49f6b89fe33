"""Waits for a condition, with a deadline."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable

from spotify_pipeline.errors import TransientError

POLL_SECONDS = 0.1
# services respond over http, so no certificate is trusted: reading those of httpx takes longer than a request
NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class NotReady(TransientError):
    """A server does not respond correctly yet."""


def wait_until(
    check: Callable[[], None],
    *,
    timeout: float,
    what: str,
    given_up: Callable[[], str | None] | None = None,
    poll: float = POLL_SECONDS,
) -> float:
    """Call `check` until it no longer raises NotReady.

    Args:
        check: Raises NotReady while the condition does not hold.
        timeout: Greatest number of seconds to wait.
        what: Name of the thing in the error.
        given_up: Returns why it cannot become ready any more (its process has ended), or None.
        poll: Seconds between two checks.

    Returns:
        Seconds waited.

    Raises:
        NotReady: the time is over, or `given_up` returned a reason; its cause is the last error.
    """
    started = time.monotonic()
    while True:
        try:
            check()
            return time.monotonic() - started
        except NotReady as error:
            cause = error
        if given_up is not None and (reason := given_up()):
            raise NotReady(f"{what} did not start: {reason}") from cause
        if time.monotonic() - started > timeout:
            raise NotReady(f"{what} is not ready after {timeout:.0f} s: {cause}") from cause
        time.sleep(poll)
