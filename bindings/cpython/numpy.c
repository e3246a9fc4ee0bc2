// SPDX-License-Identifier: MIT
// The module `pointers._numpy`: arrays of NumPy on our allocators.
//
// It is in the same shared object as the module that cffi makes, by an init function of its own,
// and is loaded when it is first asked for, with the fast path or without it.
//
// NumPy's headers are not needed: what is used of them is here, and has been the same since
// NumPy 1.22.  NumPy takes the functions for the data of arrays from a capsule that is the value
// of a context variable, and keeps the capsule with each array.  So a handler, and by it the
// allocator, lives for as long as its arrays.
#include "cpython/numpy.h"

#ifndef PYPY_VERSION

#  include <stdbool.h>

// Places in the table of NumPy's functions
enum {
  ABI_VERSION = 0,
  API_VERSION = 211,
  SET_HANDLER = 304,
  GET_HANDLER = 305,
  OWN_HANDLER = 306
};

static void **
table_of(PyObject *capsule)
{
  return (void **)PyCapsule_GetPointer(capsule, NULL);
}

// Make a handler the current one, and return what was it before
static PyObject *
set_handler(void **table, PyObject *handler)
{
  return ((PyObject * (*)(PyObject *)) table[SET_HANDLER])(handler);
}

static PyObject *
get_handler(void **table)
{
  return ((PyObject * (*)(void)) table[GET_HANDLER])();
}

// set(table, handler): make a handler the current one
static PyObject *
set_current(PyObject *module, PyObject *args)
{
  (void)module;
  PyObject *capsule = NULL;
  PyObject *handler = NULL;
  if (!PyArg_ParseTuple(args, "OO", &capsule, &handler)) {
    return NULL;
  }
  if (!PyCapsule_IsValid(handler, PTRS_PY_NUMPY_CAPSULE)) {
    return PyErr_Format(PyExc_TypeError, "a handler is needed, not %.100s",
                        Py_TYPE(handler)->tp_name);
  }
  void **const table     = table_of(capsule);
  PyObject *const before = table ? set_handler(table, handler) : NULL;
  if (!before) {
    return NULL;
  }
  Py_DECREF(before);
  Py_RETURN_NONE;
}

// current(table): the handler that is the current one
static PyObject *
current(PyObject *module, PyObject *capsule)
{
  (void)module;
  void **const table = table_of(capsule);
  return table ? get_handler(table) : NULL;
}

// own(table): the handler that NumPy starts with
static PyObject *
own(PyObject *module, PyObject *capsule)
{
  (void)module;
  void **const table = table_of(capsule);
  if (!table) {
    return NULL;
  }
  PyObject *const handler = *(PyObject **)table[OWN_HANDLER];
  Py_INCREF(handler);
  return handler;
}

// versions(table): those of its layout and of its contents
static PyObject *
versions(PyObject *module, PyObject *capsule)
{
  (void)module;
  void **const table = table_of(capsule);
  if (!table) {
    return NULL;
  }
  unsigned (*const abi)(void) = (unsigned (*)(void))table[ABI_VERSION];
  unsigned (*const api)(void) = (unsigned (*)(void))table[API_VERSION];
  return Py_BuildValue("II", abi(), api());
}

// A context variable's value, which stays for as long as the context does
static PyObject *
value_of(PyObject *variable)
{
  PyObject *value = NULL;
  if (PyContextVar_Get(variable, Py_None, &value)) {
    return NULL;
  }
  Py_DECREF(value);
  return value;
}

// Add (block, handler, token, entry before) to the entries of the context
static int
push(PyObject *entries, PyObject *block, PyObject *handler, PyObject *token)
{
  PyObject *last = NULL;
  if (PyContextVar_Get(entries, Py_None, &last)) {
    return -1;
  }
  PyObject *const entry = PyTuple_Pack(4, block, handler, token, last);
  PyObject *const set   = entry ? PyContextVar_Set(entries, entry) : NULL;
  Py_DECREF(last);
  Py_XDECREF(entry);
  Py_XDECREF(set);
  return set ? 0 : -1;
}

// enter(variable, entries, block, key): make the offered allocator that of the context, by NumPy's
// variable, and remember what to put back.  No interrupt can come in between.
static PyObject *
enter(PyObject *module, PyObject *args)
{
  (void)module;
  PyObject *variable = NULL;
  PyObject *entries  = NULL;
  PyObject *block    = NULL;
  long long key      = 0;
  if (!PyArg_ParseTuple(args, "O!O!OL", &PyContextVar_Type, &variable, &PyContextVar_Type, &entries,
                        &block, &key)) {
    return NULL;
  }
  PyObject *const handler = ptrs_py_numpy_handler(key);
  PyObject *const token   = handler ? PyContextVar_Set(variable, handler) : NULL;
  int status              = token ? push(entries, block, handler, token) : -1;
  if (token && status) {
    PyObject *kinds[3];
    PyErr_Fetch(&kinds[0], &kinds[1], &kinds[2]);
    (void)PyContextVar_Reset(variable, token);
    PyErr_Restore(kinds[0], kinds[1], kinds[2]);
  }
  Py_XDECREF(handler);
  Py_XDECREF(token);
  if (status) {
    return NULL;
  }
  Py_RETURN_NONE;
}

// Set a variable to what it was when a token was made; without a value, it has its default again.
// A token is of one context: in a copy of that, the value is set, and `unset` if there was none.
static int
put_back(PyObject *variable, PyObject *token, PyObject *unset)
{
  if (!PyContextVar_Reset(variable, token)) {
    return 0;
  }
  if (!PyErr_ExceptionMatches(PyExc_ValueError) && !PyErr_ExceptionMatches(PyExc_RuntimeError)) {
    return -1;
  }
  PyErr_Clear();
  PyObject *const before = PyObject_GetAttrString(token, "old_value");
  if (!before) {
    return -1;
  }
  const bool had_value = PyCapsule_IsValid(before, PTRS_PY_NUMPY_CAPSULE);
  PyObject *const set  = PyContextVar_Set(variable, had_value ? before : unset);
  Py_DECREF(before);
  Py_XDECREF(set);
  return set ? 0 : -1;
}

// leave(variable, entries, block, unset): undo enter(), and tell whether that was done.  It is not
// if the context's last entry is not of this block, or its handler is not the current one.
static PyObject *
leave(PyObject *module, PyObject *args)
{
  (void)module;
  PyObject *variable = NULL;
  PyObject *entries  = NULL;
  PyObject *block    = NULL;
  PyObject *unset    = NULL;
  if (!PyArg_ParseTuple(args, "O!O!OO", &PyContextVar_Type, &variable, &PyContextVar_Type, &entries,
                        &block, &unset)) {
    return NULL;
  }
  PyObject *const last = value_of(entries);
  PyObject *const now  = last ? value_of(variable) : NULL;
  if (!now) {
    return NULL;
  }
  if (!PyTuple_CheckExact(last) || PyTuple_GET_SIZE(last) != 4 ||
      PyTuple_GET_ITEM(last, 0) != block || PyTuple_GET_ITEM(last, 1) != now) {
    Py_RETURN_FALSE;
  }
  Py_INCREF(last); // until all of it has been used
  int status = put_back(variable, PyTuple_GET_ITEM(last, 2), unset);
  if (!status) {
    PyObject *const token = PyContextVar_Set(entries, PyTuple_GET_ITEM(last, 3));
    Py_XDECREF(token);
    status = token ? 0 : -1;
  }
  Py_DECREF(last);
  if (status) {
    return NULL;
  }
  Py_RETURN_TRUE;
}

static PyMethodDef functions[] = {
    {"versions", versions, METH_O, NULL},
    {"current", current, METH_O, NULL},
    {"own", own, METH_O, NULL},
    {"set", set_current, METH_VARARGS, NULL},
    {"enter", enter, METH_VARARGS, NULL},
    {"leave", leave, METH_VARARGS, NULL},
    {"find_default", ptrs_py_numpy_find_default, METH_VARARGS, NULL},
    {"start", ptrs_py_numpy_start, METH_VARARGS, NULL},
    {"stop", ptrs_py_numpy_stop, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static int
exec_module(PyObject *module)
{
  (void)module;
  // NumPy and its handlers are of one interpreter
  if (PyInterpreterState_Get() != PyInterpreterState_Main()) {
    PyErr_SetString(PyExc_ImportError, "only the main interpreter has NumPy's arrays");
    return -1;
  }
  return 0;
}

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, (void *)exec_module},
#  if PY_VERSION_HEX >= 0x030C0000
    {Py_mod_multiple_interpreters, Py_MOD_MULTIPLE_INTERPRETERS_NOT_SUPPORTED},
#  endif
#  if PY_VERSION_HEX >= 0x030D0000
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#  endif
    {0, NULL},
};

static struct PyModuleDef module_def = {
    .m_base    = PyModuleDef_HEAD_INIT,
    .m_name    = "pointers._numpy",
    .m_doc     = "NumPy's arrays on allocators.",
    .m_methods = functions,
    .m_slots   = module_slots,
};

PyMODINIT_FUNC
PyInit__numpy(void)
{
  return PyModuleDef_Init(&module_def);
}

#endif
