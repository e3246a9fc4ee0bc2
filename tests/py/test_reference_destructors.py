# SPDX-License-Identifier: MIT
"""Destructors and finalizers that use the memory that lets their object go."""

from __future__ import annotations

import contextlib
import gc
import threading
import warnings
import weakref
from typing import Any, Callable

import pytest
from _watched import Destructor, Thing, collect, cpython_only, gone, put, unsafe

from pointers import (
    CorruptObjectError,
    DereferenceError,
    FreedMemoryError,
    free,
    malloc,
    memset,
    realloc,
)

# Destructors run during the operation that lets their object go

RELEASING: dict[str, Callable[[Any], Any]] = {
    "by a value": lambda p: p.move(5),
    "by a reference": lambda p: p.move([]),
    "by a write": lambda p: p.write(bytes(48)),
    "by memset": lambda p: memset(p, 0, 16),
    "by an unsafe value": lambda p: unsafe(p, 5),
    "by an unsafe reference": lambda p: unsafe(p, []),
}


@pytest.mark.parametrize("name", RELEASING)
def test_a_destructor_may_store_at_the_same_place(name: str) -> None:
    thing = Thing()
    for obj in (thing, "text"):
        with malloc(48) as p:
            p <<= Destructor(lambda p=p, obj=obj: p.move(obj))  # type: ignore[misc]
            RELEASING[name](p)
            collect()
            assert ~p is thing if obj is thing else ~p == obj


@pytest.mark.parametrize("name", RELEASING)
def test_a_destructor_loads_the_new_value(name: str) -> None:
    seen: list[Any] = []

    def look() -> None:
        try:
            seen.append(~p)
        except DereferenceError:
            seen.append("nothing")

    with malloc(48) as p:
        p <<= Destructor(look)
        RELEASING[name](p)
        collect()
        # An object is let go after the bytes are written
        assert seen == ([5] if "value" in name else [[]] if "reference" in name else ["nothing"])


@pytest.mark.parametrize("name", RELEASING)
def test_a_destructor_may_free(name: str) -> None:
    with malloc(48) as p:
        other = put(p + 32)
        p <<= Destructor(lambda: free(p))
        RELEASING[name](p)
        collect()
        assert p.freed
        assert gone(other)


@pytest.mark.parametrize("name", RELEASING)
def test_a_destructor_may_resize(name: str) -> None:
    with malloc(48) as p:
        p <<= Destructor(lambda: realloc(p, 10**5))
        RELEASING[name](p)
        collect()
        assert p.size == 10**5


@pytest.mark.parametrize("name", RELEASING)
def test_a_destructor_may_wait_for_a_thread_that_uses_the_block(name: str) -> None:
    results: list[Any] = []

    def work() -> None:
        results.append(~(p + 32))
        (p + 32).move(thing)
        results.append(~(p + 32))

    def wait() -> None:
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        thread.join(20)
        results.append(thread.is_alive())

    thing = Thing()
    with malloc(48) as p:
        (p + 32).move(wait)
        p <<= Destructor(wait)
        if name == "by a write":
            p.write(bytes(16))
        else:
            RELEASING[name](p)
        collect()
    assert results == [wait, thing, False]


def test_a_destructor_that_runs_in_free_finds_the_block_gone() -> None:
    seen: list[str] = []

    def use() -> None:
        for access in (p.dereference, p.free, p.read, lambda: p.move(1), lambda: p.move([])):
            try:
                access()
                seen.append("worked")
            except FreedMemoryError:
                seen.append("freed")

    p = malloc(16)
    p <<= Destructor(use)
    free(p)
    collect()
    assert p.freed
    assert seen == ["freed"] * 5


def test_each_object_that_a_write_lets_go_is_destroyed_once() -> None:
    order: list[int] = []
    with malloc(16 * 50) as p:
        for i in range(50):
            (p + 16 * i).move(Destructor(lambda i=i: order.append(i)))  # type: ignore[misc]
        memset(p, 0, p.size)
        collect()
        assert sorted(order) == list(range(50))


def test_a_destructor_may_store_its_object_again() -> None:
    class Phoenix:
        def __del__(self) -> None:
            if not back:
                back.append(self)
                p.move(self)

    back: list[Any] = []
    with malloc(48) as p:
        p <<= Phoenix()
        p <<= 5
        collect()
        assert ~p is back[0]
        back[0] = weakref.ref(back[0])
        p <<= 6
        assert gone(back[0])


@cpython_only
def test_finalizers_may_store_during_a_store_to_the_same_block() -> None:
    class Loop:
        def __init__(self) -> None:
            self.me = self

        def __del__(self) -> None:
            n_run.append(None)
            (p + 16 * (len(n_run) % 3)).move([len(n_run)])

    n_run: list[None] = []
    threshold = gc.get_threshold()
    with malloc(80) as p:
        try:
            gc.set_threshold(3, 1, 1)
            for i in range(300):
                Loop()
                (p + 16 * (i % 3)).move([i])
                (p + 16 * (i % 3 + 1)).move(i % 2)
        finally:
            gc.set_threshold(*threshold)
        gc.collect()
        assert len(n_run) == 300
        for offset in (0, 16, 32, 48):
            try:
                assert isinstance(~(p + offset), (list, int))
            except CorruptObjectError:
                assert offset  # a store 16 bytes before has cut the image here
        thing = Thing()
        p <<= thing
        assert ~p is thing


@cpython_only
def test_a_finalizer_may_store_the_first_reference_during_a_store(run_python: Any) -> None:
    done = run_python(
        """
        import gc
        from pointers import malloc

        class Loop:
            def __init__(self): self.me = self
            def __del__(self): ptr.move([1])

        gc.collect()
        for n in range(1, 60):
            ptr = malloc(64)
            Loop()
            gc.set_threshold(n, 1, 1)
            ptr.move([2])
            gc.set_threshold(700, 10, 10)
            assert ~ptr in ([1], [2])
            ptr.free()
        print("done")
    """,
        timeout=300,
    )
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr


def test_blocks_of_finalizers_outlive_the_pointers_that_these_free() -> None:
    made: list[Any] = []

    class Owner:
        """In a cycle with its pointer: the finalizer frees that one and allocates a new block."""

        pointer: Any

        def __del__(self) -> None:
            with contextlib.suppress(FreedMemoryError):  # PyPy may finalize the pointer first
                free(self.pointer)
            made.append(malloc(28).move(7))

    class Watcher:
        """Collected together with a pointer, which its finalizer cannot reach any more."""

        def __init__(self, pointer: Any) -> None:
            self.reference = weakref.ref(pointer)

        def __del__(self) -> None:
            made.append(malloc(28).move(7))
            assert self.reference() is None

    def drop() -> None:
        for _ in range(50):
            owner = Owner()
            owner.pointer = malloc(64)
            owner.pointer <<= [owner]
            pointer = malloc(64)
            watcher = Watcher(pointer)
            pointer <<= [watcher, pointer]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        for _ in range(5):
            drop()
            for _ in range(3):
                gc.collect()
    assert len(made) == 500
    for pointer in made:
        assert ~pointer == 7
        free(pointer)


@pytest.mark.parametrize("link", ["ptr", "[ptr]", "Holder(ptr)", "iter(ptr)", "stack(ptr)"])
def test_a_long_chain_of_pointers_is_let_go_without_recursion(run_python: Any, link: str) -> None:
    """Each pointer is held by the memory of the next: calls nested so deep would crash."""
    done = run_python(
        f"""
        import gc
        from pointers import *

        class Holder:
            def __init__(self, ptr):
                self.ptr = ptr

        def stack(ptr):
            return stack_alloc(1)(lambda _, ptr=ptr: ptr)

        def chain():
            ptr = calloc(1, 16)
            for _ in range(50_000):
                link = {link if link != "ptr" else "(ptr,)"}
                ptr = calloc(1, 16)
                ptr <<= link

        # A function, since PyPy keeps the objects of a module's last loop iteration
        chain()
        for _ in range(4):
            gc.collect()
        print(System().stats().current_blocks)
        """,
        "-W",
        "ignore",
    )
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "0\n")
