// SPDX-License-Identifier: MIT
/**
 * @file factories.h
 * What Python calls to make pointers.
 */
#ifndef POINTERS_CPYTHON_FACTORIES_H
#define POINTERS_CPYTHON_FACTORIES_H

#include <Python.h>

#ifndef PYPY_VERSION

/** Functions of the module; each takes what the function of the same name in base.py takes. */
extern PyMethodDef ptrs_py_factories[];

#endif
#endif
