# SPDX-License-Identifier: MIT
"""Use after free by every path, double free, and aliases after a realloc."""

from pathlib import Path

from _misuse import FAST, NOTHING, Case, cases, check_table, in_modes, tables

# Uses of a pointer `p`, beside the live pointer `good` with a text and the live array `numbers`
USES = {
    "tilde": "~p",
    "star": "[*p]",
    "dereference": "p.dereference()",
    "store": "p <<= 1",
    "store a reference": "p <<= [1]",
    "move": "p.move(6)",
    "move a live pointer": "p.move(numbers)",
    "move into a live pointer": "good.move(p)",
    "unsafe store": "p ^= 1",
    "unsafe store of a reference": "p ^= [1]",
    "unsafe move": "p.move(1, unsafe=True)",
    "unsafe move into a live pointer": "good.move(p, unsafe=True)",
    "read": "p.read()",
    "read nothing": "p.read(0)",
    "read a byte": "p.read(1)",
    "read a lot": "p.read(2**62)",
    "write": "p.write(b'x')",
    "write nothing": "p.write(b'')",
    "bytes": "bytes(p)",
    "memcpy to": "memcpy(p, good, 8)",
    "memcpy bytes to": "memcpy(p, b'12345678', 8)",
    "memcpy from": "memcpy(good, p, 8)",
    "memcpy nothing": "memcpy(good, p, 0)",
    "memmove to": "memmove(p, good, 8)",
    "memmove from": "memmove(good, p, 8)",
    "memmove to itself": "memmove(p, p, 8)",
    "memset": "memset(p, 0, 8)",
    "memcmp to": "memcmp(p, good, 8)",
    "memcmp from": "memcmp(good, p, 8)",
    "memcmp bytes": "memcmp(p, b'12345678', 8)",
    "memcmp to itself": "memcmp(p, p, 8)",
    "address": "p.address",
    "int": "int(p)",
    "size": "p.size",
    "capacity": "p.capacity",
    "alignment": "p.alignment",
    "allocator": "p.allocator",
    "plus": "p + 1",
    "plus nothing": "p + 0",
    "plus from the left": "0 + p",
    "minus": "p - 0",
    "item": "p[0]",
    "store to an item": "p[0] = 1",
    "store to an item in place": "p[0] <<= 1",
    "view": "p.view()",
    "read-only view": "p.view(writable=False)",
    "with": "with p: pass",
    "bulk store with its value": "numbers[:] = [1, p, 3, 4]",
    "bulk store of its value alone": "numbers[2:3] = [p]",
}

# Stores of values that are too large for a slot
LONG_USES = {
    "store a long text": "p <<= 'x' * 1000",
    "move an image too large for a slot": "p.move(good)",
}

# Uses for pointers to the start of a block
ENDINGS = {
    "free": "free(p)",
    "free method": "p.free()",
    "realloc": "realloc(p, 56)",
    "realloc method": "p.realloc(28 * 2**15)",
    "realloc to nothing": "realloc(p, 0)",
    "realloc to the same": "p.realloc(112)",
}

# Uses for arrays
BULK = {
    "slice": "p[0:2]",
    "bulk store": "p[0:2] = [1, 2]",
    "bulk store of nothing": "p[0:0] = []",
    "len": "len(p)",
    "count": "p.count",
    "iterate": "list(p)",
    "tolist": "p.tolist()",
    "fill": "p.fill(1)",
}

HARMLESS = {
    "str": "assert str(p).endswith(', freed>'), str(p)",
    "repr": "assert repr(p).endswith(', freed>'), repr(p)",
    "format": "assert f'{p} {p!r}'.count('freed') == 2",
    "freed": "assert p.freed is True",
    "assigned": "assert p.assigned is False",
    "hash": "assert hash(p) == hash(p) and p in {p} and p == p and not p != p",
    "offset": "assert p.offset >= 0",
    "distance": "assert p - p == 0",
    "not equal to a live pointer": "assert p != good and good not in {p}",
    "leave a with": "p.__exit__(None, None, None)",
}

LIVE = """
good = malloc(64).move("good")
numbers = calloc(4, 28).fill(7)
"""
UNCHANGED = """
assert p.freed
assert ~good == "good" and good.size == 64
assert numbers.tolist() == [7] * 4
"""

# Each program leaves a pointer `p` to freed memory
POINTERS = {
    "owner": "p = malloc(112).move(5); free(p)",
    "owner of a reference": "p = malloc(112).move([5]); free(p)",
    "alias": "ptr = malloc(112).move(5); p = ptr + 0; free(ptr)",
    "owner by its alias": "p = malloc(112).move(5); free(p + 0)",
    "alias by itself": "ptr = malloc(112).move([5]); p = (ptr + 8) - 8; free(p)",
    "empty block": "p = malloc(0); free(p)",
    "by with": "with malloc(112) as p: p <<= 5",
}
BYTE_ALIASES = {
    "interior alias": "ptr = malloc(112).move(5); p = ptr + 8; free(ptr)",
    "alias of an alias": "ptr = malloc(112).move([5]); p = ptr + 8 + 8; free(ptr)",
    "end": "ptr = malloc(112).move(5); p = ptr + 112; free(ptr)",
}
SLOTS = {
    "slot": "array = calloc(4, 28).fill(5); p = array[2]; free(array)",
    "slot by the first": "array = calloc(4, 28).fill([5]); p = array[2]; free(array[0])",
    "iterated slot": "array = calloc(4, 28).fill(5); p = [*array][3]; free(array)",
}
INNER = {**BYTE_ALIASES, **SLOTS}
ARRAYS = {
    "array": "p = calloc(4, 28).fill(5); free(p)",
    "array of references": "p = calloc(4, 28).fill([5]); p[1].move(2); free(p)",
    "array by its slot": "p = calloc(4, 28).fill(5); free(p[0])",
}

NO_BYTES = {"array without bytes": "p = calloc(4, 0); free(p)"}

REUSED = """
for number in range(10):
    with malloc(112) as again:
        again <<= number
squatter = malloc(112).move("squatter")
"""
NOT_REACHED = "assert ~squatter == 'squatter' and not squatter.freed\n"


def dead(
    pointers: "dict[str, str]",
    uses: "dict[str, str]",
    error: str,
    message: str,
    reused: str = REUSED,
) -> "list[Case]":
    table = []
    for name, freed in pointers.items():
        before = f"{LIVE}{freed}\n"
        table += cases(name, uses, error, message, before=before, after=UNCHANGED)
        table += cases(
            f"{name}, its slot used again",
            uses,
            error,
            message,
            before=before + reused,
            after=UNCHANGED + NOT_REACHED,
        )
    return table


GONE = "the memory was freed"

# For a dead interior pointer, free and realloc may complain of its place instead of the freed block
MIDDLE = {
    "free": ("free(p)", "from the middle|slot [23]"),
    "realloc": ("realloc(p, 8)", "from the middle|slot [23]"),
}

KEPT = """
assert not ptr.freed and ~ptr == "text" and ptr.size == 112 and (ptr + 56).assigned
free(ptr)
"""
BLOCK = "ptr = malloc(112).move('text'); ptr[56].move([1])"

TABLES = {
    "pointers": dead(POINTERS, {**USES, **LONG_USES, **ENDINGS}, "FreedMemoryError", GONE),
    "aliases": dead(BYTE_ALIASES, LONG_USES, "FreedMemoryError", GONE),
    "dead slots": dead({**SLOTS, **ARRAYS, **NO_BYTES}, LONG_USES, "FreedMemoryError", GONE),
    "after a thousand more blocks": dead(
        {**POINTERS, **INNER, **ARRAYS},
        {name: USES[name] for name in ("tilde", "store", "read", "write", "memcpy to")},
        "FreedMemoryError",
        GONE,
        REUSED.replace("range(10)", "range(1000)"),
    ),
    "inner": dead(INNER, USES, "FreedMemoryError", GONE),
    "arrays": dead(ARRAYS, {**USES, **ENDINGS, **BULK}, "FreedMemoryError", GONE),
    "arrays without bytes": dead(
        NO_BYTES,
        {name: USES[name] for name in USES if name.split()[0] not in ("store", "move")}
        | {"free": "free(p)", "realloc": "realloc(p, 0)"}
        | BULK,
        "FreedMemoryError",
        GONE,
    ),
    "harmless": dead({**POINTERS, **INNER, **ARRAYS, **NO_BYTES}, HARMLESS, NOTHING, ""),
    "free of dead interior pointers": [
        case
        for name, (act, message) in MIDDLE.items()
        for case in dead(INNER, {name: act}, "ValueError", message)
    ],
    "free of live pointers": [
        *cases(
            "middle",
            ["free(ptr + 1)", "free(ptr[8])", "(ptr + 112).free()", "free(ptr + 8 + 8)"],
            "ValueError",
            r"cannot free from the middle of a block, at offset \d+: use the pointer to its start",
            before=BLOCK,
            after=KEPT,
        ),
        *cases(
            "middle",
            ["realloc(ptr + 1, 8)", "realloc(ptr[8], 2**20)", "(ptr + 112).realloc(0)"],
            "ValueError",
            r"cannot realloc from the middle of a block, at offset \d+",
            before=BLOCK,
            after=KEPT,
        ),
        *cases(
            "slot",
            ["free(a[1])", "a[3].free()", "free(a + 4)", "free([*a][2])", "free(a[1:3][0])"],
            "ValueError",
            r"cannot free slot \d: use the array itself",
            before="a = calloc(4, 28).fill(5)",
            after="assert a.tolist() == [5] * 4; free(a)",
        ),
        *cases(
            "slot without bytes",
            ["free(a[1])", "realloc(a[3], 0)"],
            "ValueError",
            r"slot \d",
            before="a = calloc(4, 0)",
            after="assert len(a) == 4; free(a)",
        ),
        *cases(
            "double",
            {
                f"{first} then {second}": f"{first}; {second}"
                for first in ("free(ptr)", "ptr.free()", "free(ptr + 0)", "(ptr[56] - 56).free()")
                for second in ("free(ptr)", "ptr.free()", "free(alias)", "alias.free()")
            },
            "FreedMemoryError",
            GONE,
            before=f"{BLOCK}; alias = ptr[0]",
            after="assert ptr.freed and alias.freed",
        ),
        *cases(
            "no pointer",
            [
                "free(~ptr)",
                "free(ptr.address)",
                "free(None)",
                "free(b'x')",
                "free(malloc)",
                "free(free)",
            ],
            "TypeError",
            "cannot free a .*: it is not a pointer from malloc",
            before=BLOCK,
            after=KEPT,
        ),
        *cases(
            "type",
            ["AllocatedPointer.free(5)", "Pointer.move(5, 6)"],
            "TypeError" if FAST else "AttributeError",
        ),
    ],
    "realloc": [
        *cases(
            "cuts the text",
            [f"realloc(ptr, {size})" for size in (0, 1, 15, 16, 44)],
            "InvalidSizeError",
            "does not fit into",
            before=BLOCK,
            after=KEPT,
        ),
        *cases(
            "cuts a reference",
            [f"realloc(ptr, {size})" for size in (57, 64, 71)],
            "InvalidSizeError",
            "does not fit into",
            before=BLOCK,
            after=KEPT,
        ),
        *cases(
            "too much",
            [
                f"realloc(ptr, {size})"
                for size in ("2**47", "2**62", "2**63 - 1", "2**63", "2**200")
            ],
            "AllocationError",
            "no memory for|no block has more|block",
            before=BLOCK,
            after=KEPT,
        ),
        *cases(
            "negative",
            ["realloc(ptr, -1)", "realloc(ptr, -2**63)", "ptr.realloc(-2**200)"],
            "ValueError",
            "it cannot be negative",
            before=BLOCK,
            after=KEPT,
        ),
        *cases(
            "array too much",
            ["realloc(a, 28 * 2**55)", "a.realloc(28 * 2**300)"],
            "AllocationError",
            before="a = calloc(4, 28).fill(5)",
            after="assert a.tolist() == [5] * 4 and a.count == 4; free(a)",
        ),
        *cases(
            "array with a part of a slot",
            ["realloc(a, 27)", "realloc(a, 29)", "realloc(a[0], 1)", "realloc(a, 111)"],
            "ValueError",
            "no whole number of slots",
            before="a = calloc(4, 28).fill(5)",
            after="assert a.tolist() == [5] * 4 and a.count == 4; free(a)",
        ),
        *cases(
            "aliases after",
            {
                "growth": "realloc(ptr, 2**22); assert ~alias == 'text' and ~far == [1]",
                "shrink": "realloc(ptr, 72); assert ~alias == 'text' and ~far == [1]",
                "by the alias": "assert realloc(alias, 2**20) is alias; assert ptr.size == 2**20",
                "store by the alias": """
                    realloc(ptr, 2**20); alias <<= 'x' * 10**6; assert ~ptr == 'x' * 10**6
                """,
                "addresses": """
                    realloc(ptr, 2**22); assert far.address - 56 == ptr.address == int(alias)
                """,
                "many times": """
                    for size in [*range(72, 20000, 61), *range(20000, 72, -61)]:
                        assert ~realloc(ptr, size) == ~alias == 'text' and ~far == [1]
                """,
                "free by the alias": "realloc(ptr, 2**22); free(alias); assert far.freed",
                "added bytes": "realloc(ptr, 2**16); assert (ptr + 112).read() == bytes(65424)",
            },
            NOTHING,
            before=f"{BLOCK}; alias, far = ptr + 0, ptr + 56",
        ),
        *cases(
            "aliases beyond a shrink",
            ["~far", "[*far]", "far.dereference()", "end.dereference()"],
            "DereferenceError",
            "nothing was stored",
            before=f"{BLOCK}; far, end = ptr + 56, ptr + 112; realloc(ptr, 50)",
            after="assert ~ptr == 'text' and far.size == 0; free(ptr)",
        ),
        *cases(
            "aliases beyond a shrink",
            [
                "far <<= 1",
                "far <<= [1]",
                "far <<= None",
                "far.write(b'x')",
                "far.read(1)",
                "memset(far, 0, 1)",
                "memcpy(far, ptr, 1)",
                "memmove(ptr, far, 1)",
                "memcmp(ptr, far, 1)",
            ],
            "InvalidSizeError",
            before=f"{BLOCK}; far = ptr + 56; realloc(ptr, 50)",
            after="assert ~ptr == 'text' and far.size == 0; free(ptr)",
        ),
        *cases(
            "pinned",
            ["free(ptr)", "realloc(ptr, 200)", "realloc(ptr, 72)", "free(ptr + 0)"],
            "BufferError",
            "in use by a view",
            before=f"{BLOCK}; view = ptr.view()",
            after="view.release()" + KEPT,
        ),
    ],
}


@in_modes
@tables(TABLES)
def test_no_pointer_reaches_memory_that_was_freed_or_cut_off(
    table: "list[Case]", mode: str, tmp_path: Path
) -> None:
    check_table(table, mode, tmp_path)
