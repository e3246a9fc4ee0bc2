// SPDX-License-Identifier: MIT
// What Python calls to make pointers.  A handle that names no block, or a place
// outside of it, is found out by whatever is done with the pointer.
#include "cpython/factories.h"

#include "cpython/adopt.h"
#include "cpython/held.h"
#include "cpython/pointer.h"

#ifndef PYPY_VERSION

static bool
is_pointer_class(PyObject *kind)
{
  if (PyType_Check(kind) && PyType_IsSubtype((PyTypeObject *)kind, ptrs_py_pointer_type)) {
    return true;
  }
  PyErr_SetString(PyExc_TypeError, "a class of pointers is needed");
  return false;
}

static bool
is_pointer(PyObject *obj)
{
  if (ptrs_py_is_pointer(obj)) {
    return true;
  }
  PyErr_Format(PyExc_TypeError, "a pointer is needed, not %.100s", Py_TYPE(obj)->tp_name);
  return false;
}

static bool
is_position(Py_ssize_t number)
{
  if (number >= 0) {
    return true;
  }
  PyErr_SetString(PyExc_ValueError, "a position cannot be negative");
  return false;
}

static PyObject *
new_owner(PyObject *module, PyObject *args)
{
  (void)module;
  PyObject *kind  = NULL;
  long long block = 0;
  if (!PyArg_ParseTuple(args, "OL", &kind, &block) || !is_pointer_class(kind)) {
    return NULL;
  }
  return (PyObject *)ptrs_py_new_pointer(kind, block, true);
}

static PyObject *
new_stack(PyObject *module, PyObject *args)
{
  (void)module;
  PyObject *kind  = NULL;
  long long block = 0;
  if (!PyArg_ParseTuple(args, "OL", &kind, &block) || !is_pointer_class(kind)) {
    return NULL;
  }
  return (PyObject *)ptrs_py_new_pointer(kind, block, false);
}

static PyObject *
new_array(PyObject *module, PyObject *args)
{
  (void)module;
  PyObject *kind       = NULL;
  long long block      = 0;
  Py_ssize_t slot_size = 0;
  Py_ssize_t count     = 0;
  if (!PyArg_ParseTuple(args, "OLnn", &kind, &block, &slot_size, &count) ||
      !is_pointer_class(kind) || !is_position(slot_size) || !is_position(count)) {
    return NULL;
  }
  return (PyObject *)ptrs_py_new_array(kind, block, slot_size, count);
}

static PyObject *
new_alias(PyObject *module, PyObject *args)
{
  (void)module;
  PyObject *pointer = NULL;
  Py_ssize_t offset = 0;
  if (!PyArg_ParseTuple(args, "On", &pointer, &offset) || !is_pointer(pointer) ||
      !is_position(offset)) {
    return NULL;
  }
  return ptrs_py_new_alias((PtrsPyPointer *)pointer, Py_TYPE(pointer), offset);
}

static PyObject *
new_slot_by(PyObject *(*make)(PtrsPyPointer *, PyObject *, Py_ssize_t), PyObject *args)
{
  PyObject *kind    = NULL;
  PyObject *pointer = NULL;
  Py_ssize_t index  = 0;
  if (!PyArg_ParseTuple(args, "OOn", &kind, &pointer, &index) || !is_pointer_class(kind) ||
      !is_pointer(pointer) || !is_position(index)) {
    return NULL;
  }
  const Py_ssize_t slot_size = ptrs_py_place((PtrsPyPointer *)pointer)->bound;
  if (slot_size && index > PY_SSIZE_T_MAX / slot_size) {
    PyErr_SetString(PyExc_OverflowError, "no array has a slot of that number");
    return NULL;
  }
  return make((PtrsPyPointer *)pointer, kind, index);
}

static PyObject *
new_slot(PyObject *module, PyObject *args)
{
  (void)module;
  return new_slot_by(ptrs_py_new_slot, args);
}

static PyObject *
new_step(PyObject *module, PyObject *args)
{
  (void)module;
  return new_slot_by(ptrs_py_new_step, args);
}

static PyObject *
new_readonly(PyObject *module, PyObject *pointer)
{
  (void)module;
  return is_pointer(pointer) ? ptrs_py_new_readonly((PtrsPyPointer *)pointer) : NULL;
}

static PyObject *
new_slice(PyObject *module, PyObject *args)
{
  (void)module;
  PyObject *kind    = NULL;
  PyObject *pointer = NULL;
  Py_ssize_t offset = 0;
  Py_ssize_t start  = 0;
  Py_ssize_t bound  = 0;
  if (!PyArg_ParseTuple(args, "OOnnn", &kind, &pointer, &offset, &start, &bound) ||
      !is_pointer_class(kind) || !is_pointer(pointer) || !is_position(offset) ||
      !is_position(start) || !is_position(bound)) {
    return NULL;
  }
  if (bound > PY_SSIZE_T_MAX - offset) {
    PyErr_SetString(PyExc_OverflowError, "no slice reaches that far");
    return NULL;
  }
  return ptrs_py_new_slice((PtrsPyPointer *)pointer, (PyTypeObject *)kind, offset, start, bound);
}

static PyObject *
disown(PyObject *module, PyObject *root)
{
  (void)module;
  if (!is_pointer(root)) {
    return NULL;
  }
  // Believed only where it is so: a live block without an owner would leak
  PtrsBlockInfo info;
  if (ptrs_block_info(ptrs_py_block((PtrsPyPointer *)root), &info)) {
    (void)ptrs_py_disown((PtrsPyPointer *)root);
    Py_XDECREF(ptrs_py_take_own((PtrsPyPointer *)root));
  }
  Py_RETURN_NONE;
}

static PyObject *
own_held(PyObject *module, PyObject *args)
{
  (void)module;
  PyObject *pointer = NULL;
  PyObject *unused  = NULL; // what makes them is in the table of Python objects
  if (!PyArg_ParseTuple(args, "OO", &pointer, &unused) || !is_pointer(pointer)) {
    return NULL;
  }
  return ptrs_py_own_held((PtrsPyPointer *)pointer);
}

PyMethodDef ptrs_py_factories[] = {
    {"new_owner", new_owner, METH_VARARGS, NULL},
    {"new_stack", new_stack, METH_VARARGS, NULL},
    {"new_array", new_array, METH_VARARGS, NULL},
    {"new_alias", new_alias, METH_VARARGS, NULL},
    {"new_slot", new_slot, METH_VARARGS, NULL},
    {"new_step", new_step, METH_VARARGS, NULL},
    {"new_readonly", new_readonly, METH_O, NULL},
    {"new_slice", new_slice, METH_VARARGS, NULL},
    {"disown", disown, METH_O, NULL},
    {"own_held", own_held, METH_VARARGS, NULL},
    {"new_adopted", ptrs_py_new_adopted, METH_VARARGS, NULL},
    {"know_free", ptrs_py_know_free, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

#endif
