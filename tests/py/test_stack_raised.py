# SPDX-License-Identifier: MIT
"""A recursion limit raised before a stack function is safe; one raised inside of it is not."""

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

# More than twice the default limit, but not more than the interpreter has stack for
LEVELS = 1300 if sys.version_info >= (3, 13) else 2500


@pytest.mark.parametrize("levels", [500, LEVELS])
def test_a_limit_raised_before_a_stack_function_is_safe(run_python: Any, levels: int) -> None:
    done = run_python(CODE.format(before=f"sys.setrecursionlimit({levels})", inside="pass"))
    assert (done.returncode, done.stdout) == (0, "1\n"), done.stderr


@pytest.mark.skipif(
    sys.implementation.name == "cpython" and sys.version_info[:2] == (3, 12),
    reason="releases of 3.12 differ",
)
def test_a_limit_raised_inside_a_stack_function_crashes_before_3_14(run_python: Any) -> None:
    # As docs/limits.md says: up to 3.13, the interpreter counts levels and does not watch the stack
    done = run_python(CODE.format(before="pass", inside="sys.setrecursionlimit(100_000)"))
    if sys.version_info >= (3, 14):
        assert (done.returncode, done.stdout) == (0, "1\n"), done.stderr
    else:
        assert done.returncode == -signal.SIGSEGV, (done.returncode, done.stderr)
