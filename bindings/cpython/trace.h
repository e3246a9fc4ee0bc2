// SPDX-License-Identifier: MIT
/**
 * @file trace.h
 * Blocks in a domain of their own of tracemalloc, each by its handle, and the lines that allocate
 * and free them.  As long as tracemalloc has not been on, this looks at a flag.
 */
#ifndef POINTERS_CPYTHON_TRACE_H
#define POINTERS_CPYTHON_TRACE_H

#include <Python.h>

#include <stdbool.h>

#ifndef PYPY_VERSION

#  include "ptrs/block.h"

/** Whether blocks that live may have been traced. */
extern bool ptrs_py_traces;

/** Trace a new block if tracemalloc is on; false with an exception, as of a signal handler. */
bool ptrs_py_trace_allocated(PtrsBlock block, size_t size);

/** Forget a new block that has been freed again; an exception that is under way survives. */
void ptrs_py_trace_undone(PtrsBlock block);

/** Tell tracemalloc the new size of a block that may be traced. */
void ptrs_py_trace_resized(PtrsBlock block);

/** Return `made`: a pointer whose lines a Python function has noted, for a new block, or NULL. */
PyObject *ptrs_py_trace_made(PyObject *made);

/** Forget a block that has ended; false with an exception.  For ptrs_py_trace_freed(). */
bool ptrs_py_forget(PtrsBlock block);

static inline bool
ptrs_py_trace_freed(PtrsBlock block)
{
  return !__atomic_load_n(&ptrs_py_traces, __ATOMIC_RELAXED) || ptrs_py_forget(block);
}

/** untrack(handle, is_last): let tracemalloc forget a block; `is_last`: none is traced any more. */
PyObject *ptrs_py_untrack(PyObject *module, PyObject *args);

#endif
#endif
