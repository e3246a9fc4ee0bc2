# SPDX-License-Identifier: MIT
"""Where pins are not compiled: views of a block share one, and few collections find its end."""

from __future__ import annotations

import gc
from typing import Any

import pytest
from _collecting import CPYTHON

from pointers import free, malloc, realloc
from pointers._ffi import fast, lib


@pytest.mark.skipif(CPYTHON, reason="counts references")
def test_a_refusal_takes_no_more_collections_than_it_needs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Last:
        """Its view is found only once its finalizer has run."""

        view: Any

        def __del__(self) -> None:
            ended.append(True)

    def count() -> None:
        rounds.append(True)
        collect()

    def lend(holder: Any) -> Any:
        holder.view = ptr.view()

    rounds: list[bool] = []
    ended: list[bool] = []
    collect = gc.collect
    monkeypatch.setattr(gc, "collect", count)
    ptr = malloc(64)
    views = [ptr.view()]
    for action in (lambda: free(ptr), lambda: realloc(ptr, 28), lambda: ptr.release()):
        rounds.clear()
        with pytest.raises(BufferError, match="view"):
            action()
        assert len(rounds) == 1  # this one shows that the view lives
    del views[:]
    rounds.clear()
    realloc(ptr, 128)
    assert len(rounds) == 1
    lend(Last())
    rounds.clear()
    free(ptr)
    assert (len(rounds), ended) == (2, [True])


@pytest.mark.skipif(fast is not None, reason="each compiled view has a pin of its own")
def test_views_share_a_pin_that_outlives_none_of_them() -> None:
    blocks = [malloc(64) for _ in range(200)]
    for _ in range(2):
        kept = [(ptr.view(), (ptr + 8).view("i"), ptr.slice(8, 16).view()) for ptr in blocks]
        assert [lib.ptrs_access_pins_of(ptr._block) for ptr in blocks] == [1] * 200
        first = [view for view, *_ in kept]
        last = kept[-1]
        kept.clear()
        gc.collect()
        with pytest.raises(BufferError):
            free(blocks[0])
        assert all(view.nbytes == 64 for view in first)
        del first, last
        gc.collect()
        assert not any(lib.ptrs_access_pins_of(ptr._block) for ptr in blocks)
    for ptr in blocks:
        free(ptr)


@pytest.mark.filterwarnings("ignore:.*dropped without free:ResourceWarning")
def test_a_finalizer_may_take_a_view_while_another_is_taken() -> None:
    class Taker:
        itself: Any

        def __del__(self) -> None:
            taken.append(malloc(8).view())

    taken: list[Any] = []
    pointers = [malloc(8) for _ in range(1500)]
    for ptr in pointers:
        taker = Taker()
        taker.itself = taker
        taken.append(ptr.view())
    del taker
    gc.collect()
    while taken:
        taken.pop().release()
    for ptr in pointers:
        free(ptr)
