# SPDX-License-Identifier: MIT
"""Pointers that are copied, pickled, compared, created directly, or have forged private state."""

from pathlib import Path

import pytest
from _misuse import NOTHING, Case, cases, check_program, check_table, in_modes, tables

BEFORE = """
import copy, pickle
p = malloc(64).move("text")
a = calloc(4, 28).fill(7)
s = a[1]
address, size = p.address, p.size
"""
AFTER = """
assert ~p == "text" and (p.address, p.size, p.offset) == (address, size, 0)
assert a.tolist() == [7] * 4 and s.index == 1 and ~s == 7
"""
PLACES = ("p", "(p + 8)", "a", "s")
READ_ONLY = ("address", "size", "capacity", "alignment", "freed", "assigned", "offset", "allocator")

TABLES = {
    "copies": cases(
        "copy",
        [
            form.format(p=place)
            for place in PLACES
            for form in (
                "copy.copy({p})",
                "copy.deepcopy({p})",
                "copy.deepcopy([{p}])",
                *(f"pickle.dumps({{p}}, {protocol})" for protocol in range(6)),
                "pickle.dumps({{1: {p}}})",
                "{p}.__reduce_ex__(2)",
            )
        ],
        "TypeError",
        r"cannot (copy or )?pickle|copy",
        before=BEFORE,
        after=AFTER,
    ),
    "attributes": [
        *cases(
            "read-only",
            [
                f"{place}.{name} = 0" if write else f"del {place}.{name}"
                for place in PLACES
                for name in READ_ONLY
                for write in (True, False)
            ]
            + ["a.count = 2", "a.slot_size = 1", "s.index = 0", "s.slot_size = 1", "del s.index"]
            + ["p.other = 1", "s.other = 1", "p.__dict__"],
            "AttributeError",
            before=BEFORE,
            after=AFTER,
        ),
        *cases("no dictionary", ["vars(p)", "vars(s)"], "TypeError", before=BEFORE, after=AFTER),
        *cases(
            "created directly",
            [
                "AllocatedPointer()",
                "AllocatedPointer(0x1000)",
                "AllocatedArrayPointer(1, 2)",
                "ArraySlotPointer(a, 1)",
                "StackAllocatedPointer(8)",
                "Pointer(p)",
                "type(p)(p)",
            ],
            "TypeError",
            "cannot be made directly",
            before=BEFORE,
            after=AFTER,
        ),
        *cases(
            "numbers",
            [
                "p < 1",
                "p <= None",
                "p > 0",
                "a >= [a]",
                "p * 2",
                "p // 2",
                "p & 1",
                "p | 1",
                "-p",
                "p + p",
                "p + None",
                "range(p)",
                "[1][p]",
                "bytes([p])",
                "hex(p)",
                "p()",
                "p[0:1]",
                "1 in p + p",
            ],
            "TypeError",
            before=BEFORE,
            after=AFTER,
        ),
        *cases(
            "distances",
            [
                *("p - s", "s - p", "p - a", "(p + 8) - malloc_other"),
                *("p < s", "p <= a", "s > malloc_other", "a >= p"),
            ],
            "ValueError",
            "different blocks",
            before=BEFORE + "malloc_other = malloc(8)",
            after=AFTER,
        ),
    ],
    "same": cases(
        "equal",
        {
            "bytes": "assert bytes(p) == p.read() and len(bytes(p)) == 64",
            "bytes of a slot": "assert bytes(s) == s.read() == a.read()[28:56]",
            "aliases": "assert p == p + 0 == p[8] - 8 and len({p, p + 0, p[8] - 8}) == 1",
            "array and slot": "assert a == a[0] and hash(a) == hash(a[0]) and a != s",
            "others": "assert p != a and p != 0 and p != p.address and p != None and not p == 'p'",
            "after realloc": "h = hash(p); realloc(p, 10**6); assert hash(p) == h; p.realloc(64)",
            "after free": """
                q = malloc(8); r = q + 0; h = hash(q); free(q)
                assert q == r and hash(q) == hash(r) == h
            """,
            "not its successor": """
                dead = []
                for _ in range(100):
                    with malloc(8) as q: dead.append(q)
                assert len(set(dead)) == 100
            """,
        },
        NOTHING,
        before=BEFORE,
        after="assert ~p == 'text' and a.tolist() == [7] * 4",
    ),
}


@in_modes
@tables(TABLES)
def test_copies_and_changes_of_a_pointer_are_refused(
    table: "list[Case]", mode: str, tmp_path: Path
) -> None:
    check_table(table, mode, tmp_path)


FORGE = """
import sys, warnings
warnings.simplefilter("ignore")
sys.unraisablehook = lambda _: None
class Index:
    __index__ = __int__ = lambda self: 2**40
class Lying(int):
    __lt__ = __le__ = __gt__ = __ge__ = __eq__ = lambda self, other: True
    __hash__ = int.__hash__
    __add__ = __radd__ = __mul__ = __rmul__ = __floordiv__ = __rfloordiv__ = lambda *_: Lying(3)
class Anything:
    def __getattr__(self, name): return lambda *args: self
    def __call__(self, *args): return self
GARBAGE = [
    None, -1, 2**31, 2**40, 2**62, 2**63 - 1, 2**63, 2**64 - 1, 2**64, 2**200, -2**31, -2**63,
    -2**200, 1.5, float("nan"), "x", b"x", "", (), [], {}, object(), int, Index(), Lying(-5),
    Lying(2**62), Anything(), lambda: 0,
]
values = {"text", 5, None}
block, slots = malloc(64), calloc(8, 40)
block <<= "text"
slots.fill(5)
other = malloc(64)
USES = [
    lambda p: ~p,
    lambda p: ([*p], None)[1],
    lambda p: (p.move(5), None)[1],
    lambda p: (p.move([1]), None)[1],
    lambda p: (p.move("text"), None)[1],
    lambda p: (p.read(), None)[1],
    lambda p: (p.read(1), None)[1],
    lambda p: (p.write(b""), None)[1],
    lambda p: (memcpy(other, p, 8), None)[1],
    lambda p: (memset(p, 0, 0), None)[1],
    lambda p: (memcmp(p, other, 8), None)[1],
    lambda p: (p.size, None)[1],
    lambda p: (p.capacity, None)[1],
    lambda p: (p.address, None)[1],
    lambda p: (p.alignment, None)[1],
    lambda p: (p.allocator, None)[1],
    lambda p: (p.freed, None)[1],
    lambda p: (p.assigned, None)[1],
    lambda p: (str(p), None)[1],
    lambda p: (repr(p), None)[1],
    lambda p: (hash(p), None)[1],
    lambda p: (p == p, None)[1],
    lambda p: ~(p + 1),
    lambda p: ~p[0],
    lambda p: (p - p, None)[1],
    lambda p: p.view().release(),
    lambda p: (len(p), None)[1],
    lambda p: (p.count, None)[1],
    lambda p: (p.tolist(), None)[1],
    lambda p: (p.fill(5), None)[1],
    lambda p: p.__setitem__(slice(0, 2), [5, 5]),
    lambda p: ([None for _, _ in zip(range(20), p)], None)[1],
    lambda p: (p.realloc(80), None)[1],
    lambda p: p.free(),
    lambda p: free(p),
]
def forge(make, name):
    # A number that happens to be the handle of a live block is a valid value, not garbage
    live = [owner._block for owner in (text_block, reference_block, array_block, bytes_block)]
    live += [owner._block for owner in (block, slots, other)]
    for garbage in GARBAGE:
        if name == "_block" and type(garbage) is int and garbage in live:
            continue
        for use in USES:
            p = make()
            kept = getattr(p, name)
            try:
                setattr(p, name, garbage)
            except AttributeError:
                # The compiled path has these names in C alone, where Python cannot set them
                if not FAST:
                    raise
                (p if p._root is None else p._root).free()
                continue
            try:
                value = use(p)
            except Exception:
                pass
            else:
                known = any(value is v or type(value) is type(v) and value == v for v in values)
                assert known or value == [1], (name, garbage, value)
            finally:
                setattr(p, name, kept)
            owner = p if p._root is None else p._root
            if owner is not block and owner is not slots and not owner.freed:
                owner.free()
            if block.freed or slots.freed:
                raise AssertionError((name, garbage, "another block was freed"))
"""
MAKERS = {
    "owner": "lambda: malloc(64).move('text')",
    "alias": "lambda: malloc(64).move('text') + 0",
    "array": "lambda: calloc(4, 40).fill(5)",
    "slot": "lambda: calloc(4, 40).fill(5)[1]",
}
STATE = ("_block", "_offset", "_bound", "_root", "_owned", "_held")


@in_modes
@pytest.mark.parametrize("what", MAKERS)
def test_forged_state_reaches_no_other_memory(what: str, mode: str, tmp_path: Path) -> None:
    state = [*STATE, "_index"] if what in ("array", "slot") else STATE
    forged = "".join(f"forge({MAKERS[what]}, {name!r})\n" for name in state)
    after = """
assert ~block == "text" and slots.tolist() == [5] * 8
for p in (block, slots, other):
    p.free()
"""
    check_program(FORGE + forged + after, mode, tmp_path, errors=None)


@in_modes
def test_missing_state_raises_an_exception_and_never_crashes(mode: str, tmp_path: Path) -> None:
    # object.__new__ makes pointers without any state; then with one attribute missing
    code = """
    for kind in (Pointer, pointers.AllocatedPointer, pointers.AllocatedArrayPointer,
                 pointers.ArraySlotPointer, pointers.StackAllocatedPointer):
        for use in USES:
            for take in (None, *STATE):
                p = object.__new__(kind)
                if take is not None and not FAST:
                    for name in STATE:
                        if name != take:
                            setattr(p, name, {"_root": None, "_held": None}.get(name, 0))
                try:
                    value = use(p)
                except Exception:
                    pass
                else:
                    assert value in (None, True, False), value
                del p
    for p in (block, slots, other):
        p.free()
    """
    check_program(
        f"{FORGE}\nSTATE = {STATE!r}\nimport textwrap\nexec(textwrap.dedent({code!r}))",
        mode,
        tmp_path,
        errors=None,
    )
