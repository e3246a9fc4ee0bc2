# SPDX-License-Identifier: MIT
"""The part of the misuse matrix that runs in a subprocess.

As a script, this file runs the cases of a JSON file and prints a line for each:
``name: ExceptionType: message``.  Programs import it for the bystanders.
"""

import contextlib
import gc
import io
import json
import sys
from pathlib import Path
from typing import Any

import pointers
from pointers import Pointer, System, calloc, malloc
from pointers._ffi import fast

FAST = fast is not None

START = System().stats()[0], System().stats()[3]

# Bystanders: blocks that no misuse of other memory may change

TEXT = "bystander \u0107 " * 10
OBJECT = ["bystander"]
NUMBERS = [0, 1, -1, 2**30 - 1, 5, 6, 7, 1 - 2**30]

text_block = malloc(400)
text_block <<= TEXT
reference_block = malloc(16)
reference_block <<= OBJECT
array_block = calloc(8, 28)
array_block[:] = NUMBERS
bytes_block = malloc(64)
bytes_block.write(bytes(range(64)))


def balance() -> "tuple[int, int]":
    """Return the bytes and blocks of the default allocator that are live."""
    stats = System().stats()
    return stats.current_bytes, stats.current_blocks


def settled_balance(wanted: "tuple[int, int]") -> "tuple[int, int]":
    """Return the balance once it is `wanted`, or after 30 collections."""
    # PyPy finalizes one object of a cycle in each collection
    for _ in range(30):
        if balance() == wanted:
            break
        gc.collect()
    return balance()


BALANCE = balance()


def harm() -> str:
    """Return a text that says which bystander has changed, or ""."""
    if ~text_block != TEXT or [*text_block] != [TEXT]:
        return f"the text is {text_block}"
    if ~reference_block is not OBJECT or OBJECT != ["bystander"]:
        return f"the reference is {reference_block}"
    if array_block.tolist() != NUMBERS or [~slot for slot in array_block] != NUMBERS:
        return f"the array is {[str(slot) for slot in array_block]}"
    if bytes_block.read() != bytes(range(64)):
        return f"the bytes are {bytes_block.read()!r}"
    fresh = malloc(200)
    stale = fresh.read()
    fresh <<= "fresh"
    value = ~fresh
    fresh.free()
    return "" if (stale, value) == (bytes(200), "fresh") else f"fresh memory is {stale!r}"


def unharmed(name: str = "unharmed") -> None:
    """Check the bystanders and the balance; every program ends with this call."""
    assert not harm(), harm()
    now = settled_balance(BALANCE)
    assert now == BALANCE, f"bytes and blocks were {BALANCE} and are {now}"
    for bystander in (text_block, reference_block, array_block, bytes_block):
        bystander.free()
    assert balance() == START, balance()
    print(name, flush=True)


# Each case is followed by collections: they pass over all that was made until here
getattr(gc, "freeze", int)()

# Cases

NAMES: "dict[str, Any]" = {name: getattr(pointers, name) for name in pointers.__all__}
NAMES.update(gc=gc, sys=sys, pointers=pointers, PYPY=sys.implementation.name == "pypy")


def sweep(names: "dict[str, Any]") -> None:
    """Free the blocks that a case has left live."""
    for value in list(names.values()):
        if isinstance(value, Pointer):
            root = value if value._root is None else value._root
            if root._owned and not root.freed:
                root.free()  # type: ignore[attr-defined]


def attempt(code: str, part: str, names: "dict[str, Any]") -> "tuple[str, str]":
    """Run code; return the type and the message of its exception, or "nothing"."""
    try:
        exec(compile(code, f"<{part}>", "exec"), names)
    except BaseException as error:
        kind, message = type(error).__name__, str(error)
        if isinstance(error, AssertionError):
            line = error.__traceback__.tb_next.tb_lineno  # type: ignore[union-attr]
            message += f" ({code.splitlines()[line - 1].strip()})"
        return kind, message
    return "nothing", ""


def run_case(before: str, act: str, after: str) -> "tuple[str, str]":
    """Return the exception that `act` raised, or what failed before or after `act`."""
    wanted = balance()
    names = dict(NAMES)
    errors = io.StringIO()
    with contextlib.redirect_stderr(errors):
        outcome = attempt_all(before, act, after, names)
        found = settled_balance(wanted)
    if errors.getvalue():
        return "stderr", errors.getvalue()
    return outcome if found == wanted else ("balance", f"from {wanted} to {found}")


def attempt_all(before: str, act: str, after: str, names: "dict[str, Any]") -> "tuple[str, str]":
    kind, message = attempt(before, "before", names)
    if kind != "nothing":
        sweep(names)
        return "before", f"{kind}: {message}"
    outcome = attempt(act, "act", names)
    kind, message = attempt(after, "after", names)
    sweep(names)
    names.clear()
    if kind != "nothing":
        return "after", f"{outcome[0]}, then {kind}: {message}"
    if harm():
        return "harm", harm()
    return outcome


def main(path: str, wanted: str) -> None:
    for name, before, act, after in json.loads(Path(path).read_text("utf-8")):
        if wanted in (name, ""):
            kind, message = run_case(before, act, after)
            line = f"{name}: {kind}: {message}".replace("\n", "\\n")
            print(line.encode("ascii", "backslashreplace").decode(), flush=True)
    unharmed()


if __name__ == "__main__":
    main(*sys.argv[1:])
