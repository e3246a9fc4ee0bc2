# SPDX-License-Identifier: MIT
"""Memory runs out at any allocation of any operation; _no_memory.py says what must hold then."""

import re
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from pointers._ffi import fast

if sys.implementation.name != "cpython":
    pytest.skip("only CPython has a way to fail allocations", allow_module_level=True)
pytest.importorskip("_testcapi", reason="CPython's test module fails the allocations")

PROGRAM = Path(__file__).with_name("_no_memory.py")

#: Finalizers, and what C calls as a block ends: exceptions in these have no caller.
UNHEARD = r"Ending\.__del__|_unregister|_listen\.<locals>\.ptrs_access_block_ended"


@pytest.mark.parametrize("count", [1, 12])
def test_an_operation_without_memory_does_all_or_nothing_and_loses_no_block(
    count: int, tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", str(PROGRAM), str(count)],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=tmp_path,
        check=False,
    )
    last = done.stdout.splitlines()[-1:]
    # Where there is no memory to run them, the interpreter itself says so
    errors = re.sub(
        rf"Exception ignored .*<function ({UNHEARD}) .*\nMemoryError(: )?\n", "", done.stderr
    )
    assert (done.returncode, last, errors) == (0, ["end"], "")


def test_a_leaked_block_is_freed_also_without_memory(run_python: Any) -> None:
    done = run_python(
        """
        import _testcapi
        from pointers import *

        for n in range(30):
            ptr = malloc(1000)
            _testcapi.set_nomemory(n)
            del ptr
            _testcapi.remove_mem_hooks()
        print(System().stats().current_blocks == 0)
        """,
        "-W",
        "ignore",
    )
    # The reference path's finalizer is a Python function, which needs memory to run up to 3.10
    all_freed = fast is not None or sys.version_info >= (3, 11)
    assert done.stdout == f"{all_freed}\n", done.stderr


# Modules with functions that take pointers, or that are called with them
ON_THE_WAY = (
    "_alloc.allocator", "_alloc.blocks", "_alloc.default", "_alloc.functions", "_codec.load",
    "_codec.scratch", "_codec.store", "_collector", "_interop.adopted", "_interop.endings",
    "_pointer.arguments", "_pointer.array", "_pointer.base",
    "_pointer.bulk", "_pointer.heap", "_pointer.held", "_pointer.memory", "_pointer.pointer",
    "_pointer.raw", "_pointer.unsafe", "_pointer.views", "_registry",
)  # fmt: skip


def cells(code: types.CodeType) -> "list[tuple[str, tuple[str, ...]]]":
    found = [(code.co_name, code.co_cellvars)] if code.co_cellvars else []
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found += cells(constant)
    return found


@pytest.mark.parametrize("name", ON_THE_WAY)
def test_no_function_has_variables_for_closures(name: str) -> None:
    """A call makes a cell for each; without memory for it, 3.11 loses arguments, 3.12 crashes."""
    package = Path(__file__).resolve().parents[2] / "pointers"
    path = package / f"{name.replace('.', '/')}.py"
    found = cells(compile(path.read_text("utf-8"), path.name, "exec"))
    # Class bodies and functions that run at import, and functions that are given no pointer
    allowed = {"AdoptedPointer", "ArraySlotPointer", "_round_trips", "_bound", "_listen"}
    assert [each for each in found if each[0] not in allowed] == []


@pytest.mark.skipif(sys.version_info < (3, 11), reason="3.9 and 3.10 need memory to run Python")
def test_leaked_memory_of_c_is_freed_also_without_memory(run_python: Any) -> None:
    done = run_python(
        """
        import _testcapi, ctypes
        from pointers import *
        from pointers._ffi import lib

        libc = ctypes.CDLL(None)
        libc.malloc.restype = ctypes.c_void_p
        alive = []
        for n in range(30):
            ptr = from_address(libc.malloc(1000), 1000, free=libc.free)
            block = ptr._block
            _testcapi.set_nomemory(n)
            del ptr
            _testcapi.remove_mem_hooks()
            if lib.ptrs_access_size_of(block) >= 0:
                alive.append(n)
        print(alive)
        """,
        "-W",
        "ignore",
    )
    assert done.stdout == "[]\n", done.stderr
