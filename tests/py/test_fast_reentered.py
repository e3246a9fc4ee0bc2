# SPDX-License-Identifier: MIT
"""Compiled operations in the middle of which other code changes the blocks they are using."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from _meddlers import MEDDLERS

from pointers._ffi import fast

pytestmark = pytest.mark.skipif(fast is None, reason="the fast path is off")

DRIVER = Path(__file__).with_name("_reentered.py")


@pytest.mark.parametrize("meddler", MEDDLERS)
@pytest.mark.parametrize("way", ["collector", "profiler", "tracer"])
def test_code_that_runs_inside_an_operation_is_harmless(
    way: str, meddler: str, tmp_path: Path
) -> None:
    # A profiler or tracer has hundreds of occasions in an operation, the collector only a few
    step = 1 if way == "collector" else 7
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", str(DRIVER), way, meddler, str(step)],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=tmp_path,
        check=False,
    )
    last = done.stdout.splitlines()[-1:]
    assert (done.returncode, last, done.stderr) == (0, ["end"], "")


def test_other_threads_never_see_a_half_made_list(run_python: Any) -> None:
    """Copying large values lets other threads run, which can see all lists."""
    done = run_python(
        """
        import gc, sys, threading
        from pointers import *

        text = "x" * 70_000
        array = calloc(8, sizeof(text))
        array.fill(text)
        gc.collect()
        gc.freeze()
        stop = []

        def look():
            while not stop:
                for obj in gc.get_objects():
                    if type(obj) is list:
                        obj.copy()

        watcher = threading.Thread(target=look)
        watcher.start()
        sys.setswitchinterval(1e-5)
        for _ in range(200):
            assert array.tolist() == [text] * 8
        stop.append(1)
        watcher.join()
        array.free()
        """
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("error", ["KeyboardInterrupt", "MemoryError", "ZeroDivisionError"])
@pytest.mark.skipif(sys.version_info < (3, 12), reason="buffers are not made by Python")
def test_an_exception_of_a_buffer_s_source_is_raised_without_a_second_try(
    run_python: Any, error: str
) -> None:
    done = run_python(
        f"""
        from pointers import *
        calls = []
        class Source:
            def __buffer__(self, flags):
                calls.append(flags)
                raise {error}("by the source")
        with malloc(8) as ptr:
            try:
                ptr.write(Source())
            except {error} as caught:
                assert str(caught) == "by the source"
        print(len(calls))
        """
    )
    assert (done.stdout, done.stderr) == ("1\n", "")


def test_stack_functions_may_be_dropped_while_running_or_nested_deeply(run_python: Any) -> None:
    done = run_python(
        """
        import gc
        from pointers import *

        class Thing:
            @stack_alloc(8)
            def method(self, ptr, *args):
                del self
                gc.collect()
                return args

        thing = Thing()
        for _ in range(3):
            assert Thing.method(thing, 1, 2) == thing.method(1, 2) == (1, 2)
            assert Thing.method(thing) == thing.method() == ()

        function = stack_alloc(8)(lambda ptr: globals().pop("function"))
        assert function()

        nested = print
        for _ in range(200_000):
            nested = stack_alloc(1)(nested)
            nested.__annotations__ = {}
            nested.__code__ = None  # else each level would look both up through all levels below
        del nested
        """
    )
    assert (done.returncode, done.stderr) == (0, "")
