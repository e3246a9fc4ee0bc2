// SPDX-License-Identifier: MIT
#include "cpython/pointer.h"

#ifndef PYPY_VERSION

#  include <string.h>

// Pointers of the classes that are made here, and have gone, to be used again.  Not where
// several threads could come here at a time, nor where a sanitizer wants to see
// them go, nor in versions whose collector this has not been tried with.
#  if !defined(Py_GIL_DISABLED) && !defined(__SANITIZE_ADDRESS__) && PY_VERSION_HEX < 0x030E0000
#    define MAX_SPARE 64
#  else
#    define MAX_SPARE 0
#  endif

PyTypeObject *ptrs_py_pointer_type;

static PyObject *spare[MAX_SPARE + 1];
static unsigned n_spare;

static bool
is_recycled(PyTypeObject *type)
{
  // All of one size
  return (ptrs_py_is_plain_type(type) && (PyObject *)type != ptrs_py_objects[PTRS_PY_ADOPTED]) ||
         (PyObject *)type == ptrs_py_objects[PTRS_PY_SLICE];
}

// Memory of a plain pointer, as tp_alloc() returns it
static PyObject *
allocate(PyTypeObject *type)
{
  if (!n_spare || !is_recycled(type)) {
    // Allocating may collect, and that take away what the class was known by
    Py_INCREF(type);
    PyObject *const made = type->tp_alloc(type, 0);
    Py_DECREF(type);
    return made;
  }
  PyObject *const self = spare[--n_spare];
  (void)PyObject_Init(self, type);
  memset((char *)self + sizeof(PyObject), 0, sizeof(PtrsPyPointer) - sizeof(PyObject));
  PyObject_GC_Track(self);
  return self;
}

PtrsPyPointer *
ptrs_py_new_pointer(PyObject *type, PtrsBlock block)
{
  PtrsPyPointer *const pointer = (PtrsPyPointer *)allocate((PyTypeObject *)type);
  if (pointer) {
    pointer->block = block;
    pointer->bound = PY_SSIZE_T_MAX;
  }
  return pointer;
}

PyObject *
ptrs_py_new_alias(PtrsPyPointer *pointer, PyTypeObject *type, Py_ssize_t offset)
{
  PtrsPyPointer *const alias = ptrs_py_new_pointer((PyObject *)type, pointer->block);
  if (alias) {
    alias->offset   = offset;
    alias->readonly = pointer->readonly;
    alias->root     = (PyObject *)ptrs_py_root(pointer);
    Py_INCREF(alias->root);
  }
  return (PyObject *)alias;
}

PyObject *
ptrs_py_new_slot(PtrsPyPointer *pointer, PyObject *type, Py_ssize_t index)
{
  PtrsPyPointer *const slot = ptrs_py_new_pointer(type, pointer->block);
  if (slot) {
    slot->offset   = index * pointer->bound;
    slot->bound    = pointer->bound;
    slot->index    = index;
    slot->kind     = PTRS_PY_KIND_SLOT;
    slot->readonly = pointer->readonly;
    slot->root     = (PyObject *)ptrs_py_root(pointer);
    Py_INCREF(slot->root);
  }
  return (PyObject *)slot;
}

PyObject *
ptrs_py_new_slice(PtrsPyPointer *pointer,
                  PyTypeObject *type,
                  Py_ssize_t offset,
                  Py_ssize_t start,
                  Py_ssize_t bound)
{
  PyObject *const made = ptrs_py_new_alias(pointer, type, offset);
  if (made) {
    PtrsPyPointer *const slice = (PtrsPyPointer *)made;
    slice->bound               = bound;
    slice->index               = start;
    slice->kind                = PTRS_PY_KIND_SLICE;
  }
  return made;
}

PyObject *
ptrs_py_new_readonly(PtrsPyPointer *pointer)
{
  PyObject *const made = ptrs_py_new_alias(pointer, Py_TYPE(pointer), pointer->offset);
  if (made) {
    PtrsPyPointer *const alias = (PtrsPyPointer *)made;
    alias->bound               = pointer->bound;
    alias->index               = pointer->index;
    alias->kind                = pointer->kind;
    alias->stepped             = pointer->stepped;
    alias->readonly            = 1;
  }
  return made;
}

PyObject *
ptrs_py_new_step(PtrsPyPointer *pointer, PyObject *type, Py_ssize_t index)
{
  const bool stepped = pointer->kind == PTRS_PY_KIND_ARRAY || pointer->stepped;
  if (stepped && !index) {
    PtrsPyPointer *const array = ptrs_py_root(pointer);
    if (pointer->readonly) {
      return ptrs_py_new_readonly(array);
    }
    Py_INCREF(array);
    return (PyObject *)array;
  }
  PyObject *const slot = ptrs_py_new_slot(pointer, type, index);
  if (slot) {
    ((PtrsPyPointer *)slot)->stepped = stepped;
  }
  return slot;
}

bool
ptrs_py_recycle(PyObject *self)
{
  // The mark of having been finalized cannot be taken away again
  if (n_spare == MAX_SPARE || !is_recycled(Py_TYPE(self)) || PyObject_GC_IsFinalized(self)) {
    return false;
  }
  spare[n_spare++] = self;
  return true;
}

#endif
