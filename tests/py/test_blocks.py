# SPDX-License-Identifier: MIT
"""live_blocks() and allocator.blocks(): what lives, also while it changes."""

import gc
import sys
import threading
from ctypes import addressof, c_char
from typing import Any

import pytest

from pointers import (
    Arena,
    BlockInfo,
    FreedMemoryError,
    Guard,
    Pool,
    System,
    acquire_stack_alloc,
    calloc,
    free,
    from_address,
    live_blocks,
    malloc,
    realloc,
)
from pointers._ffi import COUNTS_REFERENCES


def handles() -> "set[int]":
    gc.collect()
    return {info.handle for info in live_blocks()}


def find(ptr: Any) -> BlockInfo:
    (found,) = [info for info in live_blocks() if info.address == ptr.address]
    return found


def test_a_record_tells_what_the_pointer_does() -> None:
    before = handles()
    ptr, array = malloc(28, align=64), calloc(3, 48)
    info = find(ptr)
    assert info == (info.handle, ptr.address, 28, 64, 0, None, None, System())
    assert info._fields == ("handle", "address", "size", "alignment", "pins", "age",
                            "allocated_at", "allocator")  # fmt: skip
    assert "BlockInfo(handle=" in repr(info)
    assert (find(array).size, find(array).alignment) == (144, 16)
    assert handles() - before == {info.handle, find(array).handle}
    view = ptr.view()
    assert find(ptr).pins == 1
    view.release()
    realloc(ptr, 100000)
    assert find(ptr) == info._replace(address=ptr.address, size=100000)
    # A handle is never used again, an address is
    free(ptr)
    free(array)
    again = malloc(28, align=64)
    assert info.handle not in handles()
    assert find(again).handle != info.handle
    free(again)
    assert handles() == before


def test_an_allocator_has_its_own_blocks_alone() -> None:
    arena = Arena()
    pool = Pool(64, parent=arena)
    with Guard() as guard, malloc(8), pool:
        kept: Any = [arena.malloc(10), pool.malloc(20), pool.malloc(30), guard.malloc(40)]
        for source, sizes in ((arena, [10]), (pool, [20, 30]), (guard, [40])):
            found = list(source.blocks())
            assert sorted(info.size for info in found) == sizes
            assert all(info.allocator is source for info in found)
            addresses = {info.address for info in found}
            assert addresses == {ptr.address for ptr in kept if ptr.allocator is source}
        assert {info.size for info in live_blocks()} >= {8, 10, 20, 30, 40}
        assert 8 in {info.size for info in System().blocks()}
        pool.close()
        assert list(pool.blocks()) == []
        arena.reset()
        assert list(arena.blocks()) == []
        kept[3].free()
    with pytest.raises(ValueError, match="never made"):
        object.__new__(Arena).blocks()


def test_an_allocator_whose_object_is_gone_is_found_by_its_blocks() -> None:
    ptr = Arena().malloc(77)
    gc.collect()
    found = find(ptr).allocator
    assert type(found) is Arena
    assert found is ptr.allocator
    iteration = Arena().blocks()  # keeps what it lists
    gc.collect()
    assert list(iteration) == []


def test_memory_of_c_is_listed_and_stack_memory_is_not() -> None:
    buffer = (c_char * 50)()
    adopted = from_address(addressof(buffer), 50)
    assert find(adopted)[2:] == (50, 1, 0, None, None, None)
    adopted.free()

    @acquire_stack_alloc(64)
    def listed(ptr: Any) -> bool:
        return ptr.address in {info.address for info in live_blocks()}

    assert listed is False


def test_a_loop_may_allocate_and_free() -> None:
    before = handles()
    kept = [malloc(33) for _ in range(300)]
    made: list[Any] = []
    n_seen = 0
    for info in live_blocks():
        if info.size == 33 and info.handle not in before:
            n_seen += 1
            made += [malloc(44), malloc(44)]
    assert n_seen == 300
    for ptr in live_blocks():
        while kept:
            free(kept.pop())
        assert ptr.size != 33 or ptr.handle in before or made
    for each in made:
        free(each)
    assert handles() == before


def test_blocks_that_stay_are_listed_once_among_threads() -> None:
    kept = [malloc(55) for _ in range(100)]
    wanted = sorted(find(ptr).handle for ptr in kept)
    arena = Arena()
    stopped = threading.Event()
    errors: list[BaseException] = []

    def work(number: int) -> None:
        try:
            while not stopped.is_set():
                others = [arena.malloc(16) if number else malloc(16) for _ in range(20)]
                with kept[number].view():
                    realloc(kept[number + 50], 60)
                    realloc(kept[number + 50], 55)
                if number:
                    arena.reset()
                else:
                    for other in others:
                        free(other)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(20):
            found = list(live_blocks())
            assert len({info.handle for info in found}) == len(found)
            assert sorted(i.handle for i in found if i.handle in wanted) == wanted
            for info in arena.blocks():
                assert (info.size, info.allocator) == (16, arena)
    finally:
        stopped.set()
        for thread in threads:
            thread.join()
    assert not errors
    for ptr in kept:
        free(ptr)


def test_a_block_that_ends_before_its_record_is_made_is_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ptr = malloc(21)
    listing: Any = sys.modules["pointers._alloc.listing"]
    handle = find(ptr).handle

    def gone(block: int, _source_of: Any = listing.source_of) -> Any:
        if block == handle:
            raise FreedMemoryError
        return _source_of(block)

    monkeypatch.setattr(listing, "source_of", gone)
    assert handle not in handles()
    monkeypatch.undo()
    free(ptr)


def test_an_iteration_can_be_given_up_and_ended() -> None:
    with malloc(8), malloc(8):
        iteration = live_blocks()
        next(iteration)
        del iteration
        iteration = live_blocks()
        assert len(list(iteration)) >= 2
        assert next(iteration, None) is None


@pytest.mark.skipif(not COUNTS_REFERENCES, reason="the collector has no thresholds there")
@pytest.mark.parametrize("allocations", [3, 5, 11])
def test_a_finalizer_may_be_the_first_to_list(run_python: Any, allocations: int) -> None:
    """The collector calls it amid the first iteration, after so many objects were made."""
    done = run_python(
        f"""
        import gc
        from pointers import live_blocks, malloc
        p = malloc(8)
        class Lister:
            def __del__(self):
                assert len(list(live_blocks())) == 1
        gc.disable()
        gc.collect()
        lister = Lister()
        lister.itself = lister
        del lister
        gc.set_threshold(gc.get_count()[0] + {allocations})
        gc.enable()
        print(len(list(live_blocks())))
        """,
        "-W",
        "ignore",
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")
