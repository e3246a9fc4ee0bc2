# SPDX-License-Identifier: MIT
"""The child process of the differential test, which runs one of the two paths.

Each line of input is a program: a JSON list of operations.  The answer is a JSON
list with the outcome of each operation.  Answers hold no addresses, so that two
paths that behave alike give the same answers.
"""

import contextlib
import ctypes
import gc
import itertools
import json
import operator
import re
import sys
import warnings
from typing import Any, Callable

from _foreign import LIBC, Buffer, free_with_argtypes

import pointers
from pointers import (
    AdoptedPointer,
    Pointer,
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


class Int(int):
    pass


class Index:
    def __init__(self, number: int) -> None:
        self.number = number

    def __index__(self) -> int:
        return self.number

    def __repr__(self) -> str:
        return f"Index({self.number})"


class Text(str):
    __slots__ = ()


THING = ["a list"]
NAMES = {"Int": Int, "Index": Index, "Text": Text, "THING": THING, "nan": float("nan")}


class Program:
    """The pointers and views of one program, and its operations on them."""

    def __init__(self) -> None:
        self.pool: list[Any] = []
        self.views: list[memoryview] = []

    def pointer(self, pick: int) -> Any:
        return self.pool[pick % len(self.pool)]

    def value(self, expression: str) -> Any:
        return eval(expression, {**NAMES, "P": self.pointer})

    def keep(self, result: Any) -> Any:
        if isinstance(result, Pointer) and len(self.pool) < 40:
            self.pool.append(result)
        return result

    def run(self, name: str, arguments: "list[Any]") -> Any:
        if name in MAKING:
            return self.keep(MAKING[name](*map(self.value, arguments)))
        if not self.pool:
            return None
        ptr = self.pointer(arguments[0])
        rest = [self.value(argument) for argument in arguments[1:]]
        if name == "drop":
            ptr = None
            del self.pool[arguments[0] % len(self.pool)]
            gc.collect()
            return None
        if name == "release":
            for view in self.views:
                view.release()
            self.views.clear()
            return None
        if name == "cast":
            self.views.append(memoryview(ptr.cast(*rest)))
            return self.views[-1]
        if name == "view":
            self.views.append(ptr.view(*rest))
            return self.views[-1]
        return self.keep(USING[name](ptr, *rest))

    def end(self) -> None:
        self.run("release", [0])
        for ptr in self.pool:
            owner = ptr if ptr._root is None else ptr._root
            if not owner.freed:
                with contextlib.suppress(LookupError):
                    owner.free()
        self.pool.clear()
        ARENA.reset()


def iset(ptr: Any, key: Any, obj: Any) -> None:
    ptr[key] <<= obj


def ilshift(ptr: Any, obj: Any) -> Any:
    ptr <<= obj
    return ptr


def unsafe(ptr: Any, obj: Any, how: int) -> Any:
    """Store without the limit of a slot, but inside of the block, where nothing else is."""
    value = ~obj if isinstance(obj, Pointer) else obj
    root = ptr if ptr._root is None else ptr._root
    if pointers.sizeof(value) > root.size - ptr.offset:
        return "too large"
    if how:
        return ptr.move(obj, unsafe=True)
    ptr ^= obj
    return ptr


def on_stack(size: Any, *objects: Any) -> Any:
    @stack_alloc(size)
    def function(ptr: Any, *args: Any, key: Any = None) -> Any:
        results = []
        for obj in args:
            ptr <<= obj
            results.append(~ptr)
        results.append((ptr.size, ptr.offset, type(ptr).__name__, (ptr + 1).size, key))
        return results

    return function(*objects, key="key")


# Both take memory from the system now: within a program the system's block count must not change
ARENA = pointers.Arena(1 << 20)
POOL = pointers.Pool(64)
free(ARENA.malloc(1)), free(POOL.malloc(1))
NAMES.update(ARENA=ARENA, POOL=POOL, SYSTEM=System(), BARE=object.__new__(pointers.Arena))


def by_default(source: Any, size: Any) -> Any:
    with pointers.allocator(source):
        return malloc(size)


class Point(ctypes.Structure):
    _fields_ = [("x", ctypes.c_int), ("y", ctypes.c_double)]


class Raises:
    def free(self, address: int) -> None:
        raise LookupError("by free")


NAMES.update(ctypes=ctypes, Point=Point, Raises=Raises)
free_by_c = free_with_argtypes()


def adopt(size: Any, how: str) -> Any:
    """Return a pointer to memory of C, whose size is none that is read for long."""
    number = operator.index(size)
    if 4096 < number <= sys.maxsize:
        number = sys.maxsize  # is more than there is behind any address
    if not 0 <= number <= 4096:
        return from_address(Buffer().address, number)
    if how == "C":
        return from_address(LIBC.calloc(1, max(1, number)), number, free=free_by_c)
    buffer = Buffer(max(1, number))
    function = {"kept": None, "Python": buffer.free, "raises": Raises().free}[how]
    return from_address(buffer.address, number, keepalive=buffer, free=function)


def give(ptr: Any) -> str:
    """Give memory away, and free it as C does."""
    address = ptr.release()
    root = ptr if ptr._root is None else ptr._root
    if not isinstance(root, AdoptedPointer):
        free_by_c(address)
    return "given away"


def argument(ptr: Any, byte: int) -> Any:
    """Let C write through a pointer."""
    LIBC.memset(ptr, byte, min(2, 0 if ptr.freed else ptr.size))
    return bytes(ptr._as_parameter_)


MAKING: "dict[str, Callable[..., Any]]" = {
    "malloc": malloc,
    "calloc": calloc,
    "aligned": lambda size, align: malloc(size, align=align),
    "arena": lambda size: ARENA.malloc(size),
    "arena array": lambda count, size: calloc(count, size, allocator=ARENA),
    "pool": lambda size, align: POOL.malloc(size, align=align),
    "default": lambda size: by_default(POOL, size),
    "given": lambda size, source: malloc(size, allocator=source),
    "adopt": adopt,
    "adopt what is none": from_address,
    "stack": on_stack,
    "escape": lambda size: acquire_stack_alloc(size)(lambda ptr: ptr),
}

USING: "dict[str, Callable[..., Any]]" = {
    "free": lambda ptr: free(ptr),
    "free method": lambda ptr: ptr.free(),
    "realloc": realloc,
    "move": lambda ptr, obj: ptr.move(obj),
    "ilshift": ilshift,
    "unsafe": unsafe,
    "load": lambda ptr: ~ptr,
    "dereference": lambda ptr: ptr.dereference(),
    # An array without bytes may have any number of slots
    "unpack": lambda ptr: [*itertools.islice(ptr, 5)],
    "add": operator.add,
    "radd": lambda ptr, n: n + ptr,
    "subtract": operator.sub,
    "rsubtract": lambda ptr, n: n - ptr,
    "get": operator.getitem,
    "set": operator.setitem,
    "iset": iset,
    "delete": lambda ptr, key: operator.delitem(ptr, key),
    "slice": lambda ptr, start, stop: ptr[start:stop],
    "store slice": lambda ptr, start, stop, values: operator.setitem(
        ptr, slice(start, stop), values
    ),
    "fill": lambda ptr, obj: ptr.fill(obj),
    "tolist": lambda ptr: ptr.tolist(),
    "slots": lambda ptr: [slot.assigned for slot in itertools.islice(ptr, 20)],
    "read": lambda ptr, *n: ptr.read(*n),
    "write": lambda ptr, data: ptr.write(data),
    "memset": memset,
    "memcpy": memcpy,
    "memmove": memmove,
    "memcmp": memcmp,
    "readonly": lambda ptr: ptr.readonly(),
    "give": give,
    "argument": argument,
    "equal": lambda ptr, other: (ptr == other, ptr != other, hash(ptr) == hash(ptr)),
    "less": operator.lt,
    "str": str,
    "repr": repr,
    "facts": lambda ptr: (
        type(ptr).__name__,
        ptr.freed,
        ptr.assigned,
        ptr.offset,
        ptr._index if hasattr(ptr, "index") else 0,
        None if ptr.freed else (ptr.size, ptr.alignment, bytes(ptr)),
    ),
    "with": lambda ptr: ptr.__enter__() is ptr,
}


def shown(result: Any) -> str:
    """Return a result as text that holds no address."""
    if isinstance(result, (list, tuple)) and result is not THING:
        return type(result).__name__ + "(" + ", ".join(map(shown, result)) + ")"
    if isinstance(result, memoryview):
        return f"view of {result.tobytes()!r}, {result.format}, {result.readonly}"
    text = repr(result)
    return re.sub("0x[0-9a-f]+", "0x", f"{type(result).__name__}: {text}")


def outcome(program: Program, name: str, arguments: "list[Any]") -> "list[str]":
    """Return the outcome of an operation: its result or its exception, then its warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            answer = ["result", shown(program.run(name, arguments))]
        except Exception as error:
            answer = [type(error).__name__, re.sub("0x[0-9a-f]+", "0x", str(error))]
    return answer + sorted(f"{w.category.__name__}: {w.message}" for w in caught)


def main() -> None:
    path = "fast" if pointers._ffi.fast is not None else "reference"
    getattr(gc, "freeze", int)()  # each program is followed by a collection
    print(json.dumps(path), flush=True)
    for line in sys.stdin:
        before = System().stats().current_blocks
        program = Program()
        answers = [outcome(program, name, arguments) for name, *arguments in json.loads(line)]
        answers.append(outcome(program, "malloc", ["1"]))  # lets go of the last exception's frames
        program.end()
        del program
        gc.collect()
        answers.append(["blocks", str(System().stats().current_blocks - before)])
        print(json.dumps(answers), flush=True)


if __name__ == "__main__":
    main()
