# SPDX-License-Identifier: MIT
"""Memory that another thread changes, past all checks, while objects are loaded from it."""

from typing import Any

import pytest

# The bytes are changed through a view, which keeps no one out.  What a load finds may be
# anything; what it gives is an object of one of the types that have images, and nothing else
# in the process is harmed.
FLIPPING = """
    import random, sys, threading, time
    from pointers import *

    sys.setswitchinterval(1e-6)
    values = {values}
    kinds = {{type(None), bool, int, float, complex, bytes, str, list}}
    ptr = malloc(256)
    other = malloc(64)
    other <<= "unharmed"
    view = ptr.view()
    done = threading.Event()

    def flip(seed):
        source = random.Random(seed)
        while not done.is_set():
            at = source.choice((source.randrange(64), source.randrange(256)))
            view[at] ^= 1 << source.randrange(8)

    threads = [threading.Thread(target=flip, args=(seed,)) for seed in range(2)]
    for thread in threads:
        thread.start()
    loaded = refused = 0
    end = time.monotonic() + {seconds}
    try:
        while time.monotonic() < end or min(loaded, refused) < 100:
            for value in values:
                ptr <<= value
                for _ in range(20):
                    try:
                        found = ~ptr
                    except DereferenceError:  # CorruptObjectError is one, too
                        refused += 1
                    else:
                        loaded += 1
                        assert type(found) in kinds, type(found)
                        hash(repr(found))
                        if type(found) is str:
                            found.encode("utf-8", "surrogatepass")
    finally:
        done.set()
        for thread in threads:
            thread.join()
    view.release()
    assert ~other == "unharmed"
    ptr.free()
    other.free()
    print("done")
"""

VALUES = {
    "small": "(None, True, 0, -1, 2**30, 1.5, 2j)",
    "int": "(2**64, -(3**200), 10**100)",
    "bytes": "(b'', b'x' * 100, bytes(range(200)))",
    "str": "('', 'ascii' * 10, '\\xe9' * 30, '\\u0107' * 40, '\\U00010307' * 30, '\\ud800' * 5)",
    "reference": "([1, 2], [])",
}


@pytest.mark.parametrize("name", VALUES)
def test_bits_that_flip_while_objects_are_loaded(run_python: Any, name: str) -> None:
    done = run_python(FLIPPING.format(values=VALUES[name], seconds=1.5))
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr
