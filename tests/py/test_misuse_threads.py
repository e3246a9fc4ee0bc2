# SPDX-License-Identifier: MIT
"""Threads that misuse one block at the same time do no harm; each test has its own process."""

import textwrap
from pathlib import Path

import pytest
from _misuse import check_program, in_modes
from _races import SECONDS

TOGETHER = """
import itertools, threading, time
from _together import together
sys.setswitchinterval(1e-6)
def until(function):
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        function()
"""

PROGRAMS = {
    "double free": """
        for n in range(300):
            p = malloc(64).move([n]) if n % 2 else calloc(4, 16).fill(None)
            results = together(p.free, lambda: free(p + 0), lambda: free(p), lambda: p[0].free())
            assert results.count(None) == 1, results
            assert sum(type(r) is FreedMemoryError for r in results) == 3, results
    """,
    "one iterator": """
        a = calloc(64, 28)
        for _ in range(200):
            slots = iter(a)
            def take():
                found = []
                while True:
                    try:
                        found.append(next(slots).index)
                    except StopIteration:
                        return found
                    except ValueError:
                        pass  # the reference path has an iterator that serves one thread at a time
            assert sorted(sum(together(take, take, take), [])) == list(range(64))
        free(a)
    """,
    "use against free": """
        def use(p):
            def run():
                for n in range(300):
                    try:
                        assert ~p == "text", "a wrong value"
                        p.read(), p.write(b""), p.size, str(p)
                        memcpy(q, p, 40)
                    except FreedMemoryError:
                        return "freed"
                    except (IndexError, DereferenceError) as error:
                        return error
            return run
        q = malloc(64)
        for _ in range(60):
            p = malloc(64).move("text")
            results = together(use(p), use(p + 0), lambda: (time.sleep(1e-3), free(p))[1])
            assert results[2] is None and set(results[:2]) <= {"freed", None}, results
        free(q)
    """,
    "stores against free never reach the next block": """
        for _ in range(60):
            p = malloc(64).move(0)
            def store():
                try:
                    for n in itertools.count():
                        p.move(n)
                        p.move([n])
                        memset(p, 255, 64)
                except FreedMemoryError:
                    return "freed"
            def replace():
                time.sleep(1e-3)
                free(p)
                others = [malloc(64) for _ in range(20)]
                good = all(o.read() == bytes(64) for o in others for _ in range(5))
                for o in others:
                    free(o)
                return good
            assert together(store, store, replace) == ["freed", "freed", True]
    """,
    "use against realloc": """
        p = malloc(64).move("text")
        far = malloc(5000)
        objects = [[1], [2]]
        def resize():
            until(lambda: (realloc(p, 200_000), realloc(p, 64)))
        def load():
            def one():
                assert ~p == "text" and p.read(45)[-5:] == b"text\\0"
                memcpy(far, p, 64)
            until(one)
        def reach():
            def one():
                try:
                    p[1000].move(objects[0])
                    assert ~p[1000] is objects[0]
                except (IndexError, InvalidSizeError, DereferenceError):
                    pass
            until(one)
        results = together(resize, load, load, reach)
        assert results == [None] * 4, results
        free(p), free(far)
    """,
    "stores against stores": """
        values = ["a" * 2000, "b" * 2000, b"c" * 2000, 10**1500, 1.5, None, "\\u0107" * 900]
        p = malloc(2200).move(None)
        def store(order):
            rotation = itertools.cycle(order)
            return lambda: until(lambda: p.move(next(rotation)))
        def load():
            def one():
                value = ~p
                assert any(type(value) is type(v) and value == v for v in values), value
            until(one)
        results = together(store(values), store(values[::-1]), load, load)
        assert results == [None] * 4, results
        free(p)
    """,
    "raw stores against raw stores": """
        p, q = malloc(3000), malloc(3000)
        def load():
            def one():
                assert len(set(p.read())) == 1 and len(set(q.read())) == 1
            until(one)
        results = together(
            lambda: until(lambda: memset(p, 1, 3000)),
            lambda: until(lambda: p.write(b"z" * 3000)),
            lambda: until(lambda: (memcpy(p, q, 3000), memcpy(q, p, 3000))),
            load,
        )
        assert results == [None] * 4, results
        free(p), free(q)
    """,
    "references against values": """
        objects = [[1], {2: 3}, object()]
        p = malloc(64).move(0)
        def store(values):
            rotation = itertools.cycle(values)
            return lambda: until(lambda: p.move(next(rotation)))
        def load():
            def one():
                value = ~p
                assert value == 0 or value == "text" or any(value is o for o in objects), value
            until(one)
        results = together(store(objects), store([0, "text"]), store(objects[::-1]), load)
        assert results == [None] * 4, results
        free(p)
    """,
    "arrays against bulk stores and realloc": """
        a = calloc(50, 28).fill(0)
        def load():
            def one():
                assert len(set(a.tolist())) <= 1
            until(one)
        def fill(n):
            def one():
                try:
                    a.fill(n)
                except (InvalidSizeError, IndexError, ValueError):
                    pass
            return lambda: until(one)
        results = together(fill(1), fill(2), load)
        assert results == [None] * 3, results
        def resize():
            until(lambda: (realloc(a, 28 * 10), realloc(a, 28 * 50)))
        def each():
            def one():
                for s in a:
                    try:
                        assert ~s in (1, 2)
                    except (DereferenceError, IndexError):
                        pass
            until(one)
        results = together(resize, fill(1), each)
        assert results == [None] * 3, results
        free(a)
    """,
    "each other's blocks": """
        import queue
        queues = [queue.Queue() for _ in range(4)]
        def work(n):
            def run():
                for number in range(2000):
                    queues[(n + 1) % 4].put(malloc(16 + number % 200).move(None))
                    try:
                        p = queues[n].get_nowait()
                    except queue.Empty:
                        continue
                    assert ~p is None
                    free(p)
            return run
        results = together(*[work(n) for n in range(4)])
        assert results == [None] * 4, results
        for q in queues:
            while not q.empty():
                q.get().free()
    """,
}


@in_modes
@pytest.mark.parametrize("name", PROGRAMS)
def test_threads_do_no_harm(name: str, mode: str, tmp_path: Path) -> None:
    program = f"SECONDS = {SECONDS}\n{TOGETHER}{textwrap.dedent(PROGRAMS[name])}"
    check_program(program, mode, tmp_path)
