// SPDX-License-Identifier: MIT
/**
 * @file default.h
 * The allocator that is the default in a context, as of a thread or a task.
 */
#ifndef POINTERS_CPYTHON_DEFAULT_H
#define POINTERS_CPYTHON_DEFAULT_H

#include <Python.h>

#include <stdbool.h>

#ifndef PYPY_VERSION

#  include "ptrs/allocator.h"

/** The type of the values of the context variable; NULL until the module has been made. */
extern PyTypeObject *ptrs_py_default_type;

extern PyType_Spec ptrs_py_default_spec;

/** An allocator and the object that keeps it. */
typedef struct {
  PtrsAllocator *allocator;
  PyObject *keeps; /* a reference, to be released by the caller; NULL: its arguments keep it */
} PtrsPySource;

/**
 * Find the allocator that serves a request; runs no Python.
 *
 * @param given What the caller of Python has named: an allocator, None, or NULL for the default.
 * @return False without an exception: this is for the slow path.
 */
bool ptrs_py_source(PyObject *given, PtrsPySource *source);

#endif
#endif
