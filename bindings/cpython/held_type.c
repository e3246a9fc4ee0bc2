// SPDX-License-Identifier: MIT
// The base of the Python class of held objects: what that calls.
#include "cpython/held_type.h"

#include "cpython/slow.h"

#ifndef PYPY_VERSION

PyTypeObject *ptrs_py_held_type;

void
ptrs_py_held_overwritten(PtrsPyHeldObjects *self, Py_ssize_t start, Py_ssize_t end)
{
  PtrsPyHeldSearch search = {.block = self->block, .start = start, .end = end};
  PyObject *objects[PTRS_PY_HELD_BATCH];
  size_t count = 0;
  do {
    bool would_block = false;
    PTRS_PY_BEGIN_STEP(self);
    count = ptrs_py_held_search(&self->table, &search, objects, PTRS_PY_HELD_BATCH, &would_block);
    PTRS_PY_END_STEP();
    if (would_block) {
      PtrsEntry entry;
      Py_BEGIN_ALLOW_THREADS;
      if (!ptrs_block_enter(self->block, PTRS_ACCESS_SHARED, &entry)) {
        ptrs_block_leave(&entry);
      }
      Py_END_ALLOW_THREADS;
      count = PTRS_PY_HELD_BATCH; // go on
      continue;
    }
    for (size_t i = 0; i < count; ++i) {
      Py_DECREF(objects[i]);
    }
  } while (count == PTRS_PY_HELD_BATCH);
}

void
ptrs_py_held_release(PtrsPyHeldObjects *self)
{
  PtrsPyHeldTable table;
  PTRS_PY_BEGIN_STEP(self);
  table                       = self->table;
  const PtrsPyHeldTable empty = {.version = table.version + 1};
  self->table                 = empty;
  PTRS_PY_END_STEP();
  for (size_t i = 0; i < table.capacity; ++i) {
    Py_XDECREF(table.entries[i].obj);
  }
  PyMem_Free(table.entries);
}

bool
ptrs_py_hold(PyObject *held,
             Py_ssize_t offset,
             Py_ssize_t stride,
             const int64_t *keys,
             PyObject *const *objects,
             Py_ssize_t count)
{
  PtrsPyHeldTable *const table = &((PtrsPyHeldObjects *)held)->table;
  bool reserved                = false;
  PTRS_PY_BEGIN_STEP(held);
  reserved = ptrs_py_held_reserve(table, (size_t)count);
  for (Py_ssize_t i = 0; reserved && i < count; ++i) {
    if (keys[i]) {
      Py_INCREF(objects[i]);
      ptrs_py_held_add(table, keys[i], offset + i * stride, objects[i]);
    }
  }
  PTRS_PY_END_STEP();
  if (!reserved) {
    PyErr_NoMemory();
  }
  return reserved;
}

void
ptrs_py_tell_held(PyObject *held,
                  Py_ssize_t offset,
                  Py_ssize_t stride,
                  const int64_t *keys,
                  Py_ssize_t count,
                  bool written)
{
  PtrsPyHeldTable *const table = &((PtrsPyHeldObjects *)held)->table;
  PTRS_PY_BEGIN_STEP(held);
  for (Py_ssize_t i = 0; i < count; ++i) {
    PtrsPyHeld *const entry =
        keys[i] ? ptrs_py_held_find(table, offset + i * stride, keys[i]) : NULL;
    if (entry && written) {
      entry->is_told = true;
    } else if (entry) {
      // The caller has the object, so that this runs no finalizer
      Py_DECREF(ptrs_py_held_remove(table, entry));
    }
  }
  PTRS_PY_END_STEP();
}

PyObject *
ptrs_py_held_load(PtrsPyHeldObjects *self, Py_ssize_t offset, int64_t key)
{
  PyObject *obj = NULL;
  PTRS_PY_BEGIN_STEP(self);
  PtrsPyHeld *const entry = ptrs_py_held_find(&self->table, offset, key);
  if (entry) {
    obj = entry->obj;
    Py_INCREF(obj);
  }
  PTRS_PY_END_STEP();
  return obj;
}

static int
held_init(PyObject *self, PyObject *args, PyObject *names)
{
  long long block = 0;
  if (names || !PyArg_ParseTuple(args, "L", &block)) {
    return names ? (PyErr_SetString(PyExc_TypeError, "a block is needed"), -1) : -1;
  }
  ((PtrsPyHeldObjects *)self)->block = block;
  return 0;
}

static Py_ssize_t
held_length(PyObject *self)
{
  return (Py_ssize_t)((PtrsPyHeldObjects *)self)->table.count;
}

static PyObject *
held_hold(PyObject *self, PyObject *args)
{
  long long key     = 0;
  Py_ssize_t offset = 0;
  PyObject *obj     = NULL;
  if (!PyArg_ParseTuple(args, "LnO", &key, &offset, &obj)) {
    return NULL;
  }
  if (key <= 0 || offset < 0) {
    return PyErr_Format(PyExc_ValueError, "no key, or no offset: %lld, %zd", key, offset);
  }
  const int64_t number = key;
  if (!ptrs_py_hold(self, offset, 0, &number, &obj, 1)) {
    return NULL;
  }
  Py_RETURN_NONE;
}

static PyObject *
tell(PyObject *self, PyObject *args, bool written)
{
  long long key     = 0;
  Py_ssize_t offset = 0;
  if (!PyArg_ParseTuple(args, "nL", &offset, &key)) {
    return NULL;
  }
  const int64_t number = key;
  ptrs_py_tell_held(self, offset, 0, &number, 1, written);
  Py_RETURN_NONE;
}

static PyObject *
held_tell(PyObject *self, PyObject *args)
{
  return tell(self, args, true);
}

static PyObject *
held_not_written(PyObject *self, PyObject *args)
{
  return tell(self, args, false);
}

static PyObject *
held_load(PyObject *self, PyObject *args)
{
  long long key     = 0;
  Py_ssize_t offset = 0;
  if (!PyArg_ParseTuple(args, "nL", &offset, &key)) {
    return NULL;
  }
  PyObject *obj = ptrs_py_held_load((PtrsPyHeldObjects *)self, offset, key);
  if (!obj) {
    obj = ptrs_py_objects[PTRS_PY_MISSING];
    Py_INCREF(obj);
  }
  return obj;
}

static PyObject *
held_overwritten(PyObject *self, PyObject *args)
{
  long long block  = 0; // is that of `self`
  Py_ssize_t start = 0;
  Py_ssize_t end   = 0;
  if (!PyArg_ParseTuple(args, "Lnn", &block, &start, &end)) {
    return NULL;
  }
  ptrs_py_held_overwritten((PtrsPyHeldObjects *)self, start, end);
  Py_RETURN_NONE;
}

static PyObject *
held_release(PyObject *self, PyObject *unused)
{
  (void)unused;
  ptrs_py_held_release((PtrsPyHeldObjects *)self);
  Py_RETURN_NONE;
}

static int
held_traverse(PyObject *self, visitproc visit, void *arg)
{
  const PtrsPyHeldTable *const table = &((PtrsPyHeldObjects *)self)->table;
  Py_VISIT(Py_TYPE(self));
  for (size_t i = 0; i < table->capacity; ++i) {
    Py_VISIT(table->entries[i].obj);
  }
  return 0;
}

static int
held_clear(PyObject *self)
{
  ptrs_py_held_release((PtrsPyHeldObjects *)self);
  return 0;
}

static void
held_dealloc(PyObject *self)
{
  PyTypeObject *const type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  ptrs_py_held_release((PtrsPyHeldObjects *)self);
  type->tp_free(self);
  Py_DECREF(type);
}

static PyMethodDef held_methods[] = {
    {"_hold", held_hold, METH_VARARGS, NULL},
    {"_tell", held_tell, METH_VARARGS, NULL},
    {"_not_written", held_not_written, METH_VARARGS, NULL},
    {"load", held_load, METH_VARARGS, NULL},
    {"overwritten", held_overwritten, METH_VARARGS, NULL},
    {"release", held_release, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot held_slots[] = {
    {Py_tp_doc, (void *)"The table of the objects that the memory of one block refers to."},
    {Py_tp_init, (void *)held_init},
    {Py_tp_dealloc, (void *)held_dealloc},
    {Py_tp_traverse, (void *)held_traverse},
    {Py_tp_clear, (void *)held_clear},
    {Py_tp_methods, held_methods},
    {Py_sq_length, (void *)held_length},
    {0, NULL},
};

PyType_Spec ptrs_py_held_spec = {
    .name      = "pointers._fastpath.HeldTable",
    .basicsize = sizeof(PtrsPyHeldObjects),
    .flags     = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots     = held_slots,
};

#endif
