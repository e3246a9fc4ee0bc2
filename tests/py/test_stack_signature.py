# SPDX-License-Identifier: MIT
"""Signatures and annotations of stack functions are those of a call: they have no pointer."""

import functools
import inspect
import sys
import typing
from typing import Any, Callable

import pytest

from pointers import StackAllocatedPointer, stack_alloc

Decorate = stack_alloc(28)


def names(function: Any) -> str:
    return str(inspect.signature(function))


@Decorate
def plain(ptr: "StackAllocatedPointer[int]", n: int, m: "str" = "x") -> "bytes":
    """Documentation."""
    return bytes(n) + m.encode()


class Holder:
    @Decorate
    def method(self, ptr: StackAllocatedPointer[int], a: int, *, b: int = 1) -> int:
        return a + b

    def outside(self, ptr: Any, a: int) -> "tuple[Any, int]":
        return self, a

    as_attribute = Decorate(lambda self, ptr, a: (self, a))
    inner: "Any" = None


def as_function_and_method(first: Any, second: Any, third: int) -> Any:
    return first, second, third


shared = Decorate(as_function_and_method)
Holder.inner = shared


class Callee:
    def __call__(self, ptr: Any, a: int) -> int:
        return a


def test_the_signature_of_a_function_has_no_pointer() -> None:
    assert names(plain) == "(n: int, m: 'str' = 'x') -> 'bytes'"
    assert names(functools.partial(plain, 1)) == "(m: 'str' = 'x') -> 'bytes'"
    assert inspect.getfullargspec(plain).args == ["n", "m"]
    assert inspect.signature(plain, follow_wrapped=False) == inspect.signature(plain)
    assert plain(2) == b"\0\0x"
    assert inspect.signature(plain).bind(1, m="y").args == (1, "y")
    with pytest.raises(TypeError):
        inspect.signature(plain).bind(1, "y", 2)
    assert plain.__wrapped__ is inspect.unwrap(plain)
    assert "ptr" in inspect.signature(plain.__wrapped__).parameters


def test_the_signature_of_a_method_has_no_pointer() -> None:
    assert names(Holder.method) == "(self, a: int, *, b: int = 1) -> int"
    assert names(Holder().method) == "(a: int, *, b: int = 1) -> int"
    assert names(Holder.__dict__["method"]) == "(self, a: int, *, b: int = 1) -> int"
    assert names(Holder.as_attribute) == "(self, a)"
    assert names(Holder().as_attribute) == "(a)"
    assert Holder().method(1, b=2) == Holder.method(Holder(), 1, b=2) == 3
    one = Holder()
    assert one.method == one.method
    assert one.method != Holder().method
    assert one.method.__self__ is one
    assert one.method.__name__ == "method"


def test_one_object_as_function_and_method_has_two_signatures() -> None:
    one = Holder()
    assert names(shared) == "(second: Any, third: int) -> Any"
    assert names(Holder.inner) == "(first: Any, third: int) -> Any"
    assert names(one.inner) == "(third: int) -> Any"
    assert set(typing.get_type_hints(shared)) == {"second", "third", "return"}
    assert set(typing.get_type_hints(Holder.inner)) == {"first", "third", "return"}
    assert set(typing.get_type_hints(one.inner)) == {"first", "third", "return"}
    assert isinstance(shared(2, 3)[0], StackAllocatedPointer)
    assert shared(2, 3)[1:] == (2, 3)
    assert one.inner(3)[::2] == (one, 3)
    assert isinstance(one.inner(3)[1], StackAllocatedPointer)


def any_arguments(*args: Any, **kwargs: Any) -> None: ...
def keyword_only(*, ptr: Any) -> None: ...
def with_default(ptr: Any = None, n: int = 1) -> None: ...
def nothing() -> None: ...


SHAPES: "dict[str, tuple[Callable[..., Any], str]]" = {
    "lambda": (lambda ptr, a, b=1: a, "(a, b=1)"),
    "any arguments": (any_arguments, "(*args: Any, **kwargs: Any) -> None"),
    "any positions": (lambda ptr, *more: more, "(*more)"),
    "keyword only": (keyword_only, "(*, ptr: Any) -> None"),
    "default": (with_default, "(n: int = 1) -> None"),
    "no parameters": (nothing, "() -> None"),
    "partial": (functools.partial(lambda ptr, a, b: a, b=1), "(a, *, b=1)"),
    "callable object": (Callee(), "(a: int) -> int"),
    "bound method": (Holder().outside, "(a: int) -> 'tuple[Any, int]'"),
    "class": (Callee, "()"),
}


@pytest.mark.parametrize("name", SHAPES)
def test_the_pointer_is_left_out_of_any_signature(name: str) -> None:
    function, expected = SHAPES[name]
    assert names(Decorate(function)).replace("typing.", "") == expected


def test_bound_methods_are_not_given_self_twice() -> None:
    one = Holder()
    assert Decorate(one.outside)(5) == (one, 5)
    kept: list[Any] = []
    Decorate(kept.append)()
    assert kept[0].freed


def test_callables_without_a_signature_have_none_and_work() -> None:
    class Unknown:
        __signature__ = "none at all"

        def __call__(self, ptr: Any) -> int:
            return ptr.size

    function = Decorate(Unknown())
    assert function() == 28
    assert not hasattr(function, "__signature__")
    with pytest.raises((TypeError, ValueError)):
        inspect.signature(function)
    assert Decorate(max)(1, key=id)  # max(ptr, 1, key=id); max has no signature
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        function.nothing  # type: ignore[attr-defined]


def test_annotations_and_type_hints_have_no_pointer() -> None:
    assert typing.get_type_hints(plain) == {"n": int, "m": str, "return": bytes}
    assert plain.__annotations__ == {"n": int, "m": "str", "return": "bytes"}
    expected = {"a": int, "b": int, "return": int}
    assert typing.get_type_hints(Holder.method) == expected
    assert typing.get_type_hints(Holder().method) == expected
    assert hasattr(Decorate(len), "__annotations__") == hasattr(len, "__annotations__")
    assert "ptr" in plain.__wrapped__.__annotations__  # the function keeps its own


@pytest.mark.skipif(sys.version_info < (3, 14), reason="annotations are evaluated at once")
def test_annotations_that_cannot_be_evaluated_yet_raise_only_when_asked_for() -> None:
    names: dict[str, Any] = {}
    exec("def function(ptr: Missing, a: Missing, b: int): return a", names)
    function = Decorate(names["function"])
    assert list(inspect.signature(function).parameters) == ["a", "b"]
    assert inspect.signature(function).parameters["b"].annotation is int
    with pytest.raises(NameError):
        typing.get_type_hints(function)
    names["Missing"] = str
    assert typing.get_type_hints(function) == {"a": str, "b": int}


def test_signature_and_annotations_can_be_replaced() -> None:
    function: Any = Decorate(lambda ptr, a: a)
    function.__signature__ = inspect.signature(lambda x, y: None)
    function.__annotations__ = {"x": int}
    assert names(function) == "(x, y)"
    assert function.__annotations__ == {"x": int}
    # A __signature__ that the function had before has the pointer, which is left out
    given: Any = lambda ptr, a: a  # noqa: E731
    given.__signature__ = inspect.signature(lambda p, b: None)
    assert names(Decorate(given)) == "(b)"


def test_wrappers_above_and_below_show_a_signature() -> None:
    @functools.wraps(plain)
    def above(*args: Any, **kwargs: Any) -> Any:
        return plain(*args, **kwargs)

    @functools.wraps(Holder.outside)
    def below(*args: Any, **kwargs: Any) -> Any:
        return args, kwargs

    assert names(above) == names(plain)
    assert above(1) == b"\0x"
    below.__qualname__ = "below"
    assert names(Decorate(below)) == "(ptr: Any, a: int) -> 'tuple[Any, int]'"


PYTEST = """
import pytest
from pointers import stack_alloc

@pytest.fixture
def number(): return 5

@pytest.fixture
@stack_alloc(28)
def made(ptr, number):
    return ptr.size + number

@stack_alloc(28)
def test_fixture(ptr, number, made):
    ptr <<= number
    assert (~ptr, made) == (5, 33)

@stack_alloc(28)
def test_nothing_else(ptr):
    assert ptr.size == 28

@pytest.mark.parametrize("n", [1, 2])
@stack_alloc(28)
def test_above(ptr, n, number): assert n + ptr.size in (29, 30)

@stack_alloc(28)
@pytest.mark.parametrize("n", [1, 2])
def test_below(ptr, n): assert n + ptr.size in (29, 30)

class TestMethods:
    @stack_alloc(28)
    def test_method(self, ptr, number): assert (ptr.size, number) == (28, 5)

    @pytest.mark.parametrize("n", [1, 2])
    @stack_alloc(28)
    def test_with_parameters(self, ptr, n, number): assert n + ptr.size in (29, 30)

    @pytest.mark.xfail(strict=True)
    @stack_alloc(28)
    def test_marked(self, ptr): assert not ptr.size
"""

HYPOTHESIS = """
import pytest
from hypothesis import given, settings, strategies as st
from pointers import stack_alloc

@pytest.fixture
def number(): return 5

@settings(deadline=None, database=None, max_examples=20)
@given(n=st.integers(0, 100))
@stack_alloc(64)
def test_given_above(ptr, n):
    assert not ptr.assigned  # fresh for each example
    ptr <<= n
    assert ~ptr == n

@settings(deadline=None, database=None, max_examples=20)
@given(st.text(max_size=5), st.binary(max_size=5))
@stack_alloc(64)
def test_by_position(ptr, text, data):
    ptr <<= data
    assert (~ptr, type(text)) == (data, str)

@stack_alloc(64)
@settings(deadline=None, database=None, max_examples=20)
@given(n=st.integers(0, 100))
def test_given_below(ptr, n):
    ptr <<= n
    assert ~ptr == n

class TestMethods:
    @stack_alloc(64)
    @settings(deadline=None, database=None, max_examples=20)
    @given(n=st.integers(0, 100))
    def test_method(self, ptr, n):
        ptr <<= n
        assert ~ptr == n

def test_types():
    # Hypothesis draws arguments by the annotations, and must not draw a pointer
    @stack_alloc(28)
    def function(ptr, a: int, b: str): return (a, b)
    @settings(database=None, max_examples=5)
    @given(st.builds(function))
    def check(pair): assert (type(pair[0]), type(pair[1])) == (int, str)
    check()
"""


@pytest.mark.once
@pytest.mark.parametrize(("module", "count"), [("pytest", 10), ("hypothesis", 5)])
def test_pytest_and_hypothesis_pass_all_arguments_but_the_pointer(
    run_python: Any, tmp_path: Any, module: str, count: int
) -> None:
    pytest.importorskip(module)
    text = PYTEST if module == "pytest" else HYPOTHESIS
    (tmp_path / "test_tool.py").write_text(text, "utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = -p no:cacheprovider\n", "utf-8")
    done = run_python("import pytest, sys; sys.exit(pytest.main(['-q', 'test_tool.py']))")
    assert done.returncode == 0, done.stdout
    passed = f"{count - 1} passed, 1 xfailed" if module == "pytest" else f"{count} passed"
    assert passed in done.stdout, done.stdout
