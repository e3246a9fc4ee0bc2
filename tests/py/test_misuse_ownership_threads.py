# SPDX-License-Identifier: MIT
"""Memory of C and for C, misused by threads and at the end of programs."""

from pathlib import Path

import pytest
from _misuse import check_program, in_modes

pytest.importorskip("ctypes")

# Each may take the process with it
PROGRAMS = {
    "freed in another thread amid a call": """
        import ctypes, os, threading
        from _foreign import LIBC
        reading, writing = os.pipe()
        read = ctypes.CDLL(None).read
        read.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t]
        def call(passed):
            counts.append(read(reading, passed, 64))
        for make in (
            lambda: malloc(64),
            lambda: calloc(4, 16),
            lambda: from_address(LIBC.malloc(64), 64, free=LIBC.free),
        ):
            p = make()
            passed = p._as_parameter_  # as ctypes takes it for the call
            counts = []
            thread = threading.Thread(target=call, args=[passed], daemon=True)
            thread.start()
            acts = [p.free, p.release, lambda: free(p), lambda: p[0].free()]
            acts += [] if type(p) is AdoptedPointer else [lambda: realloc(p, 16)]
            for act in acts:
                try:
                    act()
                except BufferError as error:
                    assert "in use" in str(error)
                else:
                    assert False, "it was freed amid the call"
            os.write(writing, b"arrived")
            thread.join()
            del thread, passed
            gc.collect()
            assert counts == [7] and p.read(7) == b"arrived"
            free(p)
    """,
    "given away by many threads": """
        from _foreign import free_with_argtypes
        from _together import together
        sys.setswitchinterval(1e-6)
        give_back = free_with_argtypes()
        for n in range(200):
            p = malloc(64).move([n])
            address = p.address
            results = together(*[p.release, (p + 0).release, p.free, p.release])
            refused = [r for r in results if isinstance(r, FreedMemoryError)]
            done = [r for r in results if r not in refused]
            assert len(refused) == 3 and len(done) == 1, results
            assert done[0] in (address, None), results
            if done[0] == address:
                give_back(address)
            p = None
    """,
    "adopted memory, freed and given back by many threads": """
        from _foreign import Buffer
        from _together import together
        sys.setswitchinterval(1e-6)
        buffer = Buffer()
        for n in range(200):
            p = from_address(buffer.address, 64, free=buffer.free, keepalive=[n]).move([n])
            results = together(*[p.release, (p + 0).release, p.free, (p + 0).free])
            refused = [r for r in results if isinstance(r, FreedMemoryError)]
            done = [r for r in results if r not in refused]
            assert len(refused) == 3 and len(done) == 1, results
            assert len(buffer.freed) == done.count(None), (results, buffer.freed)
            buffer.freed.clear()
    """,
    "an exit with memory of C, views of it, and functions that fail": """
        import ctypes
        from _foreign import LIBC, Buffer
        def fail(address):
            raise LookupError
        buffers = [Buffer() for _ in range(4)]
        kept = [
            from_address(LIBC.strdup(b"text"), 5, free=LIBC.free),
            from_address(buffers[0].address, 64, free=fail),
            from_address(buffers[1].address, 64, free=fail).cast(ctypes.c_int),
            from_address(buffers[2].address, 64, free=fail).view(),
            from_address(buffers[3].address, 64, keepalive=buffers),
        ]
        buffers[0].again = kept
        sys.unraisablehook = lambda args: None
    """,
}


@in_modes
@pytest.mark.parametrize("name", PROGRAMS)
def test_programs(name: str, mode: str, tmp_path: Path) -> None:
    check_program(PROGRAMS[name], mode, tmp_path, "-W", "ignore::ResourceWarning", timeout=60)
