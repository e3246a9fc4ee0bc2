// SPDX-License-Identifier: MIT
/**
 * @file check.h
 * Whether this interpreter's objects are what the fast path takes them for.
 */
#ifndef POINTERS_CPYTHON_CHECK_H
#define POINTERS_CPYTHON_CHECK_H

#include <Python.h>

#include <stdbool.h>

#ifndef PYPY_VERSION

/** Whether samples of all types come through value.h unharmed.  Never raises. */
bool ptrs_py_check_objects(void);

#endif
#endif
