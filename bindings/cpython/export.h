// SPDX-License-Identifier: MIT
/**
 * @file export.h
 * What lends the memory of a block as a buffer: an object that holds a pin.
 *
 * It is not the pointer, so that a pointer can go while a view lives; the block then goes with
 * its last export.
 */
#ifndef POINTERS_CPYTHON_EXPORT_H
#define POINTERS_CPYTHON_EXPORT_H

#include <Python.h>

#ifndef PYPY_VERSION

/** Its type; NULL until the module is loaded. */
extern PyTypeObject *ptrs_py_export_type;
extern PyType_Spec ptrs_py_export_spec;

#endif
#endif
