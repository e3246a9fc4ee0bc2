// SPDX-License-Identifier: MIT
/**
 * @file slow.h
 * Python objects that the fast path calls: the slow path of each operation, and what makes
 * its errors.
 */
#ifndef POINTERS_CPYTHON_SLOW_H
#define POINTERS_CPYTHON_SLOW_H

#include "cpython/operations.h"

#ifndef PYPY_VERSION

/** The objects of the table, by number; NULL until they have been installed. */
extern PyObject *ptrs_py_objects[PTRS_PY_N_IDS];

/** Call a Python function with the arguments of the C function whose slow path it is. */
static inline PyObject *
ptrs_py_slow(PtrsPyId which, PyObject *const *args, Py_ssize_t n_args, PyObject *names)
{
  return PyObject_Vectorcall(ptrs_py_objects[which], args, (size_t)n_args, names);
}

/** The same for a method: its Python function takes `self` before the arguments. */
PyObject *ptrs_py_slow_method(
    PtrsPyId which, PyObject *self, PyObject *const *args, Py_ssize_t n_args, PyObject *names);

PyObject *ptrs_py_slow_1(PtrsPyId which, PyObject *a);
PyObject *ptrs_py_slow_2(PtrsPyId which, PyObject *a, PyObject *b);
PyObject *ptrs_py_slow_3(PtrsPyId which, PyObject *a, PyObject *b, PyObject *c);

/** Raise the exception that a Python function has made, or the one that it raised: NULL. */
PyObject *ptrs_py_raise(PyObject *error);

#endif
#endif
