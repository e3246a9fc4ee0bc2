# SPDX-License-Identifier: MIT
"""from_address(): errors of the function that frees memory of C reach the caller, or the hook."""

import sys
import warnings
from typing import Any

import pytest
from _collecting import collect_all
from _foreign import Buffer

from pointers import (
    FreedMemoryError,
    free,
    from_address,
)


@pytest.fixture
def buffer() -> Buffer:
    return Buffer()


def test_a_free_function_that_frees_again_is_refused_and_may_raise(buffer: Buffer) -> None:
    def fail(_address: int) -> None:
        with pytest.raises(FreedMemoryError):
            free(ptr)
        raise LookupError

    ptr = from_address(buffer.address, 64, free=fail)
    with pytest.raises(LookupError):
        free(ptr)


def test_errors_of_free_functions_at_exit_stop_no_others(run_python: Any) -> None:
    done = run_python(
        """
        import ctypes
        from pointers import *

        def fail(address):
            print("called")
            raise LookupError

        buffer = (ctypes.c_char * 8)()
        kept = [from_address(ctypes.addressof(buffer), 8, free=fail) for _ in range(3)]
        """,
        "-W",
        "ignore",
    )
    assert done.stdout == "called\n" * 3
    assert done.returncode == 0


def test_a_free_function_that_runs_amid_an_exception_leaves_it_alone(buffer: Buffer) -> None:
    def note(address: int) -> None:
        with pytest.raises(KeyError):
            {}["no such key"]  # type: ignore[index]
        buffer.freed.append(address)

    def lend() -> memoryview:
        return from_address(buffer.address, 64, free=note).view()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        with pytest.raises(ZeroDivisionError):
            print(lend(), 1 / 0)  # the last reference to the view is on the interpreter's stack
        collect_all()
    assert buffer.freed == [buffer.address]


def test_an_error_of_the_free_function_goes_to_the_caller_of_free(buffer: Buffer) -> None:
    def fail(address: int) -> None:
        raise LookupError(f"no memory at {address}")

    ptr = from_address(buffer.address, 64, free=fail)
    with pytest.raises(LookupError, match=str(buffer.address)):
        free(ptr)
    assert ptr.freed
    with pytest.raises(FreedMemoryError):
        free(ptr)


@pytest.mark.filterwarnings("ignore:.*dropped without free:ResourceWarning")
@pytest.mark.parametrize("with_view", [False, True])
def test_an_error_of_the_free_function_of_a_leaked_block_is_unraisable(
    buffer: Buffer, with_view: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda args: seen.append(args.exc_type))

    def fail(_address: int) -> None:
        raise LookupError

    ptr = from_address(buffer.address, 64, free=fail)
    view = ptr.view() if with_view else None
    del ptr
    collect_all()
    if view is not None:
        assert seen == []
        view.release()
    del view
    collect_all()
    collect_all()
    assert seen == [LookupError]


def test_an_error_without_a_caller_where_warnings_are_errors(
    buffer: Buffer, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[type] = []

    def see(args: Any) -> None:
        seen.append(args.exc_type)
        if args.exc_value.__context__ is not None:
            seen.append(type(args.exc_value.__context__))

    monkeypatch.setattr(sys, "unraisablehook", see)

    def fail(_address: int) -> None:
        raise LookupError

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        from_address(buffer.address, 64, free=fail)
        collect_all()
    assert seen == [LookupError, ResourceWarning]
