// SPDX-License-Identifier: MIT
/**
 * @file iterator.h
 * The iterator over the slots of an array.
 */
#ifndef POINTERS_CPYTHON_ITERATOR_H
#define POINTERS_CPYTHON_ITERATOR_H

#include <Python.h>

#ifndef PYPY_VERSION

/** Its type; NULL until the module is loaded. */
extern PyTypeObject *ptrs_py_slots_iterator_type;
extern PyType_Spec ptrs_py_slots_iterator_spec;

#endif
#endif
