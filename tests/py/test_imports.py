# SPDX-License-Identifier: MIT
"""An interpreter has one copy of the package, however often it is imported."""

from __future__ import annotations

import sys
from typing import Any

import pytest

WAYS = {
    "all modules of the package": """
        for name in [name for name in sys.modules if name.partition(".")[0] == "pointers"]:
            del sys.modules[name]
    """,
    "the package alone": "del sys.modules['pointers']",
    "all but the compiled module": """
        for name in [name for name in sys.modules if name.partition(".")[0] == "pointers"]:
            if name != "pointers._core":
                del sys.modules[name]
    """,
    "all modules of the import": """
        sys.modules.clear()
        sys.modules.update(before)
    """,
    "nothing": "",
    "a reload": "importlib.reload(pointers)",
}
FIRST = """
    import importlib, sys
    before = dict(sys.modules)
    import pointers
    import pointers._alloc.guard
    from pointers import *

    first, first_guard, getsizeof = pointers, pointers._alloc.guard, sys.getsizeof

    @stack_alloc(64)
    def old(ptr, depth=0):
        ptr <<= [depth]
        return old(depth - 1) if depth else (type(ptr), ~ptr)

    kept = malloc(64)
    kept <<= ["kept"]
    arena = Arena()
    aside = arena.malloc(28)
    {again}
    import pointers
    import pointers._alloc.guard, pointers._alloc.heaps
"""


@pytest.mark.parametrize("fast", ["0", "1"])
@pytest.mark.parametrize("way", WAYS)
def test_a_repeated_import_gives_the_same_package(run_python: Any, way: str, fast: str) -> None:
    code = FIRST.format(again=WAYS[way].strip().replace("\n    ", "\n"))
    code += """
    assert pointers is first is sys.modules["pointers"]
    assert pointers._alloc.guard is first_guard
    assert pointers.Guard is Guard
    assert pointers._alloc.heaps.Arena is Arena
    assert {name: getattr(pointers, name) for name in pointers.__all__} == {
        name: globals()[name] for name in pointers.__all__ if name != "__version__"
    } | {"__version__": pointers.__version__}
    assert System() is pointers.System()
    assert sys.getsizeof is getsizeof and sys.getsizeof(1) in (28, 16, 14)

    # Functions of the first and the second import call each other
    @pointers.stack_alloc(64)
    def new(ptr):
        return old(3)

    assert old() == new() == (StackAllocatedPointer, [0])
    assert aside.allocator is arena
    other = pointers.malloc(64)
    other <<= ["other"]
    pointers.memcpy(other, kept, 16)
    try:
        ~other
    except CorruptObjectError:
        pass  # a copied key must not name another object
    else:
        raise AssertionError(~other)
    assert ~kept == ["kept"]
    pointers.free(kept)
    free(other)
    arena.close()
    assert pointers.System().stats().current_blocks == 0
    from pointers._ffi import fast
    print(fast is not None)
    """
    done = run_python(code, POINTERS_FAST=fast)
    expected = fast == "1" and sys.implementation.name == "cpython"
    assert (done.returncode, done.stdout) == (0, f"{expected}\n"), done.stderr


@pytest.mark.skipif(sys.implementation.name != "cpython", reason="without subinterpreters")
def test_each_interpreter_has_a_package_of_its_own(run_python: Any) -> None:
    pytest.importorskip("_xxsubinterpreters" if sys.version_info < (3, 13) else "_interpreters")
    done = run_python(
        """
        import sys
        import pointers

        if sys.version_info < (3, 13):
            import _xxsubinterpreters as interpreters
            arguments = {"isolated": False}
        else:
            import _interpreters as interpreters
            arguments = {}
        made = interpreters.create("legacy") if not arguments else interpreters.create(**arguments)
        code = "import sys\\nassert not hasattr(sys, '_pointers_package')\\nimport pointers"
        print(interpreters.run_string(made, code))
        """
    )
    assert (done.returncode, done.stdout.strip()) == (0, "None"), done.stderr
