# SPDX-License-Identifier: MIT
"""The end of a `with`: what it ends, what it refuses, and what it leaves to the last view."""
# ruff: noqa: PT012 - the end of these blocks is what is tested

from __future__ import annotations

import gc
import warnings
import weakref
from typing import Any

import pytest

from pointers import FreedMemoryError, System, calloc, free, malloc


class Mine(Exception):
    """The user's own."""


class Thing:
    """Stored by reference."""


BLOCKS = [lambda: malloc(64), lambda: calloc(2, 32)]


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Any:
    gc.collect()
    before = System().stats().current_blocks
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield
        for _ in range(4):
            gc.collect()
    assert System().stats().current_blocks == before


@pytest.mark.parametrize("make", BLOCKS)
def test_an_exception_passes_and_the_block_goes_with_its_last_view(make: Any) -> None:
    with pytest.raises(Mine), make() as ptr:
        view, second = ptr.view(), ptr.view()
        ptr <<= 5
        raise Mine
    with pytest.raises(BufferError):
        free(ptr)
    assert ~ptr == 5  # it is live still
    view.release()
    del view
    second[0] += 1
    assert not ptr.freed
    second.release()
    del second
    for _ in range(8):
        gc.collect()
    assert ptr.freed
    with pytest.raises(FreedMemoryError):
        free(ptr)


@pytest.mark.parametrize("make", BLOCKS)
def test_without_an_exception_a_view_is_refused(make: Any) -> None:
    with pytest.raises(BufferError, match=r"release\(\).*delete"), make() as ptr:
        view = ptr.view()
    assert not ptr.freed
    view.release()
    free(ptr)


@pytest.mark.parametrize("make", BLOCKS)
@pytest.mark.parametrize("error", [Mine, KeyboardInterrupt, SystemExit, GeneratorExit, BufferError])
def test_an_exception_passes_whatever_it_is(make: Any, error: type[BaseException]) -> None:
    with pytest.raises(error) as raised, make():
        raise error
    assert raised.value.__context__ is None
    with pytest.raises(error) as raised, make() as ptr:
        view = ptr.view()
        raise error
    # Nor is anything hung on it that the user would take for a cause
    assert raised.value.__context__ is None
    del raised, view
    for _ in range(8):
        gc.collect()
    assert ptr.freed


@pytest.mark.parametrize("make", BLOCKS)
def test_the_error_of_a_free_inside_passes(make: Any) -> None:
    with pytest.raises(BufferError), make() as ptr:
        view = ptr.view()
        free(ptr)
    view.release()
    del view
    for _ in range(8):
        gc.collect()
    assert ptr.freed


@pytest.mark.parametrize("make", BLOCKS)
def test_a_block_that_was_freed_inside(make: Any) -> None:
    with make() as ptr:
        free(ptr)
    with pytest.raises(Mine), make() as ptr:
        free(ptr)
        raise Mine
    assert ptr.freed


@pytest.mark.parametrize("make", BLOCKS)
def test_a_block_that_is_left_can_be_dropped_before_its_view(make: Any) -> None:
    with pytest.raises(Mine), make() as ptr:
        view = ptr.view()
        raise Mine
    del ptr
    gc.collect()
    view[0] = 7
    assert view[0] == 7


def test_what_a_block_held_goes_with_the_pointer() -> None:
    thing = Thing()
    seen = weakref.ref(thing)
    with pytest.raises(Mine), malloc(64) as ptr:
        ptr <<= thing
        view = ptr.view()
        raise Mine
    assert ~ptr is thing
    view.release()
    del thing, view, ptr
    for _ in range(8):
        gc.collect()
    assert seen() is None


def test_what_could_not_be_freed_at_the_end_is_refused_at_the_start() -> None:
    block, array, empty = malloc(64), calloc(2, 32), calloc(2, 0)
    for inner in (block + 8, array[1], array + 1, empty[1]):
        with pytest.raises(ValueError, match="cannot free"), inner:
            raise Mine
    for owner, start in ((block, block + 0), (array, array[0]), (empty, empty[0])):
        with start:
            pass
        assert owner.freed
