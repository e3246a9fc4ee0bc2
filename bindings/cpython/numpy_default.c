// SPDX-License-Identifier: MIT
// The handler of all threads and tasks: the default of NumPy's context variable.
//
// Nothing that is public changes the default of a context variable, so that it is changed in the
// object.  The functions in NumPy's own handler could be replaced instead, as far as arrays are
// made; but arrays keep the handler by which their memory is freed.  A changed handler would have
// to serve arrays from before and arrays of each allocator, and to know their addresses by heart,
// and could never be put back while one of them lives.  Behind a changed default, each array has
// the handler of its own allocator, and NumPy's own handler is as it always was.
#include "cpython/numpy.h"

#ifndef PYPY_VERSION

#  include <stdbool.h>
#  include <stddef.h>

// Only one thread at a time, where no lock of the interpreter does that
#  ifdef Py_GIL_DISABLED
#    define BEGIN_ALONE(obj) Py_BEGIN_CRITICAL_SECTION(obj)
#    define END_ALONE() Py_END_CRITICAL_SECTION()
#  else
#    define BEGIN_ALONE(obj) {
#    define END_ALONE() }
#  endif

static size_t place; // of the default in a context variable, in words; 0: not found yet

// Give a variable another default
static void
set_default(PyObject *variable, size_t at, PyObject *handler)
{
  PyObject **const slot = (PyObject **)(void *)variable + at;
  Py_INCREF(handler);
  PyObject *const before = __atomic_exchange_n(slot, handler, __ATOMIC_ACQ_REL);
#  ifdef Py_GIL_DISABLED
  // Another thread may have read the old one, and not have its reference yet: the handler stays
  (void)before;
#  else
  Py_DECREF(before); // an entry has it, too: nothing ends here
#  endif
}

// The one word of a context variable that is `value`; 0 if it is none or several
static size_t
find_word(PyObject *variable, const PyObject *value)
{
  PyObject *const *const words = (PyObject *const *)(void *)variable;
  const size_t n_words         = (size_t)PyContextVar_Type.tp_basicsize / sizeof(PyObject *);
  size_t found                 = 0;
  for (size_t i = sizeof(PyObject) / sizeof(PyObject *); i < n_words; ++i) {
    if (words[i] == value) {
      if (found) {
        return 0;
      }
      found = i;
    }
  }
  return found;
}

// Whether a context without a value sees `handler` once that is the default; 0, 1 or -1
static int
is_default(PyObject *variable, size_t at, PyObject *own, PyObject *handler, PyObject *empty)
{
  PyObject *seen = NULL;
  set_default(variable, at, handler);
  int status = PyContext_Enter(empty);
  if (!status) {
    const int got = PyContextVar_Get(variable, NULL, &seen);
    status        = PyContext_Exit(empty) || got ? -1 : 0;
  }
  set_default(variable, at, own);
  Py_XDECREF(seen);
  return status ? -1 : seen == handler;
}

PyObject *
ptrs_py_numpy_find_default(PyObject *module, PyObject *args)
{
  (void)module;
  PyObject *variable = NULL;
  PyObject *entries  = NULL;
  PyObject *own      = NULL;
  PyObject *handler  = NULL;
  if (!PyArg_ParseTuple(args, "O!O!OO", &PyContextVar_Type, &variable, &PyList_Type, &entries, &own,
                        &handler)) {
    return NULL;
  }
  PyObject *const empty = PyContext_New();
  PyObject *const first = empty ? PyTuple_Pack(2, Py_None, own) : NULL;
  int status            = -1;
  if (first) {
    BEGIN_ALONE(entries);
    const size_t at = place ? 0 : find_word(variable, own);
    status          = at ? is_default(variable, at, own, handler, empty) : 0;
    if (status > 0) {
      place = at;
    }
    if (status >= 0 && place && !PyList_GET_SIZE(entries)) {
      status = PyList_Append(entries, first);
    }
    END_ALONE();
  }
  Py_XDECREF(empty);
  Py_XDECREF(first);
  return status < 0 ? NULL : PyBool_FromLong(place != 0);
}

PyObject *
ptrs_py_numpy_start(PyObject *module, PyObject *args)
{
  (void)module;
  PyObject *variable = NULL;
  PyObject *entries  = NULL;
  PyObject *block    = NULL;
  long long key      = 0;
  if (!PyArg_ParseTuple(args, "O!O!OL", &PyContextVar_Type, &variable, &PyList_Type, &entries,
                        &block, &key)) {
    return NULL;
  }
  PyObject *const handler = place ? ptrs_py_numpy_handler(key) : PyErr_NoMemory();
  PyObject *const entry   = handler ? PyTuple_Pack(2, block, handler) : NULL;
  int status              = -1;
  if (entry) {
    BEGIN_ALONE(entries);
    status = PyList_Append(entries, entry);
    if (!status) {
      set_default(variable, place, handler);
    }
    END_ALONE();
  }
  Py_XDECREF(handler);
  Py_XDECREF(entry);
  if (status) {
    return NULL;
  }
  Py_RETURN_NONE;
}

// The index of the last entry of a block; 0 if there is none
static Py_ssize_t
find_entry(PyObject *entries, const PyObject *block)
{
  Py_ssize_t i = PyList_GET_SIZE(entries) - 1;
  while (i > 0 && PyTuple_GET_ITEM(PyList_GET_ITEM(entries, i), 0) != block) {
    --i;
  }
  return i > 0 ? i : 0;
}

PyObject *
ptrs_py_numpy_stop(PyObject *module, PyObject *args)
{
  (void)module;
  PyObject *variable = NULL;
  PyObject *entries  = NULL;
  PyObject *block    = NULL;
  if (!PyArg_ParseTuple(args, "O!O!O", &PyContextVar_Type, &variable, &PyList_Type, &entries,
                        &block)) {
    return NULL;
  }
  PyObject *entry = NULL;
  int status      = 0;
  BEGIN_ALONE(entries);
  const Py_ssize_t i = find_entry(entries, block);
  if (i) {
    // Kept until all is done: with its handler an allocator may go, which takes time
    entry = PyList_GET_ITEM(entries, i);
    Py_INCREF(entry);
    status = PyList_SetSlice(entries, i, i + 1, NULL);
    if (!status) {
      PyObject *const last = PyList_GET_ITEM(entries, PyList_GET_SIZE(entries) - 1);
      set_default(variable, place, PyTuple_GET_ITEM(last, 1));
    }
  }
  END_ALONE();
  Py_XDECREF(entry);
  return status ? NULL : PyBool_FromLong(entry != NULL);
}

#endif
