// SPDX-License-Identifier: MIT
/**
 * @file value.h
 * Objects that are stored by value, to images and back.
 */
#ifndef POINTERS_CPYTHON_VALUE_H
#define POINTERS_CPYTHON_VALUE_H

#include <Python.h>

#ifndef PYPY_VERSION

#  include "access/access.h"

/**
 * Take the value of an object that is stored by value.
 *
 * @param[out] value Refers to the object's own bytes, which the object has to outlive.
 * @return False for all other objects, and for ints beyond 64 bits.
 */
bool ptrs_py_value_of(PyObject *obj, PtrsCodecValue *value);

/**
 * Store an object by value.
 *
 * @param bound Bytes that the store may take from `offset` on.
 * @return Its size in bytes, or a negated status: NOT_SUPPORTED if it is not stored by value.
 *         Never raises.
 */
int64_t ptrs_py_store_object(PtrsBlock block, Py_ssize_t offset, Py_ssize_t bound, PyObject *obj);

/**
 * Load an object that was stored by value; NULL with or without an exception.
 *
 * @param[out] key Set to the key of an object that was stored by reference, else left as it is.
 */
PyObject *ptrs_py_load_object(PtrsBlock block, Py_ssize_t offset, int64_t *key);

#endif
#endif
