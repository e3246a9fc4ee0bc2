# SPDX-License-Identifier: MIT
"""The binding's declarations are those of the C headers, and cannot drift from them."""

import ast
import importlib.util
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from pointers._ffi import ffi, lib, make_structs

ROOT = Path(__file__).resolve().parents[2]
CORE = ROOT / "core" / "include"
HEADERS = [
    (ROOT / "bindings" / name).resolve()
    for name in re.findall(
        r"^  '(.*\.h)',$", (ROOT / "bindings/meson.build").read_text(), re.MULTILINE
    )
]
OS_HEADERS = ("sys/", "pthread", "unistd", "signal", "fcntl", "dlfcn", "sched", "ucontext")
CC = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")

needs_cc = pytest.mark.skipif(CC is None, reason="no C compiler")


def load_generate() -> Any:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "bindings" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GENERATE = load_generate()


def functions(cdef: str) -> "dict[str, str]":
    """Return the function declarations of a cdef by name."""
    cdef = re.sub(r"/\*.*?\*/", "", cdef, flags=re.DOTALL)
    found = re.findall(r"^(?:const )?\w+[ *\n]+(ptrs_\w+)\(([^;]*)\);", cdef, re.MULTILINE)
    whole = re.findall(r"^((?:const )?\w+[ *\n]+ptrs_\w+\([^;]*\);)", cdef, re.MULTILINE)
    return dict(zip((name for name, _ in found), whole))


def compile_declarations(declarations: str, include: Path, tmp_path: Path) -> "tuple[int, str]":
    """Compile declarations behind the headers: the compiler refuses those that do not agree."""
    source = tmp_path / "drift.c"
    source.write_text(
        "".join(f'#include "{GENERATE.include_name(str(h))}"\n' for h in HEADERS) + declarations
    )
    done = subprocess.run(
        [
            CC, "-std=c11", "-fsyntax-only", "-Wall", "-Wextra", "-Werror",
            f"-I{include}", f"-I{ROOT / 'bindings'}", str(source),
        ],
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    return done.returncode, done.stderr


def test_the_binding_declares_every_function_of_the_headers() -> None:
    names = functions(GENERATE.cdef([str(header) for header in HEADERS]))
    in_module = {name for name in dir(lib) if name.startswith("ptrs_")}
    assert in_module == names.keys() | {"ptrs_access_enter_frame", "ptrs_access_block_ended"}
    for header in HEADERS:
        assert GENERATE.declarations(header.read_text("utf-8")).strip()


def test_a_header_without_a_region_is_refused() -> None:
    with pytest.raises(ValueError, match="cdef: begin"):
        GENERATE.declarations("int f(void);\n")


@needs_cc
def test_declarations_agree_with_the_headers(tmp_path: Path) -> None:
    declared = functions(GENERATE.cdef([str(header) for header in HEADERS]))
    code, errors = compile_declarations("\n".join(declared.values()), CORE, tmp_path)
    assert code == 0, errors


@needs_cc
@pytest.mark.parametrize(
    ("header", "old", "new", "name"),
    [
        ("block.h", "ptrs_block_realloc(PtrsBlock block, size_t size)",
         "ptrs_block_realloc(PtrsBlock block, int size)", "ptrs_block_realloc"),
        ("status.h", "const char *ptrs_strerror(PtrsStatus status)",
         "char *ptrs_strerror(PtrsStatus status)", "ptrs_strerror"),
        ("stack.h", "ptrs_stack_size(size_t *size)",
         "ptrs_stack_size(unsigned short *size)", "ptrs_stack_size"),
    ],
)  # fmt: skip
def test_a_changed_prototype_is_noticed(
    tmp_path: Path, header: str, old: str, new: str, name: str
) -> None:
    before = functions(GENERATE.cdef([str(h) for h in HEADERS]))
    include = tmp_path / "include"
    shutil.copytree(CORE, include)
    changed = include / "ptrs" / header
    text = changed.read_text("utf-8")
    assert old in text
    changed.write_text(text.replace(old, new), "utf-8")

    # Old declarations do not compile behind the new headers ...
    code, errors = compile_declarations("\n".join(before.values()), include, tmp_path)
    assert code != 0
    assert f"conflicting types for '{name}'" in re.sub("[\u2018\u2019]", "'", errors)

    # ... and the declarations of the binding have changed with the headers
    after = functions(GENERATE.declarations(changed.read_text("utf-8")))
    assert after[name] != before[name]
    code, errors = compile_declarations(after[name], include, tmp_path)
    assert code == 0, errors


def stub_names() -> "set[str]":
    tree = ast.parse((ROOT / "pointers" / "_core.pyi").read_text("utf-8"))
    (stub,) = (n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == "_Lib")
    return {n.name for n in stub.body if isinstance(n, ast.FunctionDef)} | {
        n.target.id
        for n in stub.body
        if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)
    }


def test_the_type_stub_names_nothing_that_the_module_lacks() -> None:
    assert stub_names() <= set(dir(lib))


def parameters(declaration: str) -> "list[str]":
    """Return the names of a C function's parameters."""
    inside = declaration[declaration.index("(") + 1 : declaration.rindex(")")]
    return [] if inside == "void" else re.findall(r"(\w+)\s*(?:,|$)", inside)


def annotations_of(c_type: Any) -> "set[str]":
    """Return the annotations that the stub may have for a C type."""
    if c_type.kind in ("pointer", "function"):
        # cffi takes bytes and other buffers where C takes bytes
        return {"CData", "Any", "bytes"} if c_type.cname in ("char *", "void *") else {"CData"}
    if c_type.kind == "void":
        return {"None"}
    return {{"_Bool": "bool", "double": "float"}.get(c_type.cname, "int")}


def test_the_type_stub_has_the_signatures_of_the_cdef() -> None:
    declared = functions(GENERATE.cdef([str(header) for header in HEADERS]))
    tree = ast.parse((ROOT / "pointers" / "_core.pyi").read_text("utf-8"))
    (stub,) = (n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == "_Lib")
    checked = 0
    for node in stub.body:
        if isinstance(node, ast.AnnAssign):
            assert isinstance(node.target, ast.Name)
            assert type(getattr(lib, node.target.id)) is int, node.target.id
        if isinstance(node, ast.FunctionDef):
            arguments = node.args.args[1:]
            c_type = ffi.typeof(getattr(lib, node.name))
            assert [a.arg for a in arguments] == parameters(declared[node.name]), node.name
            assert len(arguments) == len(c_type.args)
            wanted = [*map(annotations_of, c_type.args), annotations_of(c_type.result)]
            for annotation, names in zip(
                [a.annotation for a in arguments] + [node.returns], wanted
            ):
                assert annotation is not None
                assert ast.unparse(annotation) in names, node.name
            checked += 1
    assert checked > 60


def test_the_package_uses_nothing_that_the_stub_lacks() -> None:
    used: set[str] = set()
    for path in (ROOT / "pointers").rglob("*.py"):
        used |= set(re.findall(r"\blib\.(\w+)", path.read_text("utf-8")))
    assert "ptrs_access_load" in used
    assert used <= stub_names()


def test_only_one_file_imports_the_compiled_module() -> None:
    importers = [
        path.name
        for path in (ROOT / "pointers").rglob("*.py")
        if "pointers._core" in path.read_text("utf-8")
    ]
    assert importers == ["_ffi.py"]


def test_the_core_includes_neither_python_nor_the_bindings() -> None:
    for path in (*CORE.rglob("*.h"), *(ROOT / "core" / "src").rglob("*.[ch]")):
        includes = re.findall(r'^#\s*include\s+[<"](.*)[>"]', path.read_text("utf-8"), re.MULTILINE)
        assert not [name for name in includes if "Python" in name or "image" in name], path
        if path.parent.name != "os" and path.name != "stack.c":
            assert not [name for name in includes if name.startswith(OS_HEADERS)], path


def test_enumerations_have_the_values_of_the_headers() -> None:
    text = (CORE / "ptrs" / "status.h").read_text("utf-8")
    values = dict(re.findall(r"(PTRS_STATUS_\w+)\s*= (\d+)", text))
    assert len(values) == 17
    for name, value in values.items():
        assert getattr(lib, name) == int(value)
    messages = [ffi.string(lib.ptrs_strerror(int(value))) for value in values.values()]
    assert len(set(messages)) == len(messages)


def test_an_object_of_each_struct_can_be_made() -> None:
    """Free-threaded imports make these objects: threads that make the first at once crash cffi."""
    cdef = GENERATE.cdef([str(h) for h in HEADERS])
    cdef = re.sub(r"/\*.*?\*/", "", cdef, flags=re.DOTALL)
    structs = re.findall(r"^typedef struct[^;{]*\{[^}]*\} (\w+);", cdef, re.MULTILINE)
    opaque = re.findall(r"^typedef struct \w+ (\w+);", cdef, re.MULTILINE)
    assert {"PtrsAccessLoad", "PtrsStats"} <= set(structs)
    assert "PtrsAllocator" in opaque
    assert sorted(make_structs()) == sorted(structs)
