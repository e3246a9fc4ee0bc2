// SPDX-License-Identifier: MIT
/**
 * @file stack.h
 * Functions that are called with stack memory.
 */
#ifndef POINTERS_CPYTHON_STACK_H
#define POINTERS_CPYTHON_STACK_H

#include <Python.h>

#ifndef PYPY_VERSION

#  include "access/stack_limit.h"

/** What this interpreter's recursion needs of the stack, from pointers/_pointer/stack_call.py. */
extern PtrsAccessStackNeeds ptrs_py_stack_needs;

/** The type of such functions; NULL until the module is loaded. */
extern PyTypeObject *ptrs_py_stack_function_type;
extern PyType_Spec ptrs_py_stack_function_spec;

/** For Python: call a function once: (size in bytes, alignment in bytes, function). */
PyObject *ptrs_py_call_once(PyObject *module, PyObject *args);

#endif
#endif
