# SPDX-License-Identifier: MIT
"""On PyPy, `sys.getsizeof` is replaced: its answers, and libraries that test whether it works."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from pointers import malloc, sizeof

pytestmark = pytest.mark.skipif(
    sys.implementation.name != "pypy", reason="CPython has a getsizeof of its own"
)
VALUES = [None, True, 0, 1, 2**100, 1.5, 2j, b"bytes", "text"]

LIBRARY = """
import sys

try:
    sys.getsizeof(0)
except TypeError:
    answers = False
else:
    answers = True
"""


@pytest.mark.parametrize("obj", VALUES)
def test_values_have_the_size_of_their_images(obj: Any) -> None:
    assert sys.getsizeof(obj) == sizeof(obj)
    with malloc(sys.getsizeof(obj)) as ptr:
        assert ~ptr.move(obj) == obj


@pytest.mark.parametrize("obj", [[], {}, (), object(), int, type("I", (int,), {})(1), malloc])
def test_everything_else_raises_as_before(obj: Any) -> None:
    with pytest.raises(TypeError):
        sys.getsizeof(obj)
    assert sys.getsizeof(obj, 5) == sys.getsizeof(obj, default=5) == 5


def test_a_default_is_returned_as_before() -> None:
    assert sys.getsizeof(1, 5) == sys.getsizeof("text", default=5) == 5


def test_a_library_that_tries_before_the_import_sees_pypy_s_own(run_python: Any) -> None:
    done = run_python(LIBRARY + "import pointers\nprint(answers)")
    assert (done.returncode, done.stdout) == (0, "False\n"), done.stderr


def test_a_library_that_tries_after_the_import_is_misled(run_python: Any) -> None:
    done = run_python("import pointers\n" + LIBRARY + "print(answers)\nsys.getsizeof([])")
    assert (done.returncode, done.stdout) == (1, "True\n")
    assert "TypeError" in done.stderr


def test_pypy_s_own_getsizeof_can_be_restored(run_python: Any) -> None:
    done = run_python(
        "import sys, pointers\nsys.getsizeof = sys.getsizeof.__wrapped__\n"
        + LIBRARY
        + "print(answers, pointers.sizeof(1))"
    )
    assert (done.returncode, done.stdout) == (0, "False 28\n"), done.stderr
