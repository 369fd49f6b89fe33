"""Does once, before attempts are forked, what each of them would otherwise do again.

An attempt of a small step spends most of its time on what a process does once: it imports, compiles patterns
and schemas, and reads certificates. A parent that has run every step has done it for its children. No call is
saved: what a task reads from a server, each attempt reads.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable
from typing import Any

from tests.faults.driver import Step


def warm_up(steps: Iterable[Step], perform: Callable[[Step, dict[str, Any]], Any]) -> None:
    """Run steps without a fault by `perform`, which gets each step and the results of those before it."""
    carried: dict[str, Any] = {}
    for step in steps:
        carried[step.key] = perform(step, carried)
    gc.collect()
    # a child's garbage collection would copy what it inspects
    gc.freeze()
