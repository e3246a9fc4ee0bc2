// SPDX-License-Identifier: MIT
#include "cpython/trace.h"

#include "cpython/slow.h"

#ifndef PYPY_VERSION

// As in _traces.py
#  define DOMAIN 0x70747273U

// What PyTraceMalloc_Track() returns where tracemalloc is off
#  define IS_OFF (-2)

bool ptrs_py_traces;

// Without memory or stack for it, the lines stay unknown
static bool
call(PtrsPyId which, PtrsBlock block)
{
  PyObject *const number = PyLong_FromLongLong(block);
  PyObject *const result = number ? ptrs_py_slow_1(which, number) : NULL;
  Py_XDECREF(number);
  Py_XDECREF(result);
  if (!result &&
      (PyErr_ExceptionMatches(PyExc_MemoryError) || PyErr_ExceptionMatches(PyExc_RecursionError))) {
    PyErr_Clear();
    return true;
  }
  return result;
}

bool
ptrs_py_trace_allocated(PtrsBlock block, size_t size)
{
  if (PyTraceMalloc_Track(DOMAIN, (uintptr_t)block, size) == IS_OFF) {
    return true;
  }
  __atomic_store_n(&ptrs_py_traces, true, __ATOMIC_RELAXED);
  return call(PTRS_PY_BLOCK_ALLOCATED, block);
}

void
ptrs_py_trace_resized(PtrsBlock block, size_t size)
{
  if (__atomic_load_n(&ptrs_py_traces, __ATOMIC_RELAXED)) {
    (void)PyTraceMalloc_Track(DOMAIN, (uintptr_t)block, size);
  }
}

bool
ptrs_py_forget(PtrsBlock block)
{
  (void)PyTraceMalloc_Untrack(DOMAIN, (uintptr_t)block);
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
  (void)PyTraceMalloc_Untrack(DOMAIN, (uintptr_t)block);
  if (is_last) {
    __atomic_store_n(&ptrs_py_traces, false, __ATOMIC_RELAXED);
  }
  Py_RETURN_NONE;
}

#endif
