# SPDX-License-Identifier: MIT
"""Every public name has a docstring, which is the same on both paths."""

import inspect
from collections.abc import Iterator
from typing import Any

import pytest

import pointers
from pointers import (
    AllocatedArrayPointer,
    AllocatedPointer,
    ArraySlotPointer,
    StackAllocatedPointer,
)
from pointers._ffi import fast

# Attributes that Python adds to a class or a named tuple
ADDED_BY_PYTHON = {
    *vars(type("Empty", (), {})),
    *("__slots__", "__orig_bases__", "__parameters__", "__getattr__", "__getattribute__"),
    *("__match_args__", "__class_getitem__", "__getnewargs__", "__new__", "__replace__"),
    *("__annotations__", "__annotate__", "__annotate_func__", "__annotations_cache__"),
    *("__firstlineno__", "__static_attributes__"),
}


def public() -> "Iterator[tuple[str, Any]]":
    for name in pointers.__all__:
        value = getattr(pointers, name)
        if name == "__version__":
            continue
        yield name, value
        for kind in value.__mro__ if isinstance(value, type) else ():
            if not kind.__module__.startswith("pointers") or kind.__name__ in (
                "PointerBase",
                "Generic",
            ):
                continue
            for attribute, member in vars(kind).items():
                is_private = attribute.startswith("_") and not attribute.endswith("__")
                if not is_private and attribute not in ADDED_BY_PYTHON and member is not None:
                    yield f"{kind.__name__}.{attribute}", member


def test_every_public_name_has_a_docstring() -> None:
    missing = {name for name, value in public() if not (inspect.getdoc(value) or "").strip()}
    assert not missing
    names = {name for name, _ in public()}
    assert {"Pointer.__ilshift__", "AllocatedArrayPointer.__len__", "Arena.mark"} <= names


#: Python's default docstrings of operators, which say nothing about pointers
GENERIC = ["self<<=", "self+value", "self-value", "~self", "self[key]", "self==value", "hash(self)"]


@pytest.mark.parametrize(
    "name",
    ["ilshift", "ixor", "invert", "add", "radd", "sub", "getitem", "setitem", "eq", "hash", "iter"],
)
@pytest.mark.parametrize("kind", [AllocatedPointer, AllocatedArrayPointer, ArraySlotPointer])
def test_docstrings_of_operators_are_about_pointers(kind: type, name: str) -> None:
    text = getattr(kind, f"__{name}__").__doc__
    assert len(text) > 20
    assert not any(words in text for words in GENERIC), text


def test_both_paths_have_the_same_docstrings(run_python: Any) -> None:
    code = """
        import inspect, pointers
        for name in pointers.__all__:
            value = getattr(pointers, name)
            print(name, inspect.getdoc(value) if callable(value) else "")
            for attribute in dir(value) if isinstance(value, type) else ():
                own = any(attribute in vars(kind) for kind in value.__mro__
                          if kind.__module__ in ("pointers", "pointers._pointer.array"))
                if own and attribute not in {"__doc__", "__module__", "__buffer__"}:
                    print(name, attribute, inspect.getdoc(getattr(value, attribute)))
    """
    done = [run_python(code, POINTERS_FAST=choice) for choice in "10"]
    assert done[0].returncode == 0, done[0].stderr
    assert done[0].stdout.count("\n") > 200
    assert done[0].stdout == done[1].stdout


@pytest.mark.skipif(fast is None, reason="the fast path is off")
def test_documented_operators_are_as_fast_as_others() -> None:
    # A docstring must not turn an operator into a Python method, which the interpreter looks up
    class Mine(AllocatedPointer[int]):
        __slots__ = ()

    for kind in (
        AllocatedPointer,
        AllocatedArrayPointer,
        ArraySlotPointer,
        StackAllocatedPointer,
        Mine,
    ):
        assert fast.is_direct(kind), kind

    class Slow(AllocatedPointer[int]):
        __slots__ = ()

        def __invert__(self) -> Any:
            return None

    assert not fast.is_direct(Slow)
