# SPDX-License-Identifier: MIT
"""Memory that another thread changes through a view or by address while objects are loaded."""

from typing import Any

import pytest
from _races import SECONDS

# The bytes are changed through a view, which takes no lock.  A load may find any bytes; it must
# raise or return a whole object of a type that has images, and harm nothing else in the process.
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
def test_flipping_bits_while_objects_are_loaded_is_harmless(run_python: Any, name: str) -> None:
    done = run_python(FLIPPING.format(values=VALUES[name], seconds=SECONDS))
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr


# A writer in C, without the interpreter's lock, over images so long that a write meets a load in
# the middle of its copy.  A load may see any mixture of old and new bytes, even in the words for
# the length and the type.
RACING = """
    import ctypes, sys, threading, time
    from pointers import *

    sys.setswitchinterval(1e-6)
    # Functions that ctypes calls without the interpreter's lock
    libc = ctypes.CDLL(None)
    libc.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
    libc.memmove.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t]
    values = {values}
    size = 1 << 20
    ptr = malloc(size)
    other = malloc(64)
    other <<= "unharmed"
    images = []
    for value in values:
        ptr <<= value
        images.append(ptr.read(min(size, sizeof(value) + 64)))
    address = ptr.address
    done = threading.Event()

    def overwrite(first):
        n = first
        while not done.is_set():
            n += 1
            image = images[n % len(images)]
            libc.memmove(address, image, len(image))  # a whole image
            libc.memmove(address + n % 64, images[first], 9)
            libc.memset(address + n % 64, n % 256, 1 + n % 7)
            libc.memmove(address + 8, image[8:], len(image) - 8)

    threads = [threading.Thread(target=overwrite, args=(first,)) for first in range(2)]
    for thread in threads:
        thread.start()
    loaded = refused = 0
    end = time.monotonic() + {seconds}
    try:
        while time.monotonic() < end or min(loaded, refused) < 20:
            try:
                found = ~ptr
            except DereferenceError:
                refused += 1
                continue
            loaded += 1
            assert type(found) in {{type(value) for value in values}}, type(found)
            if type(found) is str:
                # The str that Python makes of the same code points
                assert found == found.encode("utf-32", "surrogatepass").decode(
                    "utf-32", "surrogatepass"
                )
            elif type(found) is int:
                assert found == int(hex(found), 16)
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert ~other == "unharmed"
    ptr.free()
    other.free()
    print("done")
"""

LONG_VALUES = {
    "str": "('x' * 60_000, '\\xe9' * 50_000, '\\u0107' * 40_000, '\\U00010307' * 30_000)",
    "str and bytes": "(b'\\xff' * 200_000, 'y' * 100, b'z' * 40, '\\U00010307' * 100_000)",
    "int": "(-(2**600_000 - 1), 2**30, 3**90_000, 0)",
}


@pytest.mark.parametrize("name", LONG_VALUES)
def test_c_code_that_overwrites_images_during_loads_is_harmless(run_python: Any, name: str) -> None:
    done = run_python(RACING.format(values=LONG_VALUES[name], seconds=SECONDS))
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")
