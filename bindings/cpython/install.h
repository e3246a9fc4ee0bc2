// SPDX-License-Identifier: MIT
/**
 * @file install.h
 * Puts the operations of the table into the place of the Python functions.
 */
#ifndef POINTERS_CPYTHON_INSTALL_H
#define POINTERS_CPYTHON_INSTALL_H

#include <Python.h>

#ifndef PYPY_VERSION

/**
 * For Python: take what the table names from a dict by name, and give the classes in it the
 * compiled methods and operators.
 *
 * @param namespace The dict, with the classes, helpers and functions of the table.
 * @return A dict of the compiled functions by name, which are for the caller to put into their
 *         modules.  NULL with LookupError if a name is missing, with TypeError if an object is
 *         of a wrong kind, and with RuntimeError if the operations have been installed.
 */
PyObject *ptrs_py_install(PyObject *module, PyObject *namespace);

/** For Python: the same with what the table has of memory that something else has allocated. */
PyObject *ptrs_py_install_late(PyObject *module, PyObject *namespace);

#endif
#endif
