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

#include "cpython/pointer.h"

#ifndef PYPY_VERSION

/** Its type; NULL until the module is loaded. */
extern PyTypeObject *ptrs_py_export_type;
extern PyType_Spec ptrs_py_export_spec;

/**
 * Pin the block of a pointer for as long as an object lives that is returned.
 *
 * @param[out] mem Where the pointer points to.
 * @param[out] size Bytes from there on.
 * @return A new reference, or NULL with an exception.
 */
PyObject *ptrs_py_new_pin(PtrsPyPointer *pointer, uint8_t **mem, Py_ssize_t *size);

#endif
#endif
