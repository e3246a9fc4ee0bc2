// SPDX-License-Identifier: MIT
/**
 * @file type.h
 * The type that all pointers are of: what its slots do.
 */
#ifndef POINTERS_CPYTHON_TYPE_H
#define POINTERS_CPYTHON_TYPE_H

#include <Python.h>

#include <stdbool.h>

#ifndef PYPY_VERSION

extern PyType_Spec ptrs_py_pointer_spec;

/**
 * Let the instances of a class that adds nothing to a pointer go without Python's detours.
 *
 * @return False if the class does add something.
 */
bool ptrs_py_make_plain(PyObject *type);

/** The same of a class whose instances have `size` bytes. */
bool ptrs_py_make_plain_of(PyObject *type, Py_ssize_t size);

/** For Python: whether the operators of a class are those of the C type, without a detour. */
PyObject *ptrs_py_is_direct(PyObject *module, PyObject *kind);

#endif
#endif
