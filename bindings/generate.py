# SPDX-License-Identifier: MIT
"""Write the C source of the extension module `pointers._core`.

The declarations are taken from the C headers, from between the comments
``cdef: begin`` and ``cdef: end``: there is no second copy that could drift.

Usage: generate.py OUTPUT HEADER...
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

MODULE = "pointers._core"

REGION = re.compile(r"/\* cdef: begin \*/(.*?)/\* cdef: end \*/", re.DOTALL)

# Declarations that only the binding has: constants whose values the C compiler finds, and
# the functions through which C enters Python.
EXTRA = """
#define PTRS_ALIGN_DEFAULT ...
#define PTRS_ALIGN_MAX ...
#define PTRS_DEPTH_MAX ...
extern "Python" void ptrs_access_enter_frame(PtrsBlock block, int64_t number);
extern "Python" void ptrs_access_block_ended(intptr_t token);
"""


def declarations(header: str) -> str:
    """Return the declarations that a header's text marks for the binding."""
    regions = REGION.findall(header)
    if not regions:
        raise ValueError("no region between 'cdef: begin' and 'cdef: end'")
    return "".join(region.replace("PTRS_API ", "") for region in regions)


def cdef(headers: list[str]) -> str:
    """Return the whole cdef from the paths of the headers, lowest layer first."""
    return "".join(declarations(Path(header).read_text("utf-8")) for header in headers)


def include_name(header: str) -> str:
    """Return the name by which the module's source includes a header."""
    return "/".join(Path(header).parts[-2:])


def main(output: str, headers: list[str]) -> None:
    """Write the module's source."""
    # Here, since the tests take the cdef from interpreters without cffi's parser
    from cffi import FFI

    ffi = FFI()
    ffi.cdef(cdef(headers) + EXTRA)
    source = "".join(f'#include "{include_name(header)}"\n' for header in headers)
    ffi.set_source(MODULE, source)
    ffi.emit_c_code(output)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
