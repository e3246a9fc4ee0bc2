# SPDX-License-Identifier: MIT
"""Finalizers that run as the interpreter ends can still use the whole package."""

import os
import re
import sys
from typing import Any

import pytest

from pointers._ffi import fast

PYPY = sys.implementation.name == "pypy"

pytestmark = pytest.mark.skipif(PYPY, reason="PyPy runs no finalizers at its end")

# Run in a namespace that is no module, since the interpreter clears modules at its end.
USE = """
def expect(error, function, *arguments):
    try:
        function(*arguments)
    except error as caught:
        assert str(caught)
    else:
        raise AssertionError(f"{function} raised nothing")

class Thing:
    pass

def use():
    ptr = pointers.malloc(64)
    for value in (1, 2**70, "text", 1.5, 2j, b"bytes", None, True, Thing()):
        ptr <<= value
        assert ~ptr == value
    ptr ^= 5
    assert [*ptr] == [5] and str(ptr) == "5" and "assigned" in repr(ptr)
    pointers.realloc(ptr, 100)
    ptr.write(b"abc" * 9)
    assert ptr.read(3) == bytes(ptr)[:3] == b"abc"
    with ptr.view("i") as view:
        view[0] = 7
        expect(BufferError, ptr.free)
    assert pointers.memcmp(pointers.memcpy(ptr + 8, ptr, 8), ptr, 8) == 0
    pointers.memmove(ptr, ptr + 4, 8)
    pointers.memset(ptr, 0, 9)
    expect(pointers.DereferenceError, lambda: ~ptr)
    expect(pointers.InvalidSizeError, ptr.move, "x" * 200)
    assert ptr.address and ptr.capacity and ptr.alignment and ptr.allocator is pointers.System()
    pointers.free(ptr)
    expect(pointers.FreedMemoryError, lambda: ~ptr)
    expect(pointers.FreedMemoryError, pointers.free, ptr)

    array = pointers.calloc(6, 64, align=64)
    array[:] = range(6)
    array[:3] = ["a", 2**70, Thing()]
    assert len(array.tolist()) == 6 and [~slot for slot in array[3:]] == [3, 4, 5]
    array.fill(Thing()).fill(0)
    assert array + 2 - 2 is array
    expect(IndexError, lambda: array[6])
    array.free()

    for allocator in (pointers.Arena(), pointers.Pool(64), pointers.Guard()):
        with allocator, pointers.allocator(allocator):
            ptr = pointers.malloc(40)
            assert ptr.allocator is allocator
            assert allocator.stats().current_blocks == 1
            assert repr(allocator)
            ptr.free()
    guard = pointers.Guard(underflow=True)
    assert guard.info().max_mappings
    guard.close()
    arena = pointers.Arena()
    ptr = arena.malloc(8)
    mark = arena.mark()
    arena.rewind(mark)
    arena.reset()
    del arena
    arena = pointers.Arena(parent=pointers.System())
    ptr = arena.malloc(8)
    del arena
    assert ptr.allocator.malloc(16).size == 16
    expect(pointers.LibraryError, pointers.load_allocator, "no such library")

    @pointers.stack_alloc(64)
    def on_stack(ptr, value, *, key=None):
        "Store and load."
        ptr <<= value
        return ~ptr

    assert on_stack("text", key=1) == "text" and on_stack.__doc__
    assert pointers.acquire_stack_alloc(64)(lambda ptr: ~ptr.move([1])) == [1]
    expect(TypeError, pointers.stack_alloc(8), (lambda: (yield)))
    expect(pointers.StackMemoryError, pointers.acquire_stack_alloc(8), pointers.free)
    expect(pointers.StackExhaustedError, pointers.acquire_stack_alloc(2**31 - 1), id)
    expect(pointers.AllocationError, pointers.malloc, 1 << 62)
    assert pointers.sizeof(1) == 28
    stats = pointers.System().stats()
    assert stats._asdict()["current_blocks"] == stats.current_blocks and repr(stats)
    pointers.malloc(8)  # leaked at once
    write(1, b"used\\n")

class Late:
    def __del__(self, use=use, write=write, BaseException=BaseException, repr=repr):
        # At this time, the interpreter may no longer be able to print an exception
        try:
            use()
        except BaseException as error:
            line = 0
            trace = error.__traceback__
            while trace is not None:
                line, trace = (trace.tb_frame.f_code.co_name, trace.tb_lineno), trace.tb_next
            write(1, f"{line}: {error!r}\\n".encode())
"""

PLACES = {
    "main": "late = Late()",
    "cycle": "late = Late(); late.cycle = late",
    "sys": "sys.late = Late()",
    "builtins": "import builtins; builtins.late = Late()",
    "the package": "pointers.late = Late()",
    "a module of the package": "sys.modules['pointers._errors'].late = Late()",
    "a thread": "import threading; local = threading.local(); local.late = Late()",
    "memory": "late = pointers.malloc(16); late <<= Late()",
    "memory of an arena": "a = pointers.Arena(); late = a.malloc(16); late <<= Late()",
    "a stack function": "late = pointers.stack_alloc(8)(lambda ptr, late=Late(): None)",
    "an exit function": "import atexit; atexit.register(Late().__del__)",
    "garbage": "gc.garbage.append(Late())",
}


# Finalizers at these places run once the interpreter has set the names of all modules to None,
# those of the package too: nothing has to work then, but nothing may crash
AFTER_MODULES = ("sys", "the package", "a module of the package", "garbage")
NAME_IS_GONE = re.compile(r"\('\w+', \d+\): (Type|Attribute)Error\(.*'NoneType' object .*\)\n")


@pytest.mark.parametrize("imported", ["import pointers", "from pointers import *"])
@pytest.mark.parametrize("place", PLACES)
def test_a_finalizer_at_exit_can_use_the_package(
    place: str, imported: str, run_python: Any
) -> None:
    if place == "garbage" and sys.version_info < (3, 10):
        pytest.skip("3.9 runs these finalizers once Python code can no longer run")
    done = run_python(
        f"""
        import gc, os, sys
        {imported}
        import pointers as package
        pointers = package
        package.malloc(8).free()  # without a use, the exit leaves rare functions unimported
        namespace = {{"pointers": package, "write": os.write}}
        exec({USE!r}, namespace)
        Late = namespace["Late"]
        {PLACES[place]}
        """,
        "-W",
        "ignore",
        **({"POINTERS_FAST": os.environ["POINTERS_FAST"]} if "POINTERS_FAST" in os.environ else {}),
    )
    assert (done.returncode, done.stderr) == (0, "")
    # atexit calls the method first, and the finalizer calls it again
    used = "used\n" * (2 if place == "an exit function" else 1)
    if place == "a module of the package" and fast is not None and not done.stdout:
        return  # the compiled module keeps the module, and so the finalizer, to the very end
    assert done.stdout == used or (
        place in AFTER_MODULES and NAME_IS_GONE.fullmatch(done.stdout)
    ), done.stdout


@pytest.mark.skipif(fast is None, reason="the reference path imports all at once")
def test_a_first_use_by_a_finalizer_at_exit_works_or_says_why_not(run_python: Any) -> None:
    """Compiled functions work; others can no longer be imported, and the error says so."""
    done = run_python(
        """
        import os, pointers

        def use(pointers=pointers, write=os.write, ImportError=ImportError):
            ptr = pointers.malloc(64)
            ptr <<= 5
            assert ~ptr == 5
            try:
                ptr.string("latin-1")
            except ImportError as error:
                write(1, f"{error}".encode())
            pointers.free(ptr)

        class Late:
            def __del__(self, use=use):
                use()

        late = Late()
        """,
        "-W",
        "ignore",
        POINTERS_FAST="1",
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "shutting down" in done.stdout


def test_an_exit_imports_nothing_that_only_shows_memory(run_python: Any) -> None:
    """These imports would take longer than the rest of an exit, in every program."""
    done = run_python(
        """
        import atexit, sys
        def show():
            print("pointers._alloc.heaps" in sys.modules)
            print([n for n in ("pointers._show.dump", "inspect", "functools") if n in sys.modules])
        atexit.register(show)  # before the import: the last function registered runs first
        import pointers
        pointers.malloc(8).free()
        """,
        "-S",
        PYTHONPATH=os.pathsep.join(path for path in sys.path if path),
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "True\n[]\n"
