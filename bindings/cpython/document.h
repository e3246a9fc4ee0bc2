// SPDX-License-Identifier: MIT
/**
 * @file document.h
 * Documentation of what is made in C, from the docstrings of the Python functions.
 */
#ifndef POINTERS_CPYTHON_DOCUMENT_H
#define POINTERS_CPYTHON_DOCUMENT_H

#include <Python.h>

#ifndef PYPY_VERSION

/**
 * Documentation of a C function that shows a signature, with the text of a Python function's.
 *
 * @return NULL with an exception; is never freed.
 */
char *ptrs_py_signed_doc(const char *name, const char *signature, PyObject *function);

/** The text of a Python function; as above. */
char *ptrs_py_doc(PyObject *function);

/**
 * An operator of the type of pointers for a class, with the text of a Python function's.
 *
 * Python describes an operator in the same few words for all types.  A method of that name
 * with words of its own would make it slow, since the interpreter would look the method up at
 * each use.  So this is Python's own descriptor with another text.
 */
PyObject *ptrs_py_documented(PyTypeObject *kind, const char *name, PyObject *function);

#endif
#endif
