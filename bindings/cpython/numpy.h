// SPDX-License-Identifier: MIT
/**
 * @file numpy.h
 * What the files for NumPy's arrays on our allocators share.
 *
 * NumPy keeps its handler in a context variable.  A context in which the variable has no value
 * has the variable's default.  So a value is for one context, and the default for the process.
 */
#ifndef POINTERS_CPYTHON_NUMPY_H
#define POINTERS_CPYTHON_NUMPY_H

#include <Python.h>

#ifndef PYPY_VERSION

#  include <stdint.h>

#  define PTRS_PY_NUMPY_CAPSULE "mem_handler"

/** A capsule of a handler for the allocator that is offered under a key; NULL with an exception. */
PyObject *ptrs_py_numpy_handler(int64_t key);

/**
 * find_default(variable, entries, own, handler): find the place where NumPy's variable has its
 * default, and begin the list of entries with (None, own).
 *
 * @param own NumPy's own handler, which is the default.
 * @param handler Another one, which is the value in the current context: no cache of the variable
 *        has its default then.  To see whether the place is the right one, it is the default for
 *        a moment.
 * @return Whether the place is known.
 */
PyObject *ptrs_py_numpy_find_default(PyObject *module, PyObject *args);

/**
 * start(variable, entries, block, key): make the offered allocator that of all contexts that have
 * no handler of their own, and add (block, handler) to the list of entries.
 *
 * To be called once find_default() has found a place.
 */
PyObject *ptrs_py_numpy_start(PyObject *module, PyObject *args);

/**
 * stop(variable, entries, block): take the last entry of a block out, and make the handler of the
 * last entry that is left the default.  The first entry, of NumPy's own handler, stays.
 *
 * @return Whether the block had an entry.
 */
PyObject *ptrs_py_numpy_stop(PyObject *module, PyObject *args);

#endif
#endif
