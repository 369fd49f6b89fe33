"""The peak of a stack's memory, over real processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from spotify_stack import memory
from spotify_stack.health import NotReady, wait_until
from spotify_stack.state import STACK_VARIABLE, StackPaths

MEGABYTES = 60
HOLDER = f"import sys; held = bytearray({MEGABYTES} * 2**20); print('held', flush=True); sys.stdin.read()"


def test_the_peak_holds_what_a_process_of_the_stack_took_and_gave_back(tmp_path: Path) -> None:
    paths = StackPaths(tmp_path)
    with memory.PeakMemory(paths, interval=0.01) as measured:
        assert memory.used(paths) == 0
        process = subprocess.Popen(  # noqa: S603 - our own command line
            [sys.executable, "-c", HOLDER],
            env=os.environ | {STACK_VARIABLE: str(paths.root)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        assert memory.used(paths) > MEGABYTES * 2**20

        def seen() -> None:
            if measured.peak <= MEGABYTES * 2**20:
                raise NotReady("not measured yet")

        wait_until(seen, timeout=30, what="a measurement", poll=0.02)
        process.communicate()
    assert MEGABYTES * 2**20 < measured.peak < 20 * MEGABYTES * 2**20
    assert memory.used(paths) == 0
