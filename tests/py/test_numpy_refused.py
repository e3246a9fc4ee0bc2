# SPDX-License-Identifier: MIT
"""What `numpy_allocator` refuses: wrong sources, missing and unknown versions, interpreters."""

import importlib.util
import sys
from types import SimpleNamespace
from typing import Any

import pytest

import pointers
import pointers._interop.numpy as internal
from pointers import Arena, numpy_allocator

PYPY = sys.implementation.name != "cpython"
NUMPY = importlib.util.find_spec("numpy") is not None


@pytest.mark.parametrize("wrong", [None, 5, Arena, "arena"])
def test_what_is_no_allocator_is_refused(wrong: Any) -> None:
    with pytest.raises(TypeError, match="must be an Allocator, not"):
        numpy_allocator(wrong)


def test_numpy_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(internal, "_found", [])
    monkeypatch.setitem(sys.modules, "numpy", None)
    with pytest.raises(ImportError, match=r"needs NumPy 1\.22 or later, which cannot be imported"):
        numpy_allocator(Arena())


def test_what_is_called_numpy_has_no_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(internal, "_found", [])
    monkeypatch.setitem(sys.modules, "numpy", SimpleNamespace())  # type: ignore[arg-type]
    with pytest.raises(ImportError, match="finds no C functions"):
        numpy_allocator(Arena())


@pytest.mark.skipif(PYPY or not NUMPY, reason="needs NumPy on CPython")
@pytest.mark.parametrize("versions", [(0x01000009, 0xE), (0x03000000, 0x20)])
def test_numpy_is_too_old_or_too_new(
    monkeypatch: pytest.MonkeyPatch, versions: "tuple[int, int]"
) -> None:
    monkeypatch.setattr(internal, "_found", [])
    compiled = SimpleNamespace(versions=lambda _table: versions)
    monkeypatch.setattr(internal, "_load_compiled", lambda: compiled)
    with pytest.raises(ImportError, match=r"knows NumPy from 1\.22 to 2, and not"):
        numpy_allocator(Arena())
    assert not internal._found


@pytest.mark.skipif(not NUMPY, reason="needs NumPy")
def test_interpreters_without_compiled_code_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(internal, "_found", [])
    monkeypatch.setattr(internal, "COUNTS_REFERENCES", False)
    with pytest.raises(NotImplementedError, match="use CPython, or np"):
        numpy_allocator(Arena())


SUBINTERPRETER = """
    import sys
    try:
        import _interpreters as interpreters
    except ImportError:
        import _xxsubinterpreters as interpreters

    code = '''if True:
        from pointers import Arena, numpy_allocator
        try:
            numpy_allocator(Arena())
        except NotImplementedError as error:
            print(error)
    '''
    made = interpreters.create(**OPTIONS)
    getattr(interpreters, "run_string")(made, code)
"""


@pytest.mark.skipif(
    PYPY or not getattr(sys, "_is_gil_enabled", lambda: True)(), reason="there are none"
)
@pytest.mark.parametrize("fast", ["0", "1"])
def test_subinterpreters_refuse(run_python: Any, fast: str) -> None:
    options = "'legacy'" if sys.version_info >= (3, 13) else "isolated=False"
    code = SUBINTERPRETER.replace("**OPTIONS", options)
    done = run_python(code, POINTERS_FAST=fast)
    assert (done.returncode, done.stderr) == (0, "")
    assert "in the main interpreter alone" in done.stdout


def test_importing_the_package_imports_no_numpy(run_python: Any) -> None:
    done = run_python(
        """
        import sys
        import pointers
        assert pointers.numpy_allocator
        assert "numpy" not in sys.modules
        """
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "numpy_allocator" in pointers.__all__
