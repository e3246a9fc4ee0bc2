// SPDX-License-Identifier: MIT
#include "cpython/default.h"

#include <stddef.h>

#include "cpython/allocator.h"
#include "cpython/slow.h"

#ifndef PYPY_VERSION

#  include <structmember.h>

typedef struct {
  PyObject_HEAD PtrsAllocator *allocator; // that of `source`; NULL if it is for the slow path
  PyObject *source;                       // the allocator's object
  PyObject *block;  // the `with` block that made it the default; None of the first default
  PyObject *before; // the entry before this one; None of the first default
} PyDefault;

PyTypeObject *ptrs_py_default_type;

// The first default, which stays, and is the default of each context as long as there is no
// other: to look a context up costs as much as a part of a block
static PyDefault *first;
static bool is_only = true;

static PyObject *
new_default(PyTypeObject *type, PyObject *source, PyObject *block, PyObject *before)
{
  PyDefault *const entry = (PyDefault *)type->tp_alloc(type, 0);
  if (entry) {
    Py_INCREF(source);
    Py_INCREF(block);
    Py_INCREF(before);
    entry->source    = source;
    entry->block     = block;
    entry->before    = before;
    entry->allocator = ptrs_py_known_allocator(source);
    if (first) {
      __atomic_store_n(&is_only, false, __ATOMIC_RELAXED);
    } else {
      Py_INCREF(entry);
      first = entry;
    }
  }
  return (PyObject *)entry;
}

static PyObject *
default_new(PyTypeObject *type, PyObject *args, PyObject *names)
{
  PyObject *source = NULL;
  PyObject *block  = NULL;
  PyObject *before = NULL;
  if (names && PyDict_GET_SIZE(names)) {
    PyErr_SetString(PyExc_TypeError, "Default takes no keyword arguments");
    return NULL;
  }
  return PyArg_ParseTuple(args, "OOO", &source, &block, &before)
             ? new_default(type, source, block, before)
             : NULL;
}

static int
default_traverse(PyObject *self, visitproc visit, void *arg)
{
  PyDefault *const entry = (PyDefault *)self;
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(entry->source);
  Py_VISIT(entry->block);
  Py_VISIT(entry->before);
  return 0;
}

static int
default_clear(PyObject *self)
{
  PyDefault *const entry = (PyDefault *)self;
  entry->allocator       = NULL;
  Py_CLEAR(entry->source);
  Py_CLEAR(entry->block);
  Py_CLEAR(entry->before);
  return 0;
}

static void
default_dealloc(PyObject *self)
{
  PyTypeObject *const type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  // A chain of them may be as long as a recursion is deep
  Py_TRASHCAN_BEGIN(self, default_dealloc);
  (void)default_clear(self);
  type->tp_free(self);
  Py_DECREF(type);
  Py_TRASHCAN_END;
}

static PyMemberDef default_members[] = {
    {"source", T_OBJECT, offsetof(PyDefault, source), READONLY, NULL},
    {"block", T_OBJECT, offsetof(PyDefault, block), READONLY, NULL},
    {"before", T_OBJECT, offsetof(PyDefault, before), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot default_slots[] = {
    {Py_tp_doc, (void *)"An allocator that is the default, and what was it before."},
    {Py_tp_new, (void *)default_new},
    {Py_tp_traverse, (void *)default_traverse},
    {Py_tp_clear, (void *)default_clear},
    {Py_tp_dealloc, (void *)default_dealloc},
    {Py_tp_members, default_members},
    {0, NULL},
};

PyType_Spec ptrs_py_default_spec = {
    .name      = "pointers._fastpath.Default",
    .basicsize = sizeof(PyDefault),
    .flags     = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots     = default_slots,
};

// The entry of this context, a new reference; NULL without an exception
static PyDefault *
current(void)
{
  PyObject *entry = NULL;
  if (PyContextVar_Get(ptrs_py_objects[PTRS_PY_DEFAULT], NULL, &entry) < 0) {
    PyErr_Clear();
  }
  if (entry && Py_TYPE(entry) != ptrs_py_default_type) {
    Py_CLEAR(entry);
  }
  return (PyDefault *)entry;
}

bool
ptrs_py_source(PyObject *given, PtrsPySource *source)
{
  source->keeps = NULL;
  if (given && given != Py_None) {
    source->allocator = ptrs_py_known_allocator(given);
    return source->allocator;
  }
  if (__atomic_load_n(&is_only, __ATOMIC_RELAXED) && first && first->allocator) {
    source->allocator = first->allocator;
    return true;
  }
  PyDefault *const entry = current();
  if (!entry || !entry->allocator) {
    Py_XDECREF(entry);
    return false;
  }
  source->allocator = entry->allocator;
  source->keeps     = (PyObject *)entry;
  return true;
}

static bool
set_current(PyObject *entry)
{
  PyObject *const token = PyContextVar_Set(ptrs_py_objects[PTRS_PY_DEFAULT], entry);
  Py_XDECREF(token);
  return token;
}

static PyObject *
source_name(void)
{
  static PyObject *name;
  if (!name) {
    name = PyUnicode_InternFromString("_source");
  }
  return name;
}

PyObject *
ptrs_py_default_init(PyObject *self, PyObject *const *args, Py_ssize_t n_args, PyObject *names)
{
  PyObject *const name = source_name();
  if (!name || n_args != 1 || names || !PyObject_TypeCheck(args[0], ptrs_py_allocator_type)) {
    PyErr_Clear();
    return ptrs_py_slow_method(PTRS_PY_DEFAULT_INIT, self, args, n_args, names);
  }
  if (PyObject_SetAttr(self, name, args[0])) {
    return NULL;
  }
  Py_RETURN_NONE;
}

PyObject *
ptrs_py_default_enter(PyObject *self, PyObject *const *args, Py_ssize_t n_args, PyObject *names)
{
  PyDefault *const before = n_args || names ? NULL : current();
  if (!before) {
    return ptrs_py_slow_method(PTRS_PY_DEFAULT_ENTER, self, args, n_args, names);
  }
  PyObject *const name = source_name();
  PyObject *source     = name ? PyObject_GetAttr(self, name) : NULL;
  PyObject *const entry =
      source ? new_default(ptrs_py_default_type, source, self, (PyObject *)before) : NULL;
  if (source && (!entry || !set_current(entry))) {
    Py_CLEAR(source);
  }
  Py_XDECREF(entry);
  Py_DECREF(before);
  return source;
}

PyObject *
ptrs_py_default_exit(PyObject *self, PyObject *const *args, Py_ssize_t n_args, PyObject *names)
{
  PyDefault *const last = names ? NULL : current();
  const bool is_last    = last && last->block == self && last->before && last->before != Py_None;
  if (!is_last) {
    Py_XDECREF(last);
    return ptrs_py_slow_method(PTRS_PY_DEFAULT_EXIT, self, args, n_args, names);
  }
  const bool is_set = set_current(last->before);
  Py_DECREF(last);
  if (!is_set) {
    return NULL;
  }
  Py_RETURN_NONE;
}

#endif
