// SPDX-License-Identifier: MIT
/**
 * @file allocator.h
 * The base of the Python classes of allocators.
 *
 * An object of it knows its allocator in C, which Python can neither set nor change.  Those that
 * know none are served by the slow path: what object.__new__() has made, and guards, whose
 * blocks are told where in the program they were allocated.
 */
#ifndef POINTERS_CPYTHON_ALLOCATOR_H
#define POINTERS_CPYTHON_ALLOCATOR_H

#include <Python.h>

#ifndef PYPY_VERSION

#  include "ptrs/allocator.h"

/** The type of the base; NULL until the module has been made. */
extern PyTypeObject *ptrs_py_allocator_type;

extern PyType_Spec ptrs_py_allocator_spec;

/** The allocator of an object that stays as long as the object; NULL if it is for the slow path. */
PtrsAllocator *ptrs_py_known_allocator(PyObject *obj);

/** bind(allocator, key): let an object of the base know the allocator that is offered; whether it
    took that. */
PyObject *ptrs_py_bind(PyObject *module, PyObject *args);

#endif
#endif
