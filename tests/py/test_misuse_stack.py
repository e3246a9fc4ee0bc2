# SPDX-License-Identifier: MIT
"""Stack memory that escapes its function, is freed, or does not fit on the stack."""

import textwrap
from pathlib import Path

import pytest
from _misuse import PYPY, Case, cases, check_program, check_table, in_modes, tables

ESCAPES = {
    "returned": "p = acquire_stack_alloc(64)(lambda p: p.move(5))",
    "alias": "p = acquire_stack_alloc(64)(lambda p: p.move([5]) + 8)",
    "by exception": """
        def function(p):
            raise LookupError(p.move(5))
        try:
            stack_alloc(64)(function)()
        except LookupError as error:
            p = error.args[0]
    """,
    "by closure": """
        kept = []
        @stack_alloc(64)
        def function(p):
            p <<= 5
            kept.append(lambda: p + 0)
            kept.append(p)
        function()
        p = kept[1]
    """,
    "by a value that holds it": """
        kept = []
        stack_alloc(64)(lambda p: kept.append(p.move([p])))()
        p = kept[0]
    """,
    "from fifty calls deep": """
        @stack_alloc(64)
        def function(p, n):
            return function(n - 1) if n else p.move(5)
        p = function(50)
    """,
    "stack used again": """
        p = acquire_stack_alloc(64)(lambda p: p.move(5))
        for n in range(100):
            assert acquire_stack_alloc(64)(lambda q: ~q.move(n)) == n
    """,
}
USES = (
    "~p", "[*p]", "p <<= 1", "p ^= 1", "p <<= [1]", "p.move('x' * 100)", "p.read()",
    "p.write(b'x')",
    "memset(p, 0, 1)",
    "memcpy(p, good, 1)", "memcpy(good, p, 1)", "memmove(good, p, 0)",
    "memcmp(good, p, 1)", "p + 1", "p[0]", "p.address", "int(p)", "p.size", "bytes(p)",
    "good <<= p", "p[0] = 1", "p.view()", "p.capacity", "p.alignment",
)  # fmt: skip

TABLES = {
    "escaped": [
        case
        for name, code in ESCAPES.items()
        for case in cases(
            name,
            USES,
            "FreedMemoryError",
            "the memory was freed",
            before=f"good = malloc(64).move('good')\n{textwrap.dedent(code)}",
            after="assert p.freed and 'freed' in str(p) and 'freed' in repr(p) and ~good == 'good'",
        )
    ],
    "refused": cases(
        "inside",
        [
            f"acquire_stack_alloc(64)(lambda p: {code})"
            for code in ("free(p)", "p.free()", "realloc(p, 8)", "realloc(p[0], 99)")
        ],
        "StackMemoryError",
        "it goes when its function returns",
    )
    + cases(
        "freed",
        ["free(p)", "p.free()", "realloc(p, 8)"],
        "StackMemoryError",
        before="p = acquire_stack_alloc(64)(lambda p: p)",
    )
    + cases("views", ["acquire_stack_alloc(64)(lambda p: p.view())"], "BufferError", "stack memory")
    + cases(
        "suspending",
        [
            "def f(p): yield\nstack_alloc(8)(f)",
            "async def f(p): pass\nstack_alloc(8)(f)",
            "async def f(p): yield\nstack_alloc(8)(f)",
            "def f(p): yield p\nacquire_stack_alloc(8)(lambda p: f(p))",
            "async def f(p): pass\nacquire_stack_alloc(8)(lambda p: f(p))",
            "async def f(p): yield p\nacquire_stack_alloc(8)(lambda p: f(p))",
            "acquire_stack_alloc(8)(lambda p: (~p for _ in range(3)))",
        ],
        "TypeError",
        "generator|coroutine",
    )
    + cases(
        "bounds",
        ["acquire_stack_alloc(28)(lambda p: p.move(2**30))",
         "acquire_stack_alloc(0)(lambda p: p.move(0))",
         "acquire_stack_alloc(8)(lambda p: p.write(bytes(9)))",
         "acquire_stack_alloc(8)(lambda p: p.read(9))"],
        "InvalidSizeError",
    ),
}  # fmt: skip


@in_modes
@tables(TABLES)
def test_stack_memory_ends_with_its_function(
    table: "list[Case]", mode: str, tmp_path: Path
) -> None:
    check_table(table, mode, tmp_path)


PROGRAMS = {
    "a thread that outlives the frame": """
        import threading
        entered, left = threading.Event(), threading.Event()
        results = []
        def use(p):
            results.append(~p)
            entered.set()
            left.wait(60)
            for action in (lambda: ~p, lambda: p.move(1), lambda: p.read(), lambda: p + 1):
                try:
                    action()
                except FreedMemoryError:
                    results.append("freed")
        @stack_alloc(64)
        def function(p):
            p <<= 5
            thread = threading.Thread(target=use, args=(p + 0,))
            thread.start()
            assert entered.wait(60)
            return thread
        thread = function()
        left.set()
        thread.join()
        assert results == [5] + ["freed"] * 4, results
    """,
    "another thread inside an access when the frame ends": """
        import threading
        sys.setswitchinterval(1e-6)
        pointers_seen, stop, wrong = [malloc(16)], [], []
        first = pointers_seen[0]
        def use():
            while not stop:
                p = pointers_seen[0]
                try:
                    value = p.read()
                    if value not in (bytes(16), b"a" * 4000, bytes(4000)):
                        wrong.append(value)
                    memset(p, 97, 4000)
                except (FreedMemoryError, InvalidSizeError):
                    pass
        threads = [threading.Thread(target=use) for _ in range(2)]
        [thread.start() for thread in threads]
        @stack_alloc(4000)
        def function(p):
            pointers_seen[0] = p
            p.read()
        @stack_alloc(4000)
        def clean(p):
            assert p.read() == bytes(4000)
        for _ in range(300):
            function()
            clean()
        stop.append(1)
        [thread.join() for thread in threads]
        assert not wrong, wrong[:1]
        free(first)
    """,
    "nested a hundred deep with exceptions": """
        kept = []
        @stack_alloc(64)
        def function(p, n):
            p <<= n
            kept.append(p)
            try:
                if n:
                    function(n - 1)
                raise LookupError(n)
            finally:
                assert ~p == n
                assert kept[-1] is p or kept[kept.index(p) + 1].freed
        for _ in range(3):
            try:
                function(100)
            except LookupError as error:
                assert error.args == (100,) or error.args == (0,), error.args
            assert len(kept) == 101 and all(p.freed for p in kept)
            kept.clear()
    """,
    "oversize on every kind of thread": """
        import threading
        def refuse():
            for size in (10**7, 10**9, 2**40, 2**62, 2**100):
                for align in (None, 4096):
                    try:
                        acquire_stack_alloc(size, align=align)(lambda p: wrong.append(size))
                    except StackExhaustedError as error:
                        assert str(size) in str(error)
                    else:
                        wrong.append((size, threading.stack_size()))
        wrong = []
        refuse()
        for kib in (256, 512, 1024):
            threading.stack_size(kib * 1024)
            thread = threading.Thread(target=refuse)
            thread.start()
            thread.join()
        assert not wrong, wrong
    """,
    "deep recursion with a raised limit": """
        import threading
        threading.stack_size(64 * 2**20)
        sys.setrecursionlimit(10**4)
        ended = []
        @stack_alloc(100)
        def function(p, n):
            p <<= n
            function(n + 1)
        def run():
            for _ in range(2):
                try:
                    function(0)
                except (RecursionError, StackExhaustedError) as error:
                    ended.append(type(error).__name__)
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        assert len(ended) == 2, ended
        sys.setrecursionlimit(1000)
    """,
    "generators inside": """
        kept = []
        @stack_alloc(64)
        def function(p):
            p <<= 5
            def generator():
                while True:
                    yield ~p
            kept.append(generator())
            return next(kept[0])
        assert function() == 5
        try:
            next(kept[0])
        except FreedMemoryError:
            kept.clear()
        assert not kept
    """,
    "a frame inside of a coroutine": """
        import asyncio
        @stack_alloc(64)
        def function(p, n):
            p <<= n
            return ~p, p
        async def one(n):
            value, p = function(n)
            await asyncio.sleep(0)
            assert value == n and p.freed
            return n
        async def many():
            return await asyncio.gather(*[one(n) for n in range(50)])
        assert asyncio.run(many()) == list(range(50))
    """,
}


DEEP = "deep recursion with a raised limit"


@in_modes
@pytest.mark.parametrize("name", [name for name in PROGRAMS if name != DEEP])
def test_stack_functions_with_threads_exceptions_and_coroutines(
    name: str, mode: str, tmp_path: Path
) -> None:
    check_program(PROGRAMS[name], mode, tmp_path)


@in_modes
@pytest.mark.xfail(
    PYPY, reason="PyPy prints an error when its stack is full in a callback", strict=False
)
def test_deep_recursion_on_a_large_stack_raises(mode: str, tmp_path: Path) -> None:
    check_program(PROGRAMS[DEEP], mode, tmp_path)
