# SPDX-License-Identifier: MIT
"""A recursion limit that is raised: before a stack function it counts, inside it cannot."""

import signal
import sys
from typing import Any

import pytest

CODE = """
    import sys, threading
    from pointers import *

    recurse = lambda *_: sorted([1], key=recurse)

    def largest():
        low, high = 0, 1 << 40
        while high - low > 1:
            size = (low + high) // 2
            try:
                acquire_stack_alloc(size)(lambda ptr: None)
                low = size
            except StackExhaustedError:
                high = size
        return low

    def run():
        {before}
        @acquire_stack_alloc(largest() - 4096)
        def result(ptr):
            {inside}
            ptr <<= 1
            try:
                recurse()
            except RecursionError:
                return ~ptr
        print(result)

    threading.stack_size(8 << 20)
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
"""

# Twice what is granted by default, and no more than the interpreter itself bears
LEVELS = 1300 if sys.version_info >= (3, 13) else 2500


@pytest.mark.parametrize("levels", [500, LEVELS])
def test_before_a_stack_function(run_python: Any, levels: int) -> None:
    done = run_python(CODE.format(before=f"sys.setrecursionlimit({levels})", inside="pass"))
    assert (done.returncode, done.stdout) == (0, "1\n"), done.stderr


@pytest.mark.skipif(
    sys.implementation.name == "cpython" and sys.version_info[:2] == (3, 12),
    reason="its releases differ",
)
def test_inside_of_one(run_python: Any) -> None:
    # The row of docs/limits.md: the interpreter counts levels, and does not watch the stack
    done = run_python(CODE.format(before="pass", inside="sys.setrecursionlimit(100_000)"))
    if sys.version_info >= (3, 14):
        assert (done.returncode, done.stdout) == (0, "1\n"), done.stderr
    else:
        assert done.returncode == -signal.SIGSEGV, (done.returncode, done.stderr)
