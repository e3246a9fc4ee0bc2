# SPDX-License-Identifier: MIT
"""Stored objects survive their memory, are let go with it, and do no harm where they lie."""

from pathlib import Path

import pytest
from _misuse import NOTHING, PYPY, Case, cases, check_program, check_table, in_modes, tables

VALUES = (
    "None", "True", "0", "-1", "2**30", "-(2**200)", "1.5", "float('inf')", "-0.0", "1j", "b''",
    "b'\\0' * 50", "''", "'text'", "'\\0'", "'\\u0107'", "'\\U00010307'", "'\\ud800'", "[1]", "{}",
    "(1, 2)", "{1: 2}", "set()", "object()", "len", "int", "lambda: 0", "range(3)", "sys",
    "bytearray(b'x')", "memoryview(b'x')", "Ellipsis", "NotImplemented", "1 .__add__",
    "type('T', (), {})()", "type('I', (int,), {})(5)", "type('S', (str,), {})('x')",
)  # fmt: skip

LIARS = """
class Sizes:
    __sizeof__ = lambda self: -5
class Long:
    __sizeof__ = __len__ = lambda self: 2**40
class Failing:
    def __getattribute__(self, name): raise LookupError(name)
class Pretender:
    __class__ = property(lambda self: AllocatedPointer)
class PretendInt:
    __class__ = int
class PretendStr:
    __class__ = str
    __len__ = lambda self: 2**40
    encode = lambda self, *args: b"x" * 1000
class Int(int):
    __sizeof__ = __len__ = lambda self: 10**6
    bit_length = lambda self: 0
    __index__ = __int__ = lambda self: 2**100
    __eq__ = lambda self, other: True
    __hash__ = int.__hash__
    to_bytes = lambda self, *args: b"x" * 1000
class Str(str):
    __len__ = __sizeof__ = lambda self: 10**6
    isascii = lambda self: True
    encode = lambda self, *args: b"x" * 1000
class Bytes(bytes):
    __len__ = __sizeof__ = lambda self: 10**6
    __bytes__ = lambda self: b"y" * 1000
class Float(float):
    __float__ = lambda self: 1 / 0
class Meta(type):
    __eq__ = lambda self, other: True
    __hash__ = lambda self: 7
    __instancecheck__ = lambda self, other: True
    __len__ = lambda self: 2**40
class Like(metaclass=Meta): pass
class FailingMeta(type):
    def __hash__(self): raise LookupError("hash")
class Unhashable(metaclass=FailingMeta): pass
class NameMeta(type):
    __name__ = property(lambda self: 1 / 0)
class Nameless(metaclass=NameMeta): pass
block = malloc(64)
beside = malloc(64).move("beside")
"""
LIAR_OBJECTS = (
    "Sizes()", "Long()", "PretendInt()", "PretendStr()", "Int(7)", "Int(2**400)", "Str('x' * 99)",
    "Bytes(b'x' * 99)", "Float(2.5)", "Like()", "Like", "Meta", "Nameless()", "Sizes",
)  # fmt: skip

CHANGING = """
class Freeing:
    def __index__(self):
        free(p)
        return 8
class Resizing:
    def __index__(self):
        realloc(p, 16)
        return 32
class Clearing:
    def __init__(self, data): self.data = data
    def __index__(self):
        self.data.clear()
        return 4
class FreeingIterator:
    def __iter__(self):
        free(a)
        return iter([1, 2, 3, 4])
class ShrinkingIterator:
    def __iter__(self):
        realloc(a, 28)
        return iter([1, 2, 3, 4])
p = malloc(64).move(5)
q = malloc(64)
a = calloc(4, 28).fill(7)
data = bytearray(b"data")
"""

# Ints with false comparisons and products: up to 3.9, operator.index() returns them unchanged
UNTRUE = """
class Untrue(int):
    __lt__ = __gt__ = lambda self, other: False
    __le__ = __ge__ = lambda self, other: True
class Product(int):
    __mul__ = __rmul__ = lambda self, other: 16
source = b"abc"
p = malloc(2**16)
p.write(bytes(2**16))
"""

TABLES = {
    "survive": cases(
        "value",
        {
            f"{value} {how}": f"""
                original = {value}
                p = malloc(sizeof(original)); p <<= original
                loaded = ~p
                {spoil}
                squatters = [malloc(n).move(None) for n in range(16, 200, 8)]
                [q.write(b'x' * q.size) for q in squatters]
                [free(q) for q in squatters]
                gc.collect(0)
                assert type(loaded) is type(original)
                assert repr(loaded) == repr(original)
                assert loaded is original or loaded == original
            """
            for value in VALUES
            for how, spoil in (("freed", "free(p)"), ("overwritten", "memset(p, 255, p.size)"))
        },
        NOTHING,
    ),
    "liars": [
        *cases(
            "stored",
            {
                obj: f"""
                    obj = {obj}
                    block <<= obj
                    assert ~block is obj and sizeof(obj) == 16
                    assert block.read()[16:] == bytes(48)
                    with calloc(2, 16) as array:
                        array[:] = [obj, obj]
                        assert ~array[0] is ~array[1] is obj and array.tolist()[1] is obj
                    block ^= obj
                    assert ~block is obj
                """
                for obj in LIAR_OBJECTS
            },
            NOTHING,
            before=LIARS,
            after="assert ~beside == 'beside'",
        ),
        *cases(
            "a class whose hash fails",
            [
                "obj = Unhashable(); block <<= obj; assert ~block is obj and sizeof(obj) == 16",
                "beside.move(Unhashable()).move('beside')",
            ],
            NOTHING,
            before=LIARS,
            after="assert ~beside == 'beside'",
        ),
        *cases(
            "a pretended pointer",
            [
                "block <<= Pretender()",
                "free(Pretender())",
                "memcpy(block, Pretender(), 8)",
                "block - Pretender()",
                "block == Pretender()",
                "realloc(Pretender(), 8)",
            ],
            "AttributeError",
            before=LIARS,
            after="assert ~beside == 'beside' and not block.assigned",
        ),
    ],
    "changing": [
        *cases(
            "frees meanwhile",
            [
                "p.read(Freeing())",
                "memset(p, 1, Freeing())",
                "memset(p, Freeing(), 8)",
                "memcpy(p, q, Freeing())",
                "memcpy(q, p, Freeing())",
                "memcmp(p, q, Freeing())",
                "memcpy(p, b'x' * 64, Freeing())",
                "realloc(p, Freeing())",
            ],
            "FreedMemoryError",
            before=CHANGING,
            after="assert p.freed and q.read() == bytes(64)",
        ),
        *cases(
            "shrinks meanwhile",
            [
                "p.read(Resizing())",
                "memset(p, 1, Resizing())",
                "memcpy(p, q, Resizing())",
                "memcpy(q, p, Resizing())",
                "memcmp(q, p, Resizing())",
                "memmove(p, b'x' * 64, Resizing())",
            ],
            "InvalidSizeError",
            before="" + CHANGING.replace(".move(5)", ""),
            after="assert p.size == 16 and p.read() == bytes(16) and q.read() == bytes(64)",
        ),
        # __index__ of the count runs before the source's buffer is taken
        *cases(
            "the source shrinks meanwhile",
            ["memcmp(p, data, Clearing(data))"],
            "InvalidSizeError",
            before=CHANGING,
            after="assert data == b'' and ~p == 5",
        ),
        *cases(
            "frees while it iterates",
            ["a[:] = FreeingIterator()", "a[0:4] = FreeingIterator()"],
            "FreedMemoryError",
            before=CHANGING,
            after="assert a.freed",
        ),
        *cases(
            "shrinks while it iterates",
            ["a[:] = ShrinkingIterator()"],
            "InvalidSizeError",
            before=CHANGING,
            after="assert a.tolist() == [7]",
        ),
        *cases(
            "iterated",
            {
                "freed": "for s in a:\n    free(a)\n    ~s",
                "next": "i = iter(a); next(i); free(a); ~next(i)",
            },
            "FreedMemoryError",
            before=CHANGING,
        ),
    ],
    "untrue ints": [
        *cases(
            "source is not read past its end",
            [
                f"{function}(p, {source}, Untrue({n}))"
                for function in ("memcpy", "memmove")
                for source in ("source", "bytearray(source)")
                for n in (4, 60, 2**16)
            ],
            "InvalidSizeError",
            before=UNTRUE,
            after="assert p.read() == bytes(2**16)",
        ),
        *cases(
            "block is not read past its end",
            ["p.read(Untrue(2**16 + 1))", "(p + 1).read(Untrue(2**16))"],
            "InvalidSizeError",
            before=UNTRUE,
        ),
        *cases(
            "places",
            ["p + Untrue(2**16 + 1)", "p[Untrue(-1)]"],
            "IndexError",
            before=UNTRUE,
        ),
        *cases(
            "sizes", ["malloc(Untrue(-1))", "realloc(p, Untrue(-5))"], "ValueError", before=UNTRUE
        ),
        *cases(
            "products",
            ["calloc(Product(2**40), Product(2**40))", "calloc(Product(2**62), 1000)"],
            "AllocationError",
            before=UNTRUE,
        ),
    ],
}

# Classes that are equal to a built-in one and have its hash: a dictionary of types finds them there
IMPOSTORS = {
    "int": "bit_length = lambda self: 2**36",
    "bytes": "__len__ = lambda self: 2**40",
    "str": "__len__ = lambda self: 2**40; isascii = lambda self: True",
    "float": "__float__ = lambda self: 1.5",
    "complex": "real = imag = 1.5",
    "bool": "__mul__ = __rmul__ = lambda self, other: 2**40; bit_length = lambda self: 1",
}


@in_modes
@pytest.mark.parametrize("kind", IMPOSTORS)
def test_classes_equal_to_a_built_in_one_are_stored_by_reference(
    kind: str, mode: str, tmp_path: Path
) -> None:
    code = f"""
    class Meta(type):
        __eq__ = lambda self, other: other is {kind} or self is other
        __hash__ = lambda self: hash({kind})
    class Impostor(metaclass=Meta):
        {IMPOSTORS[kind]}
    obj = Impostor()
    with malloc(16) as p, calloc(4, 16) as a:
        assert sizeof(obj) == 16
        p <<= obj
        assert ~p is obj
        a[:] = [obj] * 4
        assert ~a[3] is obj
    """
    check_program(code, mode, tmp_path)


@in_modes
@tables(TABLES)
def test_objects_that_lie_or_run_code_do_no_harm(
    table: "list[Case]", mode: str, tmp_path: Path
) -> None:
    check_table(table, mode, tmp_path)


@in_modes
@pytest.mark.skipif(PYPY, reason="PyPy counts no references")
def test_reference_counts_are_exact(mode: str, tmp_path: Path) -> None:
    code = """
    obj = object()
    p, q, a = malloc(64), malloc(64), calloc(4, 16)
    before = sys.getrefcount(obj)
    for n in range(10**5 // 4):
        p <<= obj
        q <<= p
        ~q
        p <<= n
    assert sys.getrefcount(obj) == before + 1
    q <<= 0
    for n in range(10**4):
        a.fill(obj)
        memset(a, 0, 64) if n % 2 else a.fill(None)
    assert sys.getrefcount(obj) == before
    for n in range(10**4):
        with malloc(16) as r:
            r <<= obj
            loaded = ~r
    assert sys.getrefcount(obj) == before + 1
    for value in (None, True, 5, "text", b"x", 1.5):
        count = sys.getrefcount(value)
        for n in range(10**4):
            p <<= value
            ~p
        # The interpreter changes these counts a little, too; a leak would be of thousands
            assert abs(sys.getrefcount(value) - count) < 1000
    for r in (p, q, a):
        r.free()
    """
    check_program(code, mode, tmp_path)


@in_modes
def test_references_are_let_go_when_overwritten_freed_or_collected(
    mode: str, tmp_path: Path
) -> None:
    code = """
    import warnings, weakref
    class Thing: pass
    def gone(ref):
        for _ in range(4):
            gc.collect()
        return ref() is None
    def stored(p):
        thing = Thing()
        p <<= thing
        return weakref.ref(thing)
    for end in (lambda p: p.move(0), lambda p: free(p), lambda p: memset(p, 0, 1),
                lambda p: p.write(b"x"), lambda p: p.move([1]), lambda p: (p + 8).move(None),
                lambda p: memcpy(p, bytes_block, 16), lambda p: p.move(7, unsafe=True)):
        p = malloc(64)
        ref = stored(p)
        assert ref() is not None and ~p is ref()
        end(p)
        assert gone(ref)
        if not p.freed:
            p.free()
    def cycle(n):
        pointers = [malloc(16) for _ in range(n)]
        for p, q in zip(pointers, pointers[1:] + pointers[:1]):
            p <<= [q]
        thing = Thing()
        thing.pointers = pointers
        pointers[0] <<= thing
        return weakref.ref(thing)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for n in (1, 2, 10):
            ref = cycle(n)
            assert settled_balance(BALANCE) == BALANCE
            assert gone(ref)
    """
    check_program(code, mode, tmp_path)
