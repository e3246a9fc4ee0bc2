// SPDX-License-Identifier: MIT
#include "cpython/trace.h"

#include "access/access.h"
#include "cpython/error.h"
#include "cpython/pointer.h"
#include "cpython/slow.h"

#ifndef PYPY_VERSION

// As in _traces.py
#  define DOMAIN 0x70747273U

// What PyTraceMalloc_Track() returns where tracemalloc is off
#  define IS_OFF (-2)

bool ptrs_py_traces;

// What tracemalloc knows a block by.  It takes the low bits, which are the same in all handles that
// a slot of the table has had: here, they depend on all the others.  No two handles get the same.
static uintptr_t
key_of(PtrsBlock block)
{
  const uint64_t product = (uint64_t)block * UINT64_C(0x9E3779B97F4A7C15);
  return (uintptr_t)(product ^ (product >> 32));
}

static bool
track(PtrsBlock block, size_t size)
{
  return PyTraceMalloc_Track(DOMAIN, key_of(block), size) != IS_OFF;
}

static void
untrack(PtrsBlock block)
{
  (void)PyTraceMalloc_Untrack(DOMAIN, key_of(block));
}

// Without memory or stack for it, the lines stay unknown.  A call for whose frame there is no
// memory is a SystemError of the interpreter's.
static bool
is_lacking(void)
{
  return PyErr_ExceptionMatches(PyExc_MemoryError) ||
         PyErr_ExceptionMatches(PyExc_RecursionError) || PyErr_ExceptionMatches(PyExc_SystemError);
}

static bool
call(PtrsPyId which, PtrsBlock block)
{
  PyObject *const number = PyLong_FromLongLong(block);
  PyObject *const result = number ? ptrs_py_slow_1(which, number) : NULL;
  Py_XDECREF(number);
  Py_XDECREF(result);
  if (!result && is_lacking()) {
    PyErr_Clear();
    return true;
  }
  return result;
}

bool
ptrs_py_trace_allocated(PtrsBlock block, size_t size)
{
  if (!track(block, size)) {
    return true;
  }
  __atomic_store_n(&ptrs_py_traces, true, __ATOMIC_RELAXED);
  return call(PTRS_PY_BLOCK_ALLOCATED, block);
}

void
ptrs_py_trace_undone(PtrsBlock block)
{
  PtrsPyError error;
  ptrs_py_error_take(&error);
  if (!ptrs_py_trace_freed(block)) {
    PyErr_Clear();
  }
  ptrs_py_error_put_back(&error);
}

// Another thread may free the block meanwhile, and have it forgotten before it is tracked
static void
track_if_it_lives(PtrsBlock block)
{
  const int64_t size = ptrs_access_size_of(block);
  if (size >= 0 && track(block, (size_t)size)) {
    __atomic_store_n(&ptrs_py_traces, true, __ATOMIC_RELAXED);
    if (ptrs_access_size_of(block) < 0) {
      untrack(block);
    }
  }
}

void
ptrs_py_trace_resized(PtrsBlock block)
{
  if (__atomic_load_n(&ptrs_py_traces, __ATOMIC_RELAXED)) {
    track_if_it_lives(block);
  }
}

PyObject *
ptrs_py_trace_made(PyObject *made)
{
  if (made && ptrs_py_is_pointer(made)) {
    track_if_it_lives(ptrs_py_block((PtrsPyPointer *)made));
  }
  return made;
}

bool
ptrs_py_forget(PtrsBlock block)
{
  untrack(block);
  return call(PTRS_PY_BLOCK_FREED, block);
}

PyObject *
ptrs_py_untrack(PyObject *module, PyObject *args)
{
  (void)module;
  long long block = 0;
  int is_last     = 0;
  if (!PyArg_ParseTuple(args, "Lp", &block, &is_last)) {
    return NULL;
  }
  untrack(block);
  if (is_last) {
    __atomic_store_n(&ptrs_py_traces, false, __ATOMIC_RELAXED);
  }
  Py_RETURN_NONE;
}

#endif
