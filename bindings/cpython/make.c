// SPDX-License-Identifier: MIT
// What Python calls to make pointers.  A handle that names no block, or a place
// outside of it, is found out by whatever is done with the pointer.
#include "cpython/fast.h"

#ifndef PYPY_VERSION

static bool
is_place_class(PyObject *kind)
{
  if (PyType_Check(kind) && PyType_IsSubtype((PyTypeObject *)kind, ptrs_place_type)) {
    return true;
  }
  PyErr_SetString(PyExc_TypeError, "a class of pointers is needed");
  return false;
}

static bool
is_place(PyObject *obj)
{
  if (ptrs_is_place(obj)) {
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
  if (!PyArg_ParseTuple(args, "OL", &kind, &block) || !is_place_class(kind)) {
    return NULL;
  }
  PtrsPlace *const place = ptrs_new_place(kind, block);
  if (place) {
    place->owned = 1;
  }
  return (PyObject *)place;
}

static PyObject *
new_stack(PyObject *module, PyObject *args)
{
  (void)module;
  PyObject *kind  = NULL;
  long long block = 0;
  if (!PyArg_ParseTuple(args, "OL", &kind, &block) || !is_place_class(kind)) {
    return NULL;
  }
  return (PyObject *)ptrs_new_place(kind, block);
}

static PyObject *
new_array(PyObject *module, PyObject *args)
{
  (void)module;
  PyObject *kind       = NULL;
  long long block      = 0;
  Py_ssize_t slot_size = 0;
  Py_ssize_t count     = 0;
  if (!PyArg_ParseTuple(args, "OLnn", &kind, &block, &slot_size, &count) || !is_place_class(kind) ||
      !is_position(slot_size) || !is_position(count)) {
    return NULL;
  }
  PtrsPlace *const place = ptrs_new_place(kind, block);
  if (place) {
    place->owned = 1;
    place->room  = slot_size;
    place->index = count;
    place->kind  = PTRS_PLACE_ARRAY;
  }
  return (PyObject *)place;
}

static PyObject *
new_alias(PyObject *module, PyObject *args)
{
  (void)module;
  PyObject *place   = NULL;
  Py_ssize_t offset = 0;
  if (!PyArg_ParseTuple(args, "On", &place, &offset) || !is_place(place) || !is_position(offset)) {
    return NULL;
  }
  return ptrs_new_alias((PtrsPlace *)place, Py_TYPE(place), offset);
}

static PyObject *
new_slot_by(PyObject *(*make)(PtrsPlace *, PyObject *, Py_ssize_t), PyObject *args)
{
  PyObject *kind   = NULL;
  PyObject *place  = NULL;
  Py_ssize_t index = 0;
  if (!PyArg_ParseTuple(args, "OOn", &kind, &place, &index) || !is_place_class(kind) ||
      !is_place(place) || !is_position(index)) {
    return NULL;
  }
  const Py_ssize_t room = ((PtrsPlace *)place)->room;
  if (room && index > PY_SSIZE_T_MAX / room) {
    PyErr_SetString(PyExc_OverflowError, "no array has a slot of that number");
    return NULL;
  }
  return make((PtrsPlace *)place, kind, index);
}

static PyObject *
new_slot(PyObject *module, PyObject *args)
{
  (void)module;
  return new_slot_by(ptrs_new_slot, args);
}

static PyObject *
new_step(PyObject *module, PyObject *args)
{
  (void)module;
  return new_slot_by(ptrs_new_step, args);
}

static PyObject *
disown(PyObject *module, PyObject *home)
{
  (void)module;
  if (!is_place(home)) {
    return NULL;
  }
  // Believed only where it is so: a live block without an owner would leak
  PtrsBlockInfo info;
  if (ptrs_block_info(((PtrsPlace *)home)->block, &info)) {
    __atomic_store_n(&((PtrsPlace *)home)->owned, 0, __ATOMIC_RELAXED);
  }
  Py_RETURN_NONE;
}

static PyObject *
own_references(PyObject *module, PyObject *args)
{
  (void)module;
  PyObject *place  = NULL;
  PyObject *unused = NULL; // what makes them is in the table of Python functions
  if (!PyArg_ParseTuple(args, "OO", &place, &unused) || !is_place(place)) {
    return NULL;
  }
  PtrsPlace *const home = ptrs_home((PtrsPlace *)place);
  PyObject *kept        = ptrs_references(home);
  if (!kept) {
    PyObject *const made =
        PyObject_CallFunction(ptrs_python[PTRS_PY_REFERENCES], "L", (long long)home->block);
    if (!made) {
      return NULL;
    }
    // Who comes here at the same time, also by a finaliser in that call, keeps his
    if (__atomic_compare_exchange_n(&home->references, &kept, made, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE)) {
      kept = made;
    } else {
      Py_DECREF(made);
    }
  }
  Py_INCREF(kept);
  return kept;
}

PyMethodDef ptrs_factories[] = {
    {"new_owner", new_owner, METH_VARARGS, NULL},
    {"new_stack", new_stack, METH_VARARGS, NULL},
    {"new_array", new_array, METH_VARARGS, NULL},
    {"new_alias", new_alias, METH_VARARGS, NULL},
    {"new_slot", new_slot, METH_VARARGS, NULL},
    {"new_step", new_step, METH_VARARGS, NULL},
    {"disown", disown, METH_O, NULL},
    {"own_held", own_references, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

#endif
