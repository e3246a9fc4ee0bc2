# SPDX-License-Identifier: MIT
"""Subinterpreters can use the package or are refused clearly, and no interpreter harms another."""

import sys
from pathlib import Path
from typing import Any

import pytest
from _misuse import PYPY, check_program, in_modes

pytestmark = pytest.mark.skipif(PYPY, reason="PyPy has no subinterpreters")

# Without a global lock, no subinterpreter imports a module that does not declare support for it
LOCKED = getattr(sys, "_is_gil_enabled", lambda: True)()

# Before 3.13, a callback from C runs in the main interpreter, whichever one had called C
CALLS_BACK = sys.version_info >= (3, 13)

INSIDE = f"""if True:
    import warnings
    warnings.simplefilter("ignore")
    from pointers import *
    p = malloc(64)
    for value in ("inside", 2**70, [1], None):
        p <<= value
        assert ~p == value
    a = calloc(4, 28)
    a[:] = range(4)
    assert a.tolist() == [0, 1, 2, 3]
    view = p.view()
    view[0] = 1
    try:
        free(p)
    except BufferError:
        view.release()
    free(p)
    try:
        ~p
    except FreedMemoryError:
        pass
    free(a)
    freed = []
    try:
        adopted = from_address(12345, 0, free=freed.append)
    except ValueError as error:
        assert "cannot be called back" in str(error), error
        assert not {CALLS_BACK}
    else:
        free(adopted)
        assert freed == [12345]
        lost = from_address(12345, 0, free=freed.append)  # freed as the interpreter ends
    try:
        assert stack_alloc(64)(lambda p: ~p.move([1]))() == [1]
    except RuntimeError as error:
        assert "a subinterpreter has no stack functions" in str(error), error
        assert not {CALLS_BACK}
    else:
        assert {CALLS_BACK}
    kept = malloc(100).move([malloc(8), calloc(2, 16)])  # never freed
"""

REFUSED = f"""if True:
    try:
        import pointers
    except ImportError as error:
        assert "cannot be imported in an isolated subinterpreter" in str(error) or (
            not {LOCKED} and "does not support loading in subinterpreters" in str(error)
        ), error
    else:
        raise AssertionError("was imported")
"""

# The code for a subinterpreter that shares the main interpreter's lock
LEGACY = INSIDE if LOCKED else REFUSED

START = """
import sys, warnings
warnings.simplefilter("ignore")
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
def run(code, isolated=False):
    if sys.version_info >= (3, 13):
        one = interpreters.create("isolated" if isolated else "legacy")
    else:
        one = interpreters.create(isolated=isolated)
    failure = interpreters.run_string(one, code)
    assert failure is None, failure
    interpreters.destroy(one)
"""

USE = """
from pointers import *
freed = []
free(from_address(12345, 0, free=freed.append))
assert freed == [12345], freed
q = malloc(64).move([1])
assert ~q == [1]
free(q)
assert stack_alloc(64)(lambda p: ~p.move([1]))() == [1]
"""


@in_modes
def test_subinterpreters_after_the_main_interpreter_do_not_harm_it(
    mode: str, tmp_path: Path
) -> None:
    adopted = "early = from_address(1, 0, free=(ended := []).append)\n"
    after = "free(early)\nassert ended == [1]\n"
    runs = f"for _ in range(3):\n    run({LEGACY!r})\n    assert not harm(), harm()\n"
    code = f"{START}{adopted}{runs}{after}{USE}"
    check_program(code, mode, tmp_path)


@in_modes
@pytest.mark.skipif(sys.version_info < (3, 12), reason="interpreters share everything")
def test_isolated_subinterpreters_are_refused(mode: str, tmp_path: Path) -> None:
    code = f"{START}for _ in range(3):\n    run({REFUSED!r}, isolated=True)\n{USE}"
    check_program(code, mode, tmp_path)


@pytest.mark.parametrize("isolated", [False, True])
def test_the_main_interpreter_can_import_the_package_after_a_subinterpreter(
    run_python: Any, isolated: bool
) -> None:
    code = REFUSED if isolated and sys.version_info >= (3, 12) else LEGACY
    program = (
        f"{START}for _ in range(3):\n    run({code!r}, isolated={isolated})\n{USE}print('end')"
    )
    done = run_python(program, "-W", "ignore")
    assert (done.returncode, done.stdout, done.stderr) == (0, "end\n", "")


@pytest.mark.parametrize("first", ["", "import pointers"])
def test_subinterpreters_made_by_run_in_subinterp_work(run_python: Any, first: str) -> None:
    """CPython's own tests make subinterpreters so; the result is 0 unless the code raises."""
    pytest.importorskip("_testcapi")
    program = f"{first}\nimport _testcapi\nfor _ in range(3):\n"
    program += f"    assert _testcapi.run_in_subinterp({LEGACY!r}) == 0\n{USE}print('end')"
    done = run_python(program, "-W", "ignore")
    assert (done.returncode, done.stdout, done.stderr) == (0, "end\n", "")


def test_blocks_of_allocators_of_another_interpreter_are_listed(run_python: Any) -> None:
    """This interpreter has not imported what makes the objects of such allocators."""
    inside = "from pointers import *; sources = Arena(), Pool(8), Guard(); "
    inside += "blocks = [source.malloc(5) for source in sources]"
    while_it_lives = "print([type(info.allocator).__name__ for info in pointers.live_blocks()])"
    program = START.replace("    interpreters.destroy(one)", f"    {while_it_lives}")
    done = run_python(f"{program}import pointers\nrun({inside!r})", "-W", "ignore")
    assert (done.returncode, done.stdout) == (0, "['Arena', 'Pool', 'Guard']\n"), done.stderr
