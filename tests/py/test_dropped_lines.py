# SPDX-License-Identifier: MIT
"""Warnings of leaked pointers name the line that let go of the pointer, as those of files do."""

import re
import sys
from pathlib import Path
from typing import Any

import pytest

from pointers._pointer import finalizers

PYPY = sys.implementation.name == "pypy"

#: PyPy has only the reference path
PATHS = pytest.mark.parametrize("fast", ["1"] if PYPY else ["1", "0"])

RECORD = """
import gc, io, sys, warnings
from pointers import *

rows = []
def show(message, category, filename, lineno, file=None, line=None):
    rows.append((category.__name__, str(message).split()[0], filename, lineno))
warnings.showwarning = show

def Made(): return malloc(48)
def OPEN(): return io.FileIO("/dev/null")
def ignore(*args): pass
"""

# Each lets go of the result of `Made()` on the line with the comment "here"
DROPS = {
    "del": "p = Made()\ndel p  # here",
    "rebound": "p = Made()\np = None  # here",
    "never bound": "Made()  # here",
    "return": "def f():\n    p = Made()\n    return 1\nf()  # here",
    "argument": "def f(p):\n    del p\nf(Made())  # here",
    "exception": "def f():\n    p = Made()\n    raise KeyError\n"
    "try:\n    f()\nexcept KeyError:\n    x = 1  # here\n",
    "list": "l = [Made()]\ndel l[0]  # here",
    "clear": "l = [Made(), 1]\nx = 1\nl.clear()  # here",
    "dict": "d = {1: Made()}\nd[1] = 2  # here",
    "attribute": "class C: pass\nc = C()\nc.p = Made()\ndel c  # here",
    "generator": "def g():\n    p = Made()\n    yield 1\n    yield 2\n"
    "i = g(); next(i)\nx = 1\ni.close()  # here",
    "cycle": "l = [Made()]\nl.append(l)\ndel l\nx = 1\ngc.collect()  # here",
    "in except": "p = Made()\ntry:\n    1 / 0\nexcept ZeroDivisionError:\n    del p  # here",
    "in C": "x = list(map(ignore, [Made()]))  # here",
}

# The same by means that only pointers have, where Python code of the package may let go
# of the pointer
HELD = {
    "alias last": "p = malloc(48)\nq = p + 8\ndel p\nx = 1\ndel q  # here",
    "slot last": "a = calloc(3, 28)\ns = a[1]\ndel a\nx = 1\ndel s  # here",
    "freed holder": "p = malloc(16)\np <<= [malloc(48)]\nfree(p)  # here",
    "overwritten holder": "p = malloc(64)\np <<= [malloc(48)]\np <<= 1  # here\nfree(p)",
    "raw bytes": "p = malloc(64)\np <<= [malloc(48)]\np.write(bytes(64))  # here\nfree(p)",
    "realloc": "p = malloc(64)\nq = p + 40\nq <<= [malloc(48)]\nrealloc(p, 32)  # here\nfree(p)",
    "bulk": "a = calloc(2, 28)\na[0] <<= [malloc(48)]\na[:] = [1, 2]  # here\nfree(a)",
    "arena": "a = Arena()\np = a.malloc(16)\np <<= [malloc(48)]\na.reset()  # here",
    "stack": "def f(q):\n    q <<= [malloc(48)]\nacquire_stack_alloc(28)(f)  # here",
    "in a stack function": "def f(q):\n    p = malloc(48)\n    del p  # here\n"
    "acquire_stack_alloc(28)(f)",
    "leaving a stack function": "@stack_alloc(28)\ndef f(q):\n    p = malloc(48)\n\nf()  # here",
}


def run(run_python: Any, tmp_path: Path, program: str, fast: str, *options: str) -> "list[Any]":
    path = tmp_path / "program.py"
    path.write_text(program, "utf-8")
    code = RECORD + (
        f"exec(compile({program!r}, {str(path)!r}, 'exec'))\n"
        "gc.collect(); gc.collect()\nprint(rows)"
    )
    done = run_python(code, "-W", "always::ResourceWarning", *options, POINTERS_FAST=fast)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    rows: list[Any] = eval(done.stdout)
    return rows


@PATHS
@pytest.mark.parametrize("name", DROPS)
def test_a_warning_names_the_same_line_as_that_of_a_file(
    run_python: Any, tmp_path: Path, name: str, fast: str
) -> None:
    program = DROPS[name]
    (row,) = run(run_python, tmp_path, program, fast)
    (other,) = run(run_python, tmp_path, program.replace("Made()", "OPEN()"), fast)
    # PyPy's collector frees pointers at whichever line it happens to run
    if PYPY:
        assert row[2] in {str(tmp_path / "program.py"), "<string>"}
        return
    assert row[:2] == ("ResourceWarning", "AllocatedPointer")
    assert row[2:] == other[2:], "a file's warning names another line"
    here = 1 + program[: program.index("# here")].count("\n")
    if name not in {"exception", "argument"}:  # their lines differ by version of Python
        assert row[2:] == (str(tmp_path / "program.py"), here)


@PATHS
@pytest.mark.parametrize("name", HELD)
def test_a_warning_never_names_a_line_of_the_package(
    run_python: Any, tmp_path: Path, name: str, fast: str
) -> None:
    program = HELD[name]
    rows = run(run_python, tmp_path, program, fast)
    here = 1 + program[: program.index("# here")].count("\n")
    assert len(rows) == 1, rows
    if PYPY:
        assert rows[0][2] in {str(tmp_path / "program.py"), "<string>"}
    else:
        assert rows[0][2:] == (str(tmp_path / "program.py"), here)


@PATHS
def test_each_line_warns_once_by_default(run_python: Any, fast: str) -> None:
    done = run_python(
        """
        import gc
        from pointers import *
        def a(): p = malloc(100)
        def b(): p = malloc(100)
        for _ in range(3):
            a(); gc.collect()
        b(); gc.collect()
        """,
        "-W",
        "default::ResourceWarning",
        POINTERS_FAST=fast,
    )
    lines = re.findall(r"^<string>:(\d+): ResourceWarning: Alloc", done.stderr, re.MULTILINE)
    assert lines == ["7", "8"], done.stderr
    assert done.stderr.count("was dropped") == 2, done.stderr


FILTERS = {
    "none": ("", 0),
    "ignore": ("warnings.simplefilter('ignore')", 0),
    "ignore all categories": ("warnings.simplefilter('ignore', Warning)", 0),
    "another category is an error": ("warnings.simplefilter('error', DeprecationWarning)", 0),
    "always": ("warnings.simplefilter('always')", 1),
    "error": ("warnings.simplefilter('error')", 1),
    "always for the message": (
        "warnings.filterwarnings('always', 'AllocatedPointer to 48 bytes')",
        1,
    ),
    "always for another message": ("warnings.filterwarnings('always', 'unclosed')", 0),
    "always for the module": ("warnings.filterwarnings('always', module='__main__')", 1),
    "always for another module": ("warnings.filterwarnings('always', module='pointers')", 0),
    "always for the line": ("warnings.filterwarnings('always', lineno=LINE)", 1),
    "always for another line": ("warnings.filterwarnings('always', lineno=LINE + 1)", 0),
    "ignored message": (
        "warnings.simplefilter('always'); warnings.filterwarnings('ignore', 'Allocated')",
        0,
    ),
    "ignored, but for another message": (
        "warnings.simplefilter('always'); warnings.filterwarnings('ignore', 'unclosed')",
        1,
    ),
    "ignored, but for another module": (
        "warnings.simplefilter('always'); warnings.filterwarnings('ignore', module='pointers')",
        1,
    ),
    "ignored later": ("warnings.simplefilter('always', append=True)", 0),
    "no filters": ("warnings.resetwarnings()", 1),
    "a filter inserted by hand": (
        "warnings.filters.insert(0, ('always', None, Warning, None, 0))",
        1,
    ),
    "the list of filters replaced": ("warnings.filters = [('always', None, Warning, None, 0)]", 1),
    "a tuple of categories": (
        "warnings.filters.insert(0, ('always', None, (OSError, Warning), None, 0))",
        1,
    ),
    "a category whose metaclass claims all": (
        "warnings.filters.insert(0, ('always', None, Meta('Claims', (Warning,), {}), None, 0))",
        1,
    ),
}


# From 3.14 on, catch_warnings() may leave the module's filters and change the context's
OPTIONS: "list[tuple[str, ...]]" = [()]
if sys.version_info >= (3, 14):
    OPTIONS = [("-X", f"context_aware_warnings={choice}") for choice in "01"]


@PATHS
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("name", FILTERS)
def test_filters_decide_whether_a_leak_is_heard(
    run_python: Any, name: str, options: "tuple[str, ...]", fast: str
) -> None:
    act, count = FILTERS[name]
    if PYPY and name in {"always for the line", "a category whose metaclass claims all"}:
        pytest.skip("PyPy warns at another line, and asks no metaclass")
    if options == OPTIONS[-1] != () and "warnings.filters" in act:
        pytest.skip("the context's own filters come first")
    done = run_python(
        f"""
        import gc, sys, warnings
        from pointers import *
        class Meta(type):
            def __subclasscheck__(cls, other): return True
        heard = []
        warnings.showwarning = lambda *args, **_: heard.append(args)
        sys.unraisablehook = lambda args: heard.append(args.exc_value)
        def check(count):
            gc.collect(); gc.collect()
            assert len(heard) == count, heard
            heard.clear()

        LINE = sys._getframe().f_lineno + 3
        with warnings.catch_warnings():
            {act}
            malloc(48)
            check({count})
        # After the block, the filters are those from before
        malloc(48)
        check(0)
        print("done")
        """,
        *options,
        POINTERS_FAST=fast,
    )
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr


def test_filters_of_a_context_count_as_heard() -> None:
    import contextvars
    import warnings

    own: contextvars.ContextVar[object] = contextvars.ContextVar("own")

    def is_unheard(**own_filters: Any) -> bool:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return finalizers.is_unheard(_may_have_own=True, **own_filters)

    assert is_unheard(_own_filters=own)
    own.set(object())
    assert not is_unheard(_own_filters=own)
    assert not is_unheard(_own_filters=None)  # an unknown place may hold filters


@PATHS
def test_a_warning_has_the_freed_pointer_as_its_source(run_python: Any, fast: str) -> None:
    done = run_python(
        f"""
        import gc, warnings
        from pointers import *
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            malloc(48)
            gc.collect()
        (warning,) = caught
        source = warning.source
        # Only tracemalloc uses the source, and PyPy has none
        assert source is None if {PYPY} else type(source) is AllocatedPointer and source.freed
        del caught, warning, source
        gc.collect()
        free(malloc(48))
        print("done")
        """,
        POINTERS_FAST=fast,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")


@PATHS
@pytest.mark.parametrize("action", ["ignore", "always", "error"])
def test_a_warning_leaves_an_exception_under_way_alone(
    run_python: Any, action: str, fast: str
) -> None:
    done = run_python(
        f"""
        import gc, sys, warnings
        from pointers import *
        warnings.simplefilter({action!r})
        def f():
            p = malloc(48)
            raise KeyError("mine")
        for _ in range(100):
            try:
                f()
            except KeyError as error:
                assert error.args == ("mine",)
            else:
                raise AssertionError
        gc.collect(); gc.collect()
        assert System().stats().current_blocks == 0
        print("done")
        """,
        POINTERS_FAST=fast,
    )
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr


@PATHS
def test_pointers_alive_at_exit_warn_without_an_error(run_python: Any, fast: str) -> None:
    done = run_python(
        """
        from pointers import *
        p = malloc(48)
        p <<= [p]
        q = [malloc(64)]
        q.append(q)
        """,
        "-W",
        "always::ResourceWarning",
        POINTERS_FAST=fast,
    )
    assert done.returncode == 0
    told = [line for line in done.stderr.splitlines() if not line.startswith("  ")]
    assert all("ResourceWarning: Allocated" in line for line in told), done.stderr
    assert "finalizers" not in done.stderr


@PATHS
def test_warnings_of_unsafe_stores_name_their_line(run_python: Any, fast: str) -> None:
    done = run_python(
        """
        import sys, warnings
        from pointers import *
        rows = []
        def show(message, category, filename, lineno, file=None, line=None):
            rows.append((filename, lineno))
            raise KeyError  # before the write
        warnings.showwarning = show
        p = malloc(8)
        a = calloc(1, 8)
        big = "x" * 1000
        try: p ^= big
        except KeyError: pass
        try: p.move(big, unsafe=True)
        except KeyError: pass
        try: a ^= big
        except KeyError: pass
        try: a[0] ^= big
        except KeyError: pass
        print(rows)
        free(p); free(a)
        """,
        POINTERS_FAST=fast,
    )
    assert done.returncode == 0, done.stderr
    assert eval(done.stdout) == [("<string>", line) for line in (12, 14, 16, 18)]
