# SPDX-License-Identifier: MIT
"""Loads where nothing was stored, of stale or corrupt bytes, and of images that overlap."""

import textwrap
from pathlib import Path

from _misuse import NOTHING, Case, cases, check_table, in_modes, tables

LOADS = ["~p", "[*p]", "p.dereference()", "good <<= p", "good.move(p)", "good ^= p"]
AFTER = """
assert not p.assigned and ~good == "good"
assert str(p) == repr(p) and ", empty>" in repr(p)
"""
GOOD = 'good = malloc(64).move("good")\n'

EMPTY = {
    "fresh": "p = malloc(64)",
    "fresh, inside": "p = malloc(64) + 8",
    "end": "p = malloc(64) + 64",
    "no bytes": "p = malloc(0)",
    "less than a header": "p = malloc(15)",
    "large": "p = malloc(10**6)",
    "array": "p = calloc(4, 28)",
    "slot": "p = calloc(4, 28)[3]",
    "beside a value": "p = malloc(128).move(1) + 64",
    "beside a reference": "p = malloc(128).move([1]) + 16",
    "set to zero": "p = malloc(64).move(1); memset(p, 0, 64)",
    "set to zero, a reference": "p = malloc(64).move([1]); memset(p, 0, 64)",
    "zeros written": "p = malloc(64).move('text'); p.write(bytes(64))",
    "zeros copied": "q = malloc(64); p = malloc(64).move('text'); memcpy(p, q, 64)",
    "added by realloc": "p = realloc(malloc(16), 4096)[64]",
    "added after a shrink": """
        q = malloc(4096)
        for at in range(0, 4096, 64): q[at].move("stale")
        q.realloc(64); q.realloc(4096); p = q[64]
    """,
    "slots added after a shrink": """
        q = calloc(100, 28).fill(7); q.realloc(28); q.realloc(2800); p = q[50]
    """,
}

# Blocks full of objects are freed, so that new ones are likely to take their memory
STALE = {
    f"{what}, {size} bytes, {new}": f"""
        for _ in range(20):
            old = malloc({size})
            for at in range(0, {size} - 47, 8): (old + at).move({value})
            for at in range(0, {size} - 47, 48): (old + at).move({value})
            free(old)
        fresh = {new.format(size=size)}
        assert fresh.read() == bytes({size} // 16 * 16)
        assert not any((fresh + at).assigned for at in range(0, {steps.format(size=size)}))
        p = fresh + 0
    """
    for size in (48, 112, 1024, 5008)
    for what, value in (("ints", "5"), ("texts", "'stale'"), ("references", "[]"))
    for new, steps in (("malloc({size})", "{size}"), ("calloc({size} // 16, 16)", "{size} // 16"))
}

OVERLAPPING = [
    (f"{under}, {over} at {at}", under, over, at)
    for under in ("'x' * 30", "b'y' * 30", "2**200", "[1]", "1.5", "1j")
    for over in ("None", "0", "'z'", "[2]", "True")
    for at in (1, 4, 8, 12, 15)
]

CORRUPTIONS = {
    "random": "p.write(bytes(range(1, 65)))",
    "ones": "memset(p, 255, 64)",
    "text, first byte": "p <<= 'text'; p.write(b'\\2')",
    "text, type": "p <<= 'text'; memset(p + 8, 9, 1)",
    "text, too long": "p <<= 'text'; (p + 16).write((2**62).to_bytes(8, sys.byteorder))",
    "text, negative": "p <<= 'text'; memset(p + 16, 255, 8)",
    "text, not ended": "p <<= 'text'; (p + 44).write(b'!')",
    "text, not ASCII": "p <<= 'text'; (p + 41).write(b'\\x80')",
    "bytes, too long": "p <<= b'text'; (p + 16).write((480).to_bytes(8, sys.byteorder))",
    "bytes, overflowing": "p <<= b'text'; (p + 16).write((2**63 - 1).to_bytes(8, sys.byteorder))",
    "bytes, negative": "p <<= b'text'; memset(p + 16, 255, 8)",
    "int, digits": "p <<= 1; memset(p + 24, 255, 4)",
    "int, top digit": "p <<= 2**30; memset(p + 28, 0, 4)",
    "int, count": "p <<= 1; (p + 16).write((2**60).to_bytes(8, sys.byteorder))",
    "bool, 2": "p <<= True; (p + 24).write((2).to_bytes(4, sys.byteorder))",
    "reference, key": "p <<= [1]; p.write((10**6).to_bytes(8, sys.byteorder))",
    "reference, zero key": "p <<= [1]; memset(p, 0, 8)",
    "reference, copied": "q = malloc(64).move([1]); memcpy(p, q, 64)",
    "reference, moved": "p <<= [1]; memmove(p + 8, p, 16); p += 8",
    "reference, of bytes": "q = malloc(64).move([1]); p.write(q.read())",
    "reference, of dead memory": "q = malloc(64).move([1]); p.write(q.read()); free(q)",
    "reference, taken back": "p <<= [1]; b = p.read(); p <<= 0; p.write(b)",
}

TABLES = {
    "empty": [
        case
        for name, code in EMPTY.items()
        for case in cases(
            name,
            # An array is unpacked to its slots
            [use for use in LOADS if name != "array" or use != "[*p]"],
            "DereferenceError",
            "nothing was stored",
            before=GOOD + textwrap.dedent(code),
            after=AFTER,
        )
    ],
    "empty slots": [
        *cases(
            "array",
            ["a.tolist()", "a[:] = [1, 2, a[0], 4]", "~a[2]", "~a", "a.fill(~a[1])"],
            "DereferenceError",
            "nothing was stored at offset",
            before="a = calloc(4, 28)",
            after="assert a.read() == bytes(112)",
        ),
        *cases(
            "last",
            ["a.tolist()", "a[:] = [1, 2, a[3], 4]"],
            "DereferenceError",
            "nothing was stored at offset 84",
            before="a = calloc(4, 28); a[:3] = [1, 2, 3]",
            after="assert [~slot for slot in a[:3]] == [1, 2, 3] and not a[3].assigned",
        ),
    ],
    "stale": [
        Case(name, "~p", "DereferenceError", "nothing was stored", code.replace("\n        ", "\n"))
        for name, code in STALE.items()
    ],
    # The second store overwrites a part of the first image and is itself whole
    "overlapping": [
        Case(
            name,
            f"""
try:
    value = ~p
except DereferenceError:
    assert not p.assigned
else:
    # The second image lies in bytes that a load of the first ignores, or in its letters or digits
    assert type(value) is type({under}) and sizeof(value) <= 96
assert ~(p + {at}) == {over} and type(~(p + {at})) is type({over})
""",
            NOTHING,
            "",
            f"""
block = malloc(128)
p = block + 16
guard = malloc(128)
p <<= {under}
(p + {at}).move({over})
""",
            "assert guard.read() == bytes(128) and block.read(16) == bytes(16)",
        )
        for name, under, over, at in OVERLAPPING
    ],
    "earlier over later": [
        *cases(
            "header gone",
            [
                f"p <<= {under}; (p + {at}).move({over}); p.move('a' * 40); ~(p + {at})"
                for under in ("5", "[1]")
                for over in ("7", "[2]", "'z'")
                for at in (8, 16, 20)
            ],
            "CorruptObjectError",
            before="p = malloc(128)",
            after="assert ~p == 'a' * 40",
        )
    ],
    "corrupt": [
        case
        for name, code in CORRUPTIONS.items()
        for case in cases(
            name,
            LOADS,
            "CorruptObjectError",
            "",
            before=f"{GOOD}p = malloc(64)\n{code}",
            after="assert not p.assigned and ~good == 'good' and str(p) == repr(p)",
        )
    ],
    "corrupt slots": cases(
        "array",
        ["a.tolist()", "a[:] = [9, 9, a[2], 9]", "~a[2]", "[*a[2]]"],
        "CorruptObjectError",
        before="a = calloc(4, 28).fill(7); memset(a[2], 255, 28)",
        after="assert [~a[0], ~a[1], ~a[3]] == [7, 7, 7]",
    ),
}


@in_modes
@tables(TABLES)
def test_no_load_returns_an_object_that_was_not_stored(
    table: "list[Case]", mode: str, tmp_path: Path
) -> None:
    check_table(table, mode, tmp_path)
