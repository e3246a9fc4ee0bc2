// SPDX-License-Identifier: MIT
#include "cpython/warnings.h"

#ifndef PYPY_VERSION

static PyObject *modules;     // sys.modules
static PyObject *warnings;    // "warnings"
static PyObject *filters;     // "filters"
static PyObject *ignore;      // "ignore"
static PyObject *zero;        // 0
static PyObject *context_var; // of filters that are a context's own; or NULL

int
ptrs_py_warnings_init(void)
{
  modules = PyImport_GetModuleDict();
  Py_XINCREF(modules);
  warnings = PyUnicode_InternFromString("warnings");
  filters  = PyUnicode_InternFromString("filters");
  ignore   = PyUnicode_InternFromString("ignore");
  zero     = PyLong_FromLong(0);
#  if PY_VERSION_HEX >= 0x030E0000
  PyObject *const module = PyImport_ImportModule("_warnings");
  context_var            = module ? PyObject_GetAttrString(module, "_warnings_context") : NULL;
  Py_XDECREF(module);
  // Without it, no filter is believed
  PyErr_Clear();
#  endif
  return modules && warnings && filters && ignore && zero ? 0 : -1;
}

// A new reference, or NULL without an exception
static PyObject *
get(PyObject *dict, PyObject *key)
{
  PyObject *value = NULL;
#  if PY_VERSION_HEX >= 0x030D0000
  const int found = PyDict_GetItemRef(dict, key, &value);
  if (found < 0) {
    PyErr_Clear();
  }
#  else
  value = PyDict_GetItemWithError(dict, key);
  Py_XINCREF(value);
  if (!value) {
    PyErr_Clear();
  }
#  endif
  return value;
}

static PyObject *
get_filter(PyObject *list, Py_ssize_t i)
{
#  if PY_VERSION_HEX >= 0x030D0000
  PyObject *const filter = PyList_GetItemRef(list, i);
  if (!filter) {
    PyErr_Clear();
  }
  return filter;
#  else
  PyObject *const filter = PyList_GET_ITEM(list, i);
  Py_INCREF(filter);
  return filter;
#  endif
}

// Whether the filters in force are those of the module, and no context's
static bool
are_global(void)
{
#  if PY_VERSION_HEX >= 0x030E0000
  PyObject *context = NULL;
  if (!context_var || PyContextVar_Get(context_var, NULL, &context)) {
    PyErr_Clear();
    return false;
  }
  Py_XDECREF(context);
  return !context;
#  else
  return !context_var;
#  endif
}

typedef enum { PASSES_BY, IGNORES, MAY_TELL } Verdict;

// A class that is not made by another metaclass, which could claim anything
static Verdict
ask_category(PyObject *category)
{
  if (category == PyExc_ResourceWarning || category == PyExc_Warning ||
      category == PyExc_Exception || category == PyExc_BaseException ||
      category == (PyObject *)&PyBaseObject_Type) {
    return IGNORES;
  }
  return PyType_CheckExact(category) ? PASSES_BY : MAY_TELL;
}

// What a filter, (action, message, category, module, line), makes of a warning.
// Runs no Python: whatever could is for the warnings module to ask.
static Verdict
ask(PyObject *filter)
{
  if (!PyTuple_CheckExact(filter) || PyTuple_GET_SIZE(filter) != 5) {
    return MAY_TELL;
  }
  const Verdict verdict = ask_category(PyTuple_GET_ITEM(filter, 2));
  if (verdict != IGNORES) {
    return verdict;
  }
  // Both are the interpreter's own objects wherever warnings.py has made the filter
  return PyTuple_GET_ITEM(filter, 0) == ignore && PyTuple_GET_ITEM(filter, 1) == Py_None &&
                 PyTuple_GET_ITEM(filter, 3) == Py_None && PyTuple_GET_ITEM(filter, 4) == zero
             ? IGNORES
             : MAY_TELL;
}

bool
ptrs_py_warnings_are_ignored(void)
{
  Verdict verdict      = PASSES_BY;
  PyObject *const from = are_global() ? get(modules, warnings) : NULL;
  PyObject *const list = from && PyModule_Check(from) ? get(PyModule_GetDict(from), filters) : NULL;
  if (list && PyList_CheckExact(list)) {
    for (Py_ssize_t i = 0; verdict == PASSES_BY && i < PyList_GET_SIZE(list); ++i) {
      PyObject *const filter = get_filter(list, i);
      verdict                = filter ? ask(filter) : MAY_TELL;
      Py_XDECREF(filter);
    }
  }
  Py_XDECREF(list);
  Py_XDECREF(from);
  return verdict == IGNORES;
}

#endif
