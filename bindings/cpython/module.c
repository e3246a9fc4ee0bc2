// SPDX-License-Identifier: MIT
// The module `pointers._fastpath`: pointers whose state is in C, and their frequent operations
// over the same blocks and the same codec as the Python code.
//
// It is in the same shared object as the module that cffi makes, by a second init function
// (PEP 489): objects cannot leave through cffi itself, which knows no references and lets the
// interpreter go around every call.
//
// No interpreter call is made while a block is entered, and a thread that holds the interpreter
// never waits for a block (wait.h).
#include "cpython/allocator.h"
#include "cpython/check.h"
#include "cpython/default.h"
#include "cpython/export.h"
#include "cpython/factories.h"
#include "cpython/held_type.h"
#include "cpython/install.h"
#include "cpython/iterator.h"
#include "cpython/pointer.h"
#include "cpython/stack.h"
#include "cpython/trace.h"
#include "cpython/type.h"
#include "cpython/warnings.h"

#ifndef PYPY_VERSION

static PyObject *
set_stack_needs(PyObject *module, PyObject *args)
{
  (void)module;
  long long needs = 0;
  long long gives = 0;
  long long share = 0;
  if (!PyArg_ParseTuple(args, "LLL", &needs, &gives, &share)) {
    return NULL;
  }
  if (needs <= 0 || gives <= 0 || share <= 0) {
    PyErr_SetString(PyExc_ValueError, "all must be positive");
    return NULL;
  }
  const PtrsAccessStackNeeds given = {needs, gives, share};
  ptrs_py_stack_needs              = given;
  Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"install", ptrs_py_install, METH_O, NULL},
    {"install_late", ptrs_py_install_late, METH_O, NULL},
    {"set_stack_needs", set_stack_needs, METH_VARARGS, NULL},
    {"is_direct", ptrs_py_is_direct, METH_O, NULL},
    {"call_once", ptrs_py_call_once, METH_VARARGS, NULL},
    {"bind", ptrs_py_bind, METH_VARARGS, NULL},
    {"untrack", ptrs_py_untrack, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyTypeObject *
add_type(PyObject *module, const char *name, PyType_Spec *spec)
{
  PyObject *const type = PyType_FromSpec(spec);
  if (!type) {
    return NULL;
  }
  Py_INCREF(type);
  if (PyModule_AddObject(module, name, type)) {
    Py_DECREF(type);
    Py_DECREF(type);
    return NULL;
  }
  return (PyTypeObject *)type;
}

static int
exec_module(PyObject *module)
{
  // Its types belong to one interpreter, and are known by C variables
  if (ptrs_py_pointer_type || PyInterpreterState_Get() != PyInterpreterState_Main()) {
    PyErr_SetString(PyExc_ImportError,
                    "only the main interpreter has the fast path, and loads it once");
    return -1;
  }
  if (!ptrs_py_check_objects()) {
    PyErr_SetString(PyExc_ImportError,
                    "objects of this interpreter do not survive being stored and loaded, so that "
                    "the slower path in Python is used");
    return -1;
  }
  if (ptrs_py_warnings_init() || PyModule_AddFunctions(module, functions) ||
      PyModule_AddFunctions(module, ptrs_py_factories)) {
    return -1;
  }
  ptrs_py_slots_iterator_type = add_type(module, "SlotsIterator", &ptrs_py_slots_iterator_spec);
  ptrs_py_export_type         = add_type(module, "Export", &ptrs_py_export_spec);
  ptrs_py_stack_function_type = add_type(module, "StackFunction", &ptrs_py_stack_function_spec);
  ptrs_py_held_type           = add_type(module, "HeldTable", &ptrs_py_held_spec);
  ptrs_py_allocator_type      = add_type(module, "AllocatorBase", &ptrs_py_allocator_spec);
  ptrs_py_default_type        = add_type(module, "Default", &ptrs_py_default_spec);
  ptrs_py_pointer_type        = add_type(module, "PointerBase", &ptrs_py_pointer_spec);
  return ptrs_py_slots_iterator_type && ptrs_py_export_type && ptrs_py_stack_function_type &&
                 ptrs_py_held_type && ptrs_py_allocator_type && ptrs_py_default_type &&
                 ptrs_py_pointer_type
             ? 0
             : -1;
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
    .m_base  = PyModuleDef_HEAD_INIT,
    .m_name  = "pointers._fastpath",
    .m_doc   = "Pointers in C.",
    .m_slots = module_slots,
};

PyMODINIT_FUNC
PyInit__fastpath(void)
{
  return PyModuleDef_Init(&module_def);
}

#endif
