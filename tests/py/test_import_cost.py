# SPDX-License-Identifier: MIT
"""An import of the package loads no slow or rarely used module before it is needed."""

from __future__ import annotations

import ast
import gc
import sys
from pathlib import Path
from typing import Any

import pytest

import pointers
from pointers._ffi import fast
from pointers._later import later

PACKAGE = Path(__file__).parents[2] / "pointers"
compiled = pytest.mark.skipif(fast is None, reason="imports all at once")

#: Modules of Python that take as long to import as many modules of the package.
SLOW = (
    "collections",
    "ctypes",
    "dataclasses",
    "functools",
    "importlib",
    "inspect",
    "operator",
    "typing",
    "warnings",
    "weakref",
)
#: Modules of the package that the compiled path needs only in rare cases.
RARE = (
    "_alloc.heaps",
    "_alloc.labels",
    "_codec.layout",
    "_codec.load",
    "_codec.store",
    "_interop.adopted",
    "_pointer.arguments",
    "_pointer.bulk",
    "_pointer.finalizers",
    "_pointer.held",
    "_pointer.signature",
    "_pointer.stack_errors",
    "_pointer.text",
    "_pointer.unsafe",
    "_pointer.views",
    "_show.dump",
)


@compiled
def test_an_import_loads_no_rarely_used_module(run_python: Any) -> None:
    done = run_python(
        f"""
        import sys
        before = set(sys.modules)
        from pointers import malloc, free, calloc, Pointer
        ptr = malloc(64)
        ptr <<= 5
        assert ~ptr == 5 and ptr.size == 64
        free(ptr)
        array = calloc(3, 28)
        array[:] = [1, 2, 3]
        assert array.tolist() == [1, 2, 3]
        array.free()
        new = set(sys.modules) - before
        print([name for name in {SLOW!r} if name in new])
        print([name for name in {RARE!r} if "pointers." + name in new])
        """,
        "-S",  # the site module may import anything
        POINTERS_FAST="1",
        PYTHONPATH=":".join(path for path in sys.path if path),
    )
    assert (done.returncode, done.stdout) == (0, "[]\n[]\n"), done.stderr


@pytest.mark.parametrize("use", ["", "pointers.malloc(8).free()"])
def test_exit_imports_no_module_that_was_not_used(run_python: Any, use: str) -> None:
    done = run_python(
        f"""
        import atexit, sys
        # Registered before the package's own function, so that it runs after that function
        atexit.register(lambda: print("pointers._alloc.heaps" in sys.modules))
        import pointers
        {use}
        """
    )
    loaded = bool(use) and sys.implementation.name == "cpython"
    assert (done.returncode, done.stdout) == (0, f"{loaded}\n"), done.stderr


def test_dir_and_help_show_all_public_names(run_python: Any) -> None:
    done = run_python(
        """
        import pointers, pydoc
        assert set(pointers.__all__) <= set(dir(pointers))
        text = pydoc.plain(pydoc.render_doc(pointers))
        print([name for name in {*pointers.__all__, pointers.__version__} if name not in text])
        """
    )
    assert (done.returncode, done.stdout) == (0, "['__version__']\n"), done.stderr


def test_a_wrong_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'mallok'"):
        pointers.mallok  # type: ignore[attr-defined]


def _later_calls(tree: ast.Module) -> dict[str, set[str]]:
    """Return the names that calls of `later()` bind, by the module that they come from."""
    found: dict[str, set[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "later":
            _, module, functions = (ast.unparse(each).strip("'") for each in node.args)
            names = set(functions.split())
            for keyword in node.keywords:
                names |= set(ast.literal_eval(keyword.value))
            found.setdefault(module, set()).update(names)
    return found


def _imports(body: list[ast.stmt]) -> dict[str, set[str]]:
    return {
        str(node.module): {alias.name for alias in node.names}
        for node in body
        if isinstance(node, ast.ImportFrom)
    }


def test_later_binds_the_names_that_the_reference_path_imports() -> None:
    n_modules = 0
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        for node in tree.body:
            if isinstance(node, ast.If):
                rest = ast.Module(node.orelse, [])
                later = _later_calls(rest)
                if later:
                    n_modules += 1
                    assert later == _imports(node.body), path.name
    assert n_modules > 5


@compiled
def test_the_first_uses_may_come_from_several_threads(run_python: Any) -> None:
    done = run_python(
        """
        import sys, threading
        import pointers

        sys.setswitchinterval(1e-6)
        blocks = [pointers.malloc(64) for _ in range(8)]
        failures = []
        barrier = threading.Barrier(len(blocks))

        def use(ptr):
            try:
                barrier.wait()
                ptr ^= 2**70
                assert ~ptr == 2**70
                ptr <<= [1]
                assert ~ptr == [1] and "assigned" in repr(ptr)
                ptr.write_string("text", "latin-1")
                assert ptr.string("latin-1") == "text"
                assert ptr.allocator is pointers.System()
                assert pointers.Pool(28).malloc(28).size == 28
                assert pointers.stack_alloc(8)(lambda p: p.size)() == 8
                ptr.free()
                try:
                    ptr.free()
                except pointers.FreedMemoryError:
                    return
                raise AssertionError("freed twice")
            except BaseException as error:
                failures.append(repr(error))

        threads = [threading.Thread(target=use, args=[ptr]) for ptr in blocks]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        print(failures)
        """,
        "-W",
        "ignore",
    )
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr


@compiled
def test_a_late_import_that_failed_is_tried_again(run_python: Any) -> None:
    done = run_python(
        """
        import sys
        import pointers

        ptr = pointers.malloc(64)
        sys.modules["pointers._pointer.text"] = None  # the import fails, as by an interrupt
        try:
            ptr.write_string("text", "latin-1")
        except ImportError:
            del sys.modules["pointers._pointer.text"]
        ptr.write_string("text", "latin-1")
        assert ptr.string("latin-1") == "text"
        ptr.free()
        """
    )
    assert (done.returncode, done.stderr) == (0, "")


@compiled
@pytest.mark.parametrize("enabled", [True, False])
def test_the_collector_does_not_run_during_a_late_import(run_python: Any, enabled: bool) -> None:
    """A finalizer that needs the same module would find it half imported."""
    done = run_python(
        f"""
        import builtins, gc
        import pointers

        ptr = pointers.malloc(64)
        seen, real = [], builtins.__import__

        def watch(name, *rest):
            if name.startswith("pointers"):
                seen.append(gc.isenabled())
            return real(name, *rest)

        gc.enable() if {enabled} else gc.disable()
        builtins.__import__ = watch
        ptr.write_string("text", "latin-1")
        assert seen and not any(seen)
        assert gc.isenabled() is {enabled}
        ptr.free()
        """
    )
    assert (done.returncode, done.stderr) == (0, "")


@compiled
@pytest.mark.parametrize("enabled", [True, False])
def test_an_import_leaves_the_collector_as_it_was(
    monkeypatch: pytest.MonkeyPatch, enabled: bool
) -> None:
    """Where another thread's import has switched it off, that thread switches it on again."""
    calls: list[str] = []
    monkeypatch.setattr(gc, "isenabled", lambda: enabled)
    monkeypatch.setattr(gc, "disable", lambda: calls.append("disable"))
    monkeypatch.setattr(gc, "enable", lambda: calls.append("enable"))
    namespace: dict[str, Any] = {}
    later(namespace, "pointers._codec.layout", "sizeof")
    assert namespace["sizeof"](None) == pointers.sizeof(None)
    assert calls == (["disable", "enable"] if enabled else [])
