# SPDX-License-Identifier: MIT
"""A short tour: the source of each step is printed and run, so that its output follows."""

from __future__ import annotations

import sys
import textwrap
import traceback

_STEPS: tuple[tuple[str, str], ...] = (
    (
        "Allocate, store, load, free. An int takes 28 bytes, and 0 takes 24, everywhere.",
        """
        from pointers import malloc, free, sizeof

        ptr = malloc(sizeof(7))
        ptr <<= 7
        print(*ptr, ~ptr + 1, sizeof(7), sizeof(0))
        print(ptr.dump())
        free(ptr)
        """,
    ),
    (
        "A load makes a new object: equal, not identical, and valid after free().",
        """
        text = "a longer piece of text"
        ptr = malloc(sizeof(text))
        ptr <<= text
        copy = ~ptr
        free(ptr)
        print(copy == text, copy is text)
        """,
    ),
    (
        "realloc() changes the pointer itself; its aliases follow.",
        """
        from pointers import realloc

        ptr = malloc(sizeof(0))
        ptr <<= 0
        alias = ptr + 0
        realloc(ptr, sizeof("hello"))
        ptr <<= "hello"
        print(~alias, ptr.size)
        free(ptr)
        """,
    ),
    (
        "The slots of an array are pointers.",
        """
        from pointers import calloc

        array = calloc(4, 28)
        for index, slot in enumerate(array):
            slot <<= index * index
        print(array[2], array.tolist())
        array[1:3] = [10, 20]
        print(*(~slot for slot in array))
        free(array)
        """,
    ),
    (
        "Memory on the C stack, gone when the function returns.",
        """
        from pointers import stack_alloc, acquire_stack_alloc

        @stack_alloc(28)
        def double(ptr, number):
            ptr <<= number * 2
            return ~ptr

        print(double(21))

        @acquire_stack_alloc(28)
        def escaped(ptr):
            return ptr

        print(escaped)
        """,
    ),
    (
        "The end of an arena frees all its blocks at once.",
        """
        from pointers import Arena, allocator

        with Arena() as arena, allocator(arena):
            first = malloc(28)
            first <<= 1
            print(arena)

        print(first)
        """,
    ),
    (
        "Mistakes raise exceptions.",
        """
        ptr = malloc(24)
        ptr <<= 1
        """,
    ),
    ("", "print(~ptr)"),
    ("", "free(ptr)\nprint(~ptr)"),
    ("", "free(ptr)"),
    ("", "array = calloc(4, 28)\narray[4] <<= 1"),
    ("", "free(array + 1)"),
    ("", "free(array)\nacquire_stack_alloc(28)(free)"),
    ("", "malloc(2**62)"),
)


def main() -> int:
    """Run the tour; return the exit code."""
    names: dict[str, object] = {"__name__": "demo"}
    unexpected = 0
    for title, source in _STEPS:
        lines = textwrap.dedent(source).strip()
        if title:
            print(f"\n# {title}")
        for line in lines.splitlines():
            print(f"... {line}" if line.startswith(" ") else f">>> {line}".rstrip())
        try:
            exec(compile(lines, "<demo>", "exec"), names)
        except (ValueError, IndexError, MemoryError) as error:
            print("".join(traceback.format_exception_only(type(error), error)).strip())
        except Exception:
            traceback.print_exc(file=sys.stdout)
            unexpected += 1
    return 1 if unexpected else 0
