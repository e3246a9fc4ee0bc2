// SPDX-License-Identifier: MIT
/**
 * @file warnings.h
 * Whether a warning about a leaked pointer would be heard.  Up to the first filter that could
 * match, a warning costs nine times a pointer; by default a filter ignores it.
 */
#ifndef POINTERS_CPYTHON_WARNINGS_H
#define POINTERS_CPYTHON_WARNINGS_H

#include <Python.h>

#include <stdbool.h>

#ifndef PYPY_VERSION

/** To be called once, before the other; -1 with an exception. */
int ptrs_py_warnings_init(void);

/** Whether a ResourceWarning would surely be ignored, wherever it came from.  Runs no Python. */
bool ptrs_py_warnings_are_ignored(void);

#endif
#endif
