# SPDX-License-Identifier: MIT
"""A key, the word in memory that names a held object, is never used again in a process."""

from __future__ import annotations

import os
import sys
from typing import Any

import pytest
from _watched import cpython_only

KEYS = """
    import gc, os, sys, warnings
    import pointers
    from pointers import malloc, free

    def key(p):
        return int.from_bytes(p.read(8), sys.byteorder)
    def stored():
        p = malloc(16)
        p <<= ["object"]
        return p
"""


def test_each_store_into_a_block_has_a_new_key(run_python: Any) -> None:
    done = run_python(
        KEYS
        + """
    seen = []
    p = malloc(16)
    for _ in range(1000):
        p <<= []
        seen.append(key(p))
    assert len(set(seen)) == 1000 and min(seen) > 0
    free(p)
    """
    )
    assert done.returncode == 0, done.stderr


def test_a_second_import_does_not_reuse_keys(run_python: Any) -> None:
    done = run_python(
        KEYS
        + """
    first = [stored() for _ in range(10)]
    seen = {key(p) for p in first}
    for name in [name for name in sys.modules if name.partition(".")[0] == "pointers"]:
        del sys.modules[name]
    from pointers import CorruptObjectError, free, malloc
    second = [stored() for _ in range(20)]
    assert not seen & {key(p) for p in second}
    # The key of an older object must not name a new one
    for p in second:
        p.write(first[3].read())
        try:
            ~p
        except CorruptObjectError:
            p <<= 0 if p.size > 16 else None
        else:
            raise AssertionError("named an object")
        free(p)
    assert all(~p == ["object"] for p in first)
    for p in first:
        p.free()
    """
    )
    assert done.returncode == 0, done.stderr


@cpython_only
@pytest.mark.skipif(
    not getattr(sys, "_is_gil_enabled", lambda: True)(), reason="subinterpreters are refused"
)
def test_subinterpreters_do_not_reuse_keys(run_python: Any) -> None:
    inside = """if True:
        import sys, warnings
        warnings.simplefilter("ignore")
        from pointers import malloc, free
        for _ in range(5):
            p = malloc(16)
            p <<= []
            print(int.from_bytes(p.read(8), sys.byteorder), flush=True)
            free(p)
    """
    done = run_python(
        KEYS
        + f"""
    try:
        import _interpreters as interpreters
    except ImportError:
        import _xxsubinterpreters as interpreters
    warnings.simplefilter("ignore")
    for _ in range(3):
        for _ in range(5):
            p = stored()
            print(key(p), flush=True)
            free(p)
        if sys.version_info >= (3, 13):
            one = interpreters.create("legacy")
        else:
            one = interpreters.create(isolated=False)
        assert interpreters.run_string(one, {inside!r}) is None
        interpreters.destroy(one)
    """
    )
    assert done.returncode == 0, done.stderr
    keys = [int(line) for line in done.stdout.split()]
    assert len(keys) == len(set(keys)) == 30


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_does_not_reuse_keys(run_python: Any) -> None:
    done = run_python(
        KEYS
        + """
    p = stored()
    before = key(p)
    pid = os.fork()
    if not pid:
        try:
            q = stored()
            good = key(q) > before and ~p == ["object"]
            free(q), free(p)
        finally:
            os._exit(0 if good else 1)
    assert os.waitpid(pid, 0)[1] == 0
    free(p)
    """
    )
    assert done.returncode == 0, done.stderr


def test_threads_do_not_reuse_keys(run_python: Any) -> None:
    done = run_python(
        KEYS
        + """
    import threading
    sys.setswitchinterval(1e-6)
    seen = []
    def run():
        p = malloc(16)
        for _ in range(2000):
            p <<= []
            seen.append(key(p))
        free(p)
    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    assert len(seen) == len(set(seen)) == 8000
    """
    )
    assert done.returncode == 0, done.stderr
