# SPDX-License-Identifier: MIT
"""dump() and layout(): they show the bytes as they are, and mark corrupt images."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pointers
from pointers import (
    CorruptObjectError,
    DereferenceError,
    Guard,
    acquire_stack_alloc,
    calloc,
    dump,
    free,
    layout,
    malloc,
    sizeof,
)

VALUES = [
    None, True, False, 0, 1, -5, 2**30, -(2**100), 10**400, 1.5, float("nan"), 2 - 3j, b"",
    b"raw\0", "", "text", "h\xe9llo", "\u0107" * 80, "\U00010307", "\ud800",
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=lambda value: ascii(value)[:20])
def test_a_dump_of_an_object_has_all_fields_of_its_image(value: Any) -> None:
    shown = dump(value)
    (image,) = shown.images
    assert (image.kind, image.size) == (type(value).__name__.replace("Type", ""), sizeof(value))
    assert image.wrong == ""
    # The fields cover all bytes of the image, in order
    assert [each.offset for each in image.fields] == sorted(each.offset for each in image.fields)
    assert sum(each.size for each in image.fields) == image.size
    assert shown.title == f"{type(value).__name__} object as it is stored, {sizeof(value)} bytes"


def test_the_text_of_a_dump() -> None:
    assert str(dump(-5)).splitlines() == [
        "int object as it is stored, 28 bytes",
        "       0  01 00 00 00 00 00 00 00  03 00 00 00 50 54 52 53  ............PTRS",
        "      16  0a 00 00 00 00 00 00 00  05 00 00 00              ............",
        "offset 0: int, 28 bytes: -5",
        "       0     8  refcount  1",
        "       8     8  type      int",
        "      16     8  tag       negative, 1 digit",
        "      24     4  digit 0   5",
    ]


def test_a_dump_of_a_block_finds_all_its_objects() -> None:
    with malloc(200) as ptr:
        ptr <<= "text"
        ptr[80] = ["an object"]
        ptr[120] = 2.5
        shown = ptr.dump()
        assert [(image.offset, image.kind) for image in shown.images] == [
            (0, "str"),
            (80, "reference"),
            (120, "float"),
        ]
        assert list(shown.values.values()) == ["'text'", "['an object']", "2.5"]
        assert shown.size == 200
        assert (ptr + 80).dump().images[0].offset == 0
        assert dump(ptr).to_dict() == shown.to_dict()
        # Equal rows are shown once
        assert "       *" in shown.hexdump()


def test_a_dump_of_an_array_shows_its_slots() -> None:
    with calloc(3, 48) as array:
        array[0] <<= 1
        array[2] <<= "last"
        shown = array.dump()
        assert shown.slots == [0, 48, 96]
        assert "slot 2, offset 96: str, 45 bytes: 'last'" in str(shown)
        assert [image.offset for image in shown.images] == [0, 96]
        assert array[1].dump().images == []
        assert "slot 1" in str(array[1].dump())
    with calloc(0, 8) as none, calloc(3, 0) as empty:
        assert none.dump().images == empty.dump().images == []


def test_stack_guarded_freed_large_and_empty_blocks_have_a_dump() -> None:
    shown = acquire_stack_alloc(64)(lambda ptr: ptr.move(5).dump())
    assert shown.values == {0: "5"}
    assert shown.facts[-1] == "memory on the C stack"
    guarded = Guard().malloc(28)
    guarded <<= 7
    assert guarded.dump().values == {0: "7"}
    free(guarded)
    assert str(guarded.dump()) == "AllocatedPointer, freed"
    with malloc(100_000) as large:
        assert "95904 more bytes" in str(large.dump())
    with malloc(0) as nothing:
        assert nothing.dump().images == []


def test_html_is_escaped() -> None:
    html = dump("<b>&")._repr_html_()
    assert "<b>&'" not in html.replace("<b>str", "")
    assert "&lt;b&gt;&amp;" in html
    with malloc(64) as ptr:
        ptr <<= "text"
        assert "<table>" in ptr._repr_html_()


class Unprintable:
    def __repr__(self) -> str:
        raise RuntimeError


def test_an_object_whose_repr_fails_is_shown_by_its_class() -> None:
    with malloc(16) as ptr:
        ptr <<= Unprintable()
        assert ptr.dump().values[0].startswith("<Unprintable instance at 0x")


@given(
    st.sampled_from(VALUES[:-2]),
    st.lists(st.tuples(st.integers(0, 500), st.integers(0, 255)), max_size=6),
    st.integers(0, 64),
)
def test_a_dump_of_corrupt_bytes_agrees_with_a_load(
    value: Any, changes: "list[tuple[int, int]]", cut: int
) -> None:
    """A dump never fails, and calls no image wrong that can be loaded."""
    size = max(1, sizeof(value) - cut)
    with malloc(sizeof(value)) as whole, malloc(size) as ptr:
        whole <<= value
        data = bytearray(whole.read()[:size])
        for at, byte in changes:
            data[at % size] = byte
        ptr.write(data)
        shown = ptr.dump()
        assert str(shown)
        assert shown._repr_html_()
        json.dumps(shown.to_dict())
        try:
            loaded = ~ptr
        except DereferenceError as error:
            if isinstance(error, CorruptObjectError) and shown.images:
                first = shown.images[0]
                assert first.offset or first.wrong or shown.values[0].startswith("no object")
        else:
            # An image may end in the capacity behind the size, which a dump does not show
            if sizeof(loaded) <= size:
                assert shown.images[0].wrong == "", loaded
                assert shown.images[0].size == sizeof(loaded)


@given(st.binary(max_size=200))
def test_any_bytes_have_a_dump(data: bytes) -> None:
    with malloc(len(data) + 40) as ptr:
        ptr.write(data + b"PTRS" + data[:30])
        assert str(ptr.dump())


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (int, ["refcount", "type", "tag", "digit 0"]),
        (float, ["refcount", "type", "value"]),
        (complex, ["refcount", "type", "real", "imag"]),
        (bytes, ["refcount", "type", "length", "hash", "data", "NUL"]),
        (str, ["refcount", "type", "length", "hash", "state", "padding", "text", "NUL"]),
        (type(None), ["refcount", "type"]),
        (list, ["key", "type"]),
    ],
)
def test_the_layout_of_a_type_has_its_fields(kind: type, names: "list[str]") -> None:
    shown = layout(kind)
    assert [each.name for each in shown.fields] == names
    assert str(shown).startswith(kind.__name__)
    assert "<table>" in shown._repr_html_()
    json.dumps(shown.to_dict())


def test_the_layout_of_an_object_tells_its_size_or_that_it_is_held() -> None:
    assert layout("text").sizes.startswith("45 bytes here")
    assert layout([]).title == "list, by reference"
    assert layout(pointers).title == "module, by reference"


def command(*arguments: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "pointers", *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        check=False,
    )


def test_dump_layout_and_info_are_commands(tmp_path: Path) -> None:
    done = command("dump", "-5".join(["(", ")"]), cwd=tmp_path)
    assert done.stdout == f"{dump(-5)}\n", done.stderr
    done = command("dump", "calloc(2, 28).fill(7)", "--json", cwd=tmp_path)
    assert [image["value"] for image in json.loads(done.stdout)["images"]] == ["7", "7"]
    assert done.stderr == ""
    done = command("layout", "complex", cwd=tmp_path)
    assert done.stdout == f"{layout(complex)}\n"
    told = json.loads(command("info", "--json", cwd=tmp_path).stdout)
    assert told["pointers"] == pointers.__version__
    assert {"interpreter", "operations", "images", "stack", "mappings", "mimalloc"} <= told.keys()
    assert told["operations"] in command("info", cwd=tmp_path).stdout


@pytest.mark.parametrize("expression", ["1 +", "nobody", "malloc(-1)", "1 / 0"])
def test_a_wrong_expression_gives_one_line_of_error(expression: str, tmp_path: Path) -> None:
    done = command("dump", expression, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"{expression}: ")
    assert len(done.stderr.splitlines()) == 1


def test_what_shows_is_equal_by_its_fields() -> None:
    assert dump(5) == dump(5) and dump(5) != dump(6) and dump(5) != 5
    assert layout(int) == layout(int) != layout(str)
    images = dump(5).images
    assert images[0].fields[0] == dump(5).images[0].fields[0] != images[0].fields[1]
    assert list(layout(int).to_dict()) == ["title", "sizes", "fields"]
    names = ["offset", "size", "name", "value", "wrong"]
    assert [list(each) for each in layout(None).to_dict()["fields"]] == [names, names]
    with pytest.raises(TypeError, match="unhashable"):
        hash(dump(5))


def test_what_shows_imports_little(run_python: Any) -> None:
    done = run_python(
        """
        import sys
        from pointers import dump, layout
        repr(dump(5)), repr(layout(int)), dump(5)._repr_html_()
        print([name for name in ("dataclasses", "html", "inspect") if name in sys.modules])
        """,
        "-S",
        PYTHONPATH=os.pathsep.join(path for path in sys.path if path),
    )
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr
