# SPDX-License-Identifier: MIT
"""Memory that is taken from C or given to C, misused: refused, and freed as often as it should."""

from pathlib import Path

import pytest
from _misuse import NOTHING, Case, cases, check_table, in_modes, tables

pytest.importorskip("ctypes")

BEFORE = """
import ctypes
from _foreign import Buffer, free_with_argtypes
buffer = Buffer()
here = buffer.address
"""
ADOPTED = f"{BEFORE}p = from_address(here, 64, free=buffer.free)"
# What was refused has changed nothing, and the memory is freed once
ONCE = """
gc.collect()
assert buffer.freed == [] and not p.freed
p.write(b'live')
assert buffer.array.raw[:4] == b'live'
free(p)
assert buffer.freed == [here] and p.freed
"""

OURS = f"{BEFORE}p = malloc(64); p.write(b'live')"
STILL_OURS = """
gc.collect()
assert p.read(4) == b'live' and not p.freed
free(p)
"""

# What may be done with memory that is ours no more, and must be refused
USES = [
    "p.free()",
    "free(p)",
    "p.release()",
    "p.write(b'x')",
    "p.read(1)",
    "p.view()",
    "p.readonly().read()",
    "p.cast(ctypes.c_int)",
    "p._as_parameter_",
    "p + 1",
    "~p",
    "p.move(1)",
    "p.address",
    "p.allocator",
    "p.realloc(8)",
    "p.string()",
    "p.__enter__()",
]

TABLES = {
    "adopted": [
        *cases(
            "a resize",
            [
                call.format(p, size)
                for p in ("p", "(p + 0)", "(p + 8)")
                for size in ("0", "8", "64", "2**62")
                for call in ("{}.realloc({})", "realloc({}, {})")
            ],
            "ValueError",
            "something else has allocated: copy it into memory of malloc",
            before=ADOPTED,
            after=ONCE,
        ),
        *cases(
            "a resize to no size",
            ["p.realloc(-1)", "realloc(p, -1)"],
            "ValueError",
            "negative",
            before=ADOPTED,
            after=ONCE,
        ),
        *cases(
            "from the middle",
            ["free(p + 8)", "(p + 64).free()", "p[8].free()"],
            "ValueError",
            "cannot free from the middle",
            before=ADOPTED,
            after=ONCE,
        ),
        *cases(
            "given back from the middle",
            ["(p + 8).release()", "p[64].release()"],
            "ValueError",
            "cannot release from the middle",
            before=ADOPTED,
            after=ONCE,
        ),
        *cases(
            "in use",
            ["free(p)", "p.free()", "p.release()", "(p + 0).release()", "with p: pass"],
            "BufferError",
            "in use by a view",
            before=f"{ADOPTED}; kept = (p + 8).view(); made = p.cast(ctypes.c_int)",
            after=f"kept.release(); del kept, made; {ONCE.strip()}",
        ),
        *cases(
            "read-only",
            [
                f"p.readonly().{act}"
                for act in (
                    "free()",
                    "release()",
                    "write(b'x')",
                    "move(1)",
                    "__enter__()",
                    "cast(ctypes.c_int)",
                    "_as_parameter_",
                )
            ]
            + ["free((p + 0).readonly())", "memset(p.readonly() + 1, 0, 1)"],
            "ReadOnlyError",
            before=ADOPTED,
            after=ONCE,
        ),
        *cases(
            "out of bounds",
            ["p.write(bytes(65))", "p.read(65)", "(p + 60).move(1)", "(p + 64).write(b'x')"],
            "InvalidSizeError",
            before=ADOPTED,
            after=ONCE,
        ),
        *cases(
            "freed",
            USES,
            "FreedMemoryError",
            "was freed",
            before=f"{ADOPTED}; free(p)",
            after="assert buffer.freed == [here]",
        ),
        *cases(
            "given back",
            USES,
            "FreedMemoryError",
            "was freed",
            before=f"{ADOPTED}; assert p.release() == here",
            after="del p; gc.collect(); assert buffer.freed == []",
        ),
        *cases(
            "ended by with",
            [*USES],
            "FreedMemoryError",
            before=f"{ADOPTED}\nwith p: pass",
            after="assert buffer.freed == [here]",
        ),
        *cases(
            "given back inside of with",
            {"release": "with p: p.release()", "free": "with p: free(p); buffer.freed.clear()"},
            NOTHING,
            before=ADOPTED,
            after="assert p.freed; del p; gc.collect(); assert buffer.freed == []",
        ),
    ],
    "a free that raises": [
        *(
            case
            for error in ("LookupError", "MemoryError", "KeyboardInterrupt", "SystemExit")
            for case in cases(
                error,
                {"free": "free(p)", "method": "p.free()", "with": "with p: pass"},
                error,
                "by free",
                before=f"{BEFORE}\ndef fail(address):\n"
                "    buffer.freed.append(address)\n"
                f"    raise {error}('by free')\n"
                "p = from_address(here, 64, free=fail)\n",
                after="assert p.freed and buffer.freed == [here]",
            )
        ),
        *cases(
            "of other arguments",
            ["free(p)"],
            "TypeError",
            before=f"{BEFORE}p = from_address(here, 64, free=lambda: None)",
            after="assert p.freed",
        ),
    ],
    "release": [
        *cases(
            "from the middle",
            ["(p + 8).release()", "(p + 64).release()", "p[1].release()"],
            "ValueError",
            "cannot release from the middle",
            before=OURS,
            after=STILL_OURS,
        ),
        *cases(
            "in use",
            ["p.release()", "(p + 0).release()", "(p + 8 - 8).release()"],
            "BufferError",
            "in use by a view",
            before=f"{OURS}; kept = (p + 8).view()[2:]; made = p.cast(ctypes.c_int)",
            after=f"kept.release(); del kept, made; {STILL_OURS.strip()}",
        ),
        *cases(
            "read-only",
            ["p.readonly().release()", "(p + 0).readonly().release()", "p.readonly()[0].release()"],
            "ReadOnlyError",
            before=OURS,
            after=STILL_OURS,
        ),
        *cases(
            "given away",
            USES,
            "FreedMemoryError",
            "was freed",
            before=f"{OURS}; alias = p + 8; address = p.release()",
            after="assert alias.freed; free_with_argtypes()(address)",
        ),
        *cases(
            "given away, an array",
            ["a.release()", "free(a)", "a[0].release()", "a.tolist()", "s.move(1)", "s.address"],
            "FreedMemoryError",
            "was freed",
            before=f"{BEFORE}a = calloc(4, 32).fill([]); s = a[1]; address = a.release()",
            after="assert s.freed; free_with_argtypes()(address)",
        ),
        *cases(
            "a slot",
            ["a[1].release()", "a[3].release()", "(a + 1).release()"],
            "ValueError",
            r"cannot release slot \d: use the array itself",
            before="a = calloc(4, 32).fill(7)",
            after="assert a.tolist() == [7] * 4; free(a)",
        ),
        *cases(
            "freed",
            ["p.release()", "alias.release()"],
            "FreedMemoryError",
            before=f"{OURS}; alias = p + 0; free(p)",
        ),
        *cases(
            "of the stack",
            [
                "acquire_stack_alloc(64)(lambda p: p.release())",
                "acquire_stack_alloc(64)(lambda p: (p + 8).release())",
                "acquire_stack_alloc(64)(lambda p: p).release()",
            ],
            "StackMemoryError",
        ),
        *(
            case
            for source in ("Arena()", "Pool(64)", "Guard()")
            for case in cases(
                f"of {source}",
                ["p.release()", "(p + 0).release()"],
                "ValueError",
                r"free\(\) cannot free",
                before=f"source = {source}; p = source.malloc(64); p.write(b'live')",
                after=f"{STILL_OURS}source.close()",
            )
        ),
        *cases(
            "no block",
            [
                "object.__new__(type(p)).release()",
                "object.__new__(AdoptedPointer).release()",
                "object.__new__(AdoptedPointer).free()",
                "object.__new__(AdoptedPointer).realloc(8)",
                "object.__new__(AdoptedPointer).allocator",
                "object.__new__(AdoptedPointer)._leave()",
                "object.__new__(AdoptedPointer).__enter__()",
            ],
            "FreedMemoryError",
            "this pointer names no block|was freed",
            before=OURS,
            after=STILL_OURS,
        ),
    ],
}


@in_modes
@tables(TABLES)
def test_ownership(table: "list[Case]", mode: str, tmp_path: Path) -> None:
    check_table(table, mode, tmp_path)
