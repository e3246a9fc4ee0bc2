# SPDX-License-Identifier: MIT
"""If any allocation fails in a store of held objects, no block and no object is leaked."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from _misuse import PYPY

from pointers._ffi import fast

if PYPY:
    pytest.skip("only CPython can be told to have no memory", allow_module_level=True)
if sys.version_info >= (3, 12):
    pytest.skip("without memory, the interpreter crashes by itself", allow_module_level=True)
pytest.importorskip("_testcapi")

OPERATIONS = {
    "store": "p.move(thing)",
    "store over": "p.move(thing), p.move(5)",
    "store in all": "for slot in array: slot.move(thing)",
    "bulk": "array._store_slots(0, values)",
    "fill": "array.fill(thing)",
    "unsafe": "p.move(thing, unsafe=True)",
    "unsafe value": "p.move('text', unsafe=True)",
    "huge value": "p.move(2**200)",
    "stack": "acquire_stack_alloc(64)(lambda q: q.move(thing))",
    "arena": "q.move(thing), arena.reset()",
}

PROGRAM = """
    import gc, sys, weakref
    import _testcapi
    from pointers import *

    class Thing: pass

    def operation():
        {operation}

    def fail(n):
        # A function of its own, since its variables must not keep the object
        try:
            _testcapi.set_nomemory(n, n + 1)
            operation()
        except (MemoryError, SystemError) as error:  # of a call that has no memory for its frame
            _testcapi.remove_mem_hooks()
            while error is not None:
                # CPython keeps some exceptions for reuse, and with them their frames
                error.__traceback__, last = None, error
                error = error.__context__
                last.__context__ = None
            return True
        finally:
            _testcapi.remove_mem_hooks()
        return False

    gc.disable()
    arena = Arena()
    n = n_whole = n_failed = 0
    while n_whole < 40:  # an operation may survive a failure: 40 successes in a row are the end
        n += 1
        p, array, q = malloc(64), calloc(4, 32), arena.malloc(16)
        p.move([]), array.fill(0)
        thing = Thing()
        values = [thing, 1, thing, None]
        ref = weakref.ref(thing)
        blocks = System().stats().current_blocks
        failed = fail(n)
        n_failed += failed
        n_whole = 0 if failed else n_whole + 1
        thing = values = None
        assert System().stats().current_blocks == blocks, n
        for place in (p, *array):
            assert not str(place) or place.assigned or place.read(16) == bytes(16), n
        assert ~p.move("good") == "good" and array.fill(7).tolist() == [7] * 4, n
        free(p), free(array), arena.reset()
        assert ref() is None, (n, gc.get_referrers(ref()))
    assert n_failed or not {fails}, n
    print("done")
"""


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_failed_allocation_in_a_store_leaks_nothing(name: str, run_python: Any) -> None:
    # The compiled table has space for a second object without an allocation
    fails = fast is None or name not in ("store", "store over", "unsafe", "unsafe value")
    done = run_python(PROGRAM.format(operation=OPERATIONS[name], fails=fails))
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr
