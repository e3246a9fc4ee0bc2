# SPDX-License-Identifier: MIT
"""Operations in the middle of which other code runs: the part that runs in a subprocess.

Inside an operation, the collector may run finalizers: up to CPython 3.11 in any
allocation, later at the next step of Python code.  A profiler or tracer runs when
the operation calls Python code.  At each such occasion in turn, a "meddler" frees,
resizes or overwrites the blocks and lists that the operation is using.  The
operation may then succeed or raise; it must not crash, leave a block that is not
counted, or show a list or array that is half made.
"""

import contextlib
import ctypes
import gc
import operator
import sys
import warnings
from types import SimpleNamespace
from typing import Any, Callable

from _foreign import LIBC, Buffer, free_with_argtypes
from _meddlers import MEDDLERS, N_SPARE, SPARE, Keys

from pointers import (
    Arena,
    System,
    acquire_stack_alloc,
    calloc,
    free,
    from_address,
    malloc,
    memcmp,
    memcpy,
    memmove,
    memset,
    realloc,
    stack_alloc,
)

FREE = free_with_argtypes()
FREE_NOTHING = ctypes.CDLL(None).labs
FREE_NOTHING.argtypes = [ctypes.c_void_p]
BUFFER = Buffer()
HERE = BUFFER.address
FOUR = ctypes.c_int * 4
MANY = ctypes.c_int * 400


class Point(ctypes.Structure):
    _fields_ = [("x", ctypes.c_int), ("y", ctypes.c_double)]


def note(address: int) -> None:
    """Free memory of nobody."""


BIG = "x" * 70_000  # long enough to be copied without the global lock


class Index:
    def __init__(self, number: int) -> None:
        self.number = number

    def __index__(self) -> int:
        return self.number


@stack_alloc(64)
def on_stack(ptr: Any, *args: Any, key: Any = None) -> Any:
    ptr <<= args
    return ~ptr, key


class Holder:
    @stack_alloc(64)
    def method(self, ptr: Any, *args: Any) -> Any:
        ptr <<= self
        return args


def in_use() -> SimpleNamespace:
    """Return fresh blocks and lists for an operation to use, which nothing else refers to."""
    n = SimpleNamespace()
    n.p = malloc(64)
    n.p <<= "text"
    n.held = malloc(64)
    n.held <<= Keys()
    n.big = malloc(80_000)
    n.big <<= BIG
    n.ints = calloc(6, 64)
    n.ints[:] = range(6)
    n.mixed = calloc(4, 64)
    n.mixed[:] = [1, "two", Keys(), 4.0]
    n.bigs = calloc(2, 80_000)
    n.bigs[:] = [BIG, BIG]
    n.none = calloc(4, 0)
    n.slot = n.ints[2]
    n.alias = n.p + 8
    n.part = n.held.slice(0, 16)
    n.others = calloc(6, 64), calloc(4, 0)
    n.it, n.it_none = map(iter, n.others)
    n.adopted = from_address(LIBC.malloc(64), 64, free=FREE)
    n.adopted <<= Keys()
    n.kept = from_address(HERE, 64, free=note, keepalive=Keys())
    n.arena = Arena()
    n.of_arena = n.arena.malloc(64)
    n.values = [Keys(), "text", 3]
    # More values than the interpreter's free lists can provide without an allocation
    n.plain = ["text", 1.5, b"c"] * 10
    n.many = calloc(30, 64)
    return n


def move_a_list(ptr: Any) -> Any:
    return ~ptr.move([])


def pass_on(ptr: Any) -> Any:
    return LIBC.strlen(ptr)


def generate(_ptr: Any) -> Any:
    return (x for x in ())


def clear(_ptr: Any, names: Any) -> None:
    names.__dict__.clear()


def drop_function(n: Any) -> Any:
    """Call a stack function through the last reference to it."""
    n.function = stack_alloc(16)(clear)
    return n.function(n)


OPERATIONS: "dict[str, Callable[[Any], Any]]" = {
    "malloc": lambda n: malloc(28).free(),
    "malloc aligned": lambda n: malloc(28, align=64).free(),
    "malloc Index": lambda n: malloc(Index(28)).free(),  # type: ignore[arg-type]
    "calloc": lambda n: calloc(4, 28).free(),
    "calloc of nothing": lambda n: calloc(4, 0).free(),
    "arena": lambda n: n.arena.malloc(28),
    "arena.reset": lambda n: n.arena.reset(),
    "malloc, dropped": lambda n: malloc(28) and None,
    "free": lambda n: free(n.p),
    "free held": lambda n: n.held.free(),
    "realloc": lambda n: realloc(n.p, 100_000),
    "realloc array": lambda n: realloc(n.mixed, 64),
    "store int": lambda n: n.p.move(5),
    "store big int": lambda n: n.p.move(2**200),
    "store big text": lambda n: n.big.move(BIG),
    "store held": lambda n: n.p.move(Keys()),
    "store over held": lambda n: n.held.move(5),
    "store a pointer": lambda n: n.p.move(n.held),
    "store unsafe by an operator": lambda n: operator.ixor(n.slot, "text"),
    "store unsafe": lambda n: n.p.move(Keys(), unsafe=True),
    "load": lambda n: ~n.p,
    "load held": lambda n: ~n.held,
    "load big": lambda n: ~n.big,
    "unpack": lambda n: [*n.p],
    "str, repr, hash": lambda n: (str(n.p), repr(n.held), hash(n.slot), n.p == 5),
    "add": lambda n: n.p + 4,
    "add Index": lambda n: n.p + Index(4),
    "step": lambda n: n.ints + 1 - 1,
    "get": lambda n: n.p[Index(1)],
    "get slot": lambda n: n.ints[1],
    "get slots": lambda n: n.ints[1:3],
    "get slot Index": lambda n: n.ints[Index(1)],
    "get of nothing": lambda n: n.none[1],
    "set": lambda n: n.ints.__setitem__(1, 5),
    "set Index": lambda n: n.ints.__setitem__(Index(1), Keys()),
    "set held": lambda n: n.mixed.__setitem__(0, Keys()),
    "fill": lambda n: n.ints.fill(7),
    "fill over held": lambda n: n.mixed.fill("new"),
    "store ints": lambda n: n.ints.__setitem__(slice(0, 6), range(6)),
    "store values": lambda n: n.ints.__setitem__(slice(0, 3), ["a", 1.5, b"c"]),
    "store objects": lambda n: n.mixed.__setitem__(slice(0, 3), n.values),
    "store big texts": lambda n: n.bigs.__setitem__(slice(0, 2), [BIG, BIG]),
    "store from a list of many": lambda n: n.many._store_slots(0, n.plain),
    "store from a list": lambda n: n.mixed._store_slots(0, n.values),
    "tolist": lambda n: n.ints.tolist(),
    "tolist held": lambda n: n.mixed.tolist(),
    "tolist big": lambda n: n.bigs.tolist(),
    "tolist of nothing": lambda n: n.none.tolist(),
    "list": lambda n: list(n.ints),
    "list of nothing": lambda n: list(n.none),
    "next": lambda n: next(n.it),
    "next of nothing": lambda n: next(n.it_none),
    "next and next": lambda n: (next(n.it), next(n.it)),
    "count": lambda n: (len(n.ints), n.none.count, n.slot.size),
    "view": lambda n: n.p.view().release(),
    "view of ints": lambda n: n.p.view("i").release(),
    "memoryview": lambda n: memoryview(n.p).release(),
    "bytes": lambda n: (bytes(n.p), n.alias.read(), n.big.read()),
    "write": lambda n: n.held.write(b"bytes"),
    "write big": lambda n: n.big.write(bytearray(70_000)),
    "memcpy": lambda n: memcpy(n.held, n.p, 32),
    "memmove": lambda n: memmove(n.held, b"bytes", 5),
    "memset": lambda n: memset(n.held, 0, 32),
    "memcmp": lambda n: memcmp(n.p, n.big, 16),
    "slice": lambda n: n.p.slice(Index(1), Index(8)),
    "mem functions of slices": lambda n: (
        memset(n.part, 0, 8),
        memcpy(n.part, n.held, 8),
        memcmp(n.part, b"bytes", 5),
    ),
    "properties": lambda n: (n.p.address, n.p.capacity, n.p.allocator, n.of_arena.allocator),
    "adopt": lambda n: from_address(HERE, 64).free(),
    "adopt with a function": lambda n: from_address(HERE, 64, free=note).free(),
    "adopt with a function of C": lambda n: from_address(HERE, 64, free=LIBC.labs).free(),
    "adopt with an object": lambda n: from_address(HERE, 64, keepalive=Keys()).free(),
    "adopt with both": lambda n: from_address(HERE, 64, free=LIBC.labs, keepalive=Keys()).free(),
    "adopt, dropped": lambda n: from_address(HERE, 64, free=note, keepalive=n) and None,
    "adopt with an object, dropped": lambda n: from_address(HERE, 64, keepalive=n) and None,
    "adopt, lent and dropped": lambda n: from_address(HERE, 64, keepalive=n.p).view().release(),
    "adopt with a function of C, dropped": lambda n: (
        from_address(HERE, 64, free=FREE_NOTHING) and None
    ),
    "adopt Index": lambda n: from_address(Index(HERE), Index(64)).free(),  # type: ignore[arg-type]
    "free adopted": lambda n: n.adopted.free(),
    "free kept": lambda n: n.kept.free(),
    "realloc adopted": lambda n: n.adopted.realloc(Index(8)),
    "release": lambda n: n.p.release(),
    "release held": lambda n: n.held.release(),
    "release array": lambda n: n.mixed.release(),
    "release adopted": lambda n: n.kept.release(),
    "release of an arena": lambda n: n.of_arena.release(),
    "readonly": lambda n: n.p.readonly(),
    "readonly, used": lambda n: (~n.held.readonly(), n.ints.readonly()[1], (n.p.readonly() + 1)),
    "readonly, stored to": lambda n: n.p.readonly().move(5),
    "cast": lambda n: n.p.cast(FOUR),
    "cast structure": lambda n: n.adopted.cast(Point),
    "cast, too large": lambda n: n.p.cast(MANY),
    "cast, kept": lambda n: memoryview(n.kept.cast(FOUR)).release(),
    "argument": lambda n: n.p._as_parameter_,
    "call": lambda n: LIBC.strlen(n.kept),
    "call with slots": lambda n: LIBC.memcmp(n.slot, n.ints, 0),
    "call with stack memory": lambda n: acquire_stack_alloc(64)(pass_on),
    "stack": lambda n: on_stack(n.p, n.held, key=n),
    "stack, many": lambda n: on_stack(*range(20), key=n),
    "stack method": lambda n: Holder().method(n.p),
    "stack method of class": lambda n: Holder.method(Holder(), n.p),
    "stack at once": lambda n: acquire_stack_alloc(64)(move_a_list),
    "stack of generators": lambda n: stack_alloc(64)(generate)(),
    "stack too large": lambda n: stack_alloc(1 << 40)(generate)(),
    "stack function that is dropped": drop_function,
    "bind": lambda n: (Holder().method, Holder.method),
    "with": lambda n: n.p.__enter__().__exit__(None, None, None),
    "collect": lambda n: (n.p.move([n.p, n.it]) and n.__dict__.clear()) or gc.collect(),
}


class Occasion:
    """Counts the occasions within an operation, and meddles at the n-th."""

    def __init__(self, meddle: "Callable[[Any], None]") -> None:
        self.meddle = meddle
        self.ballast: list[Any] = []
        self.names: Any = None
        self.n = self.count = 0

    def arm(self, names: Any, n: int) -> None:
        self.names, self.n, self.count = names, n, 0

    def disarm(self) -> bool:
        """Return whether there was an n-th occasion."""
        self.names = None
        self.ballast.clear()
        return self.count >= self.n

    def come(self) -> None:
        if self.names is None:
            return
        self.count += 1
        if self.count == self.n:
            names, self.names = self.names, None
            # The operation may have freed a block already, or have pinned it
            with contextlib.suppress(ValueError, BufferError, MemoryError, IndexError):
                self.meddle(names)


class Garbage:
    """A cycle that meddles when it is collected, and leaves another cycle for the next time."""

    def __init__(self, occasion: Occasion) -> None:
        self.occasion = occasion
        self.cycle = self
        # Exceeds the collector's threshold, so that the very next allocation collects
        occasion.ballast += [[], [], []]

    def __del__(self) -> None:
        if self.occasion.names is not None:
            Garbage(self.occasion)
            self.occasion.come()


def begin(way: str, occasion: Occasion) -> None:
    def seen(*_event: Any) -> Any:
        occasion.come()
        return seen

    if way == "collector":
        Garbage(occasion)
        gc.set_threshold(1, 1_000_000)
    elif way == "profiler":
        sys.setprofile(seen)
    else:
        sys.settrace(seen)


def end(way: str) -> None:
    sys.setprofile(None)
    sys.settrace(None)
    gc.set_threshold(0)


def attempt(operation: "Callable[[Any], Any]", names: Any) -> None:
    try:
        operation(names)
    except (ValueError, BufferError, MemoryError, IndexError, TypeError, StopIteration):
        pass
    except ctypes.ArgumentError:
        pass  # one of these, of an argument
    except AttributeError:
        if names.__dict__:  # else a meddler has deleted all names before the operation read them
            raise


def clean(names: Any) -> None:
    # The finalizers of pointers free the blocks
    names.__dict__.clear()
    gc.collect(0)


def main(way: str, meddler: str, step: int) -> None:
    warnings.simplefilter("ignore", ResourceWarning)
    warnings.simplefilter("ignore", RuntimeWarning)
    gc.disable()
    gc.collect()
    gc.freeze()
    gc.enable()
    gc.set_threshold(0)
    occasion = Occasion(MEDDLERS[meddler])
    for name, operation in OPERATIONS.items():
        print(f"{name}: ", end="", flush=True)
        n = 0
        while True:
            n += step if n > 10 else 1
            before = System().stats().current_blocks
            names = in_use()
            SPARE[:] = [(malloc(0), []) for _ in range(N_SPARE)]
            occasion.arm(names, n)
            begin(way, occasion)
            attempt(operation, names)
            end(way)
            happened = occasion.disarm()
            SPARE.clear()
            clean(names)
            left = System().stats().current_blocks - before
            assert not left, f"{left} blocks are still live after occasion {n}"
            if not happened:
                break
        print(n, flush=True)
    print("end", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
