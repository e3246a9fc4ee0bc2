// SPDX-License-Identifier: MIT
#include "cpython/pointer.h"

#ifndef PYPY_VERSION

// Pointers of the classes that are made here, and have gone, to be used again.  Not where
// several threads could come here at a time, nor where a sanitizer wants to see
// them go, nor in versions whose collector this has not been tried with.
#  if !defined(Py_GIL_DISABLED) && !defined(__SANITIZE_ADDRESS__) && PY_VERSION_HEX < 0x030E0000
#    define MAX_SPARE 64
#  else
#    define MAX_SPARE 0
#  endif

const PtrsPyPlace ptrs_py_start = {.bound = PY_SSIZE_T_MAX};

PyTypeObject *ptrs_py_pointer_type;

// Without a place and with one
typedef struct {
  PyObject *objects[MAX_SPARE + 1];
  unsigned count;
} Spare;

static Spare spare[2];

static bool
is_recycled(PyTypeObject *type)
{
  // All of one size
  return (ptrs_py_is_plain_type(type) && (PyObject *)type != ptrs_py_objects[PTRS_PY_ADOPTED]) ||
         (PyObject *)type == ptrs_py_objects[PTRS_PY_SLICE];
}

// A copy of a place; NULL without an exception
static PtrsPyPlace *
copy_place(const PtrsPyPlace *place)
{
  PtrsPyPlace *const copy = PyMem_New(PtrsPyPlace, 1);
  if (copy) {
    *copy = *place;
  }
  return copy;
}

static PtrsPyPointer *
allocate(PyTypeObject *type, int64_t handle, const PtrsPyPlace *place)
{
  PtrsPyPlace *const copy = place ? copy_place(place) : NULL;
  if (place && !copy) {
    return (PtrsPyPointer *)PyErr_NoMemory();
  }
  // Allocating may collect, and that take away what the class was known by
  Py_INCREF(type);
  PtrsPyPointer *const pointer = (PtrsPyPointer *)type->tp_alloc(type, 0);
  Py_DECREF(type);
  if (!pointer) {
    PyMem_Free(copy);
    return NULL;
  }
  pointer->handle = handle;
  pointer->place  = copy;
  if (!place && is_recycled(type)) {
    PyObject_GC_UnTrack(pointer); // as below
  }
  return pointer;
}

// A pointer whose place is copied; NULL: the start of the block
static inline PtrsPyPointer *
new_pointer(PyTypeObject *type, int64_t handle, const PtrsPyPlace *place)
{
  Spare *const from = &spare[place != NULL];
  if (!from->count || !is_recycled(type)) {
    return allocate(type, handle, place);
  }
  PyObject *const self         = PyObject_Init(from->objects[--from->count], type);
  PtrsPyPointer *const pointer = (PtrsPyPointer *)self;
  pointer->handle              = handle;
  if (place) {
    *pointer->place = *place;
    PyObject_GC_Track(self); // what has none refers to nothing yet: held.c
  }
  return pointer;
}

// A block has no sign, whatever Python has passed
static int64_t
handle_of(PtrsBlock block, bool owned)
{
  return (block & INT64_MAX) | (owned ? PTRS_PY_OWNED : 0);
}

PtrsPyPointer *
ptrs_py_new_pointer(PyObject *type, PtrsBlock block, bool owned)
{
  return new_pointer((PyTypeObject *)type, handle_of(block, owned), NULL);
}

PtrsPyPointer *
ptrs_py_new_ending(PyObject *type, PtrsBlock block, PtrsPyEnding ending)
{
  const PtrsPyPlace place = {.bound = PY_SSIZE_T_MAX, .ending = (char)ending};
  return new_pointer((PyTypeObject *)type, handle_of(block, false), &place);
}

PtrsPyPointer *
ptrs_py_new_array(PyObject *type, PtrsBlock block, Py_ssize_t slot_size, Py_ssize_t count)
{
  const PtrsPyPlace place = {.bound = slot_size, .index = count, .kind = PTRS_PY_KIND_ARRAY};
  return new_pointer((PyTypeObject *)type, handle_of(block, true), &place);
}

// A pointer to another place in the block of a pointer
static PyObject *
new_alias(PtrsPyPointer *pointer, PyTypeObject *type, const PtrsPyPlace *place)
{
  PtrsPyPointer *const alias = new_pointer(type, ptrs_py_block(pointer), place);
  if (alias) {
    alias->link = (PyObject *)ptrs_py_root(pointer);
    Py_INCREF(alias->link);
  }
  return (PyObject *)alias;
}

PyObject *
ptrs_py_new_alias(PtrsPyPointer *pointer, PyTypeObject *type, Py_ssize_t offset)
{
  const PtrsPyPlace place = {.offset   = offset,
                             .bound    = PY_SSIZE_T_MAX,
                             .readonly = ptrs_py_place(pointer)->readonly,
                             .is_alias = 1};
  return new_alias(pointer, type, &place);
}

static PyObject *
new_slot(PtrsPyPointer *pointer, PyObject *type, Py_ssize_t index, bool stepped)
{
  const PtrsPyPlace *const from = ptrs_py_place(pointer);
  const PtrsPyPlace place       = {.offset   = index * from->bound,
                                   .bound    = from->bound,
                                   .index    = index,
                                   .kind     = PTRS_PY_KIND_SLOT,
                                   .stepped  = stepped,
                                   .readonly = from->readonly,
                                   .is_alias = 1};
  return new_alias(pointer, (PyTypeObject *)type, &place);
}

PyObject *
ptrs_py_new_slot(PtrsPyPointer *pointer, PyObject *type, Py_ssize_t index)
{
  return new_slot(pointer, type, index, false);
}

PyObject *
ptrs_py_new_slice(PtrsPyPointer *pointer,
                  PyTypeObject *type,
                  Py_ssize_t offset,
                  Py_ssize_t start,
                  Py_ssize_t bound)
{
  const PtrsPyPlace place = {.offset   = offset,
                             .bound    = bound,
                             .index    = start,
                             .kind     = PTRS_PY_KIND_SLICE,
                             .readonly = ptrs_py_place(pointer)->readonly,
                             .is_alias = 1};
  return new_alias(pointer, type, &place);
}

PyObject *
ptrs_py_new_readonly(PtrsPyPointer *pointer)
{
  PtrsPyPlace place = *ptrs_py_place(pointer);
  place.readonly    = 1;
  place.is_alias    = 1;
  place.ending      = PTRS_PY_ENDING_NONE;
  return new_alias(pointer, Py_TYPE(pointer), &place);
}

PyObject *
ptrs_py_new_step(PtrsPyPointer *pointer, PyObject *type, Py_ssize_t index)
{
  const PtrsPyPlace *const from = ptrs_py_place(pointer);
  const bool stepped            = from->kind == PTRS_PY_KIND_ARRAY || from->stepped;
  if (stepped && !index) {
    PtrsPyPointer *const array = ptrs_py_root(pointer);
    if (from->readonly) {
      return ptrs_py_new_readonly(array);
    }
    Py_INCREF(array);
    return (PyObject *)array;
  }
  return new_slot(pointer, type, index, stepped);
}

// Whether the memory of a pointer, whose other fields are NULL, is kept for the next one
static bool
recycle(PtrsPyPointer *pointer)
{
  PyObject *const self = (PyObject *)pointer;
  Spare *const to      = &spare[pointer->place != NULL];
  // The mark of having been finalized cannot be taken away again
  if (to->count == MAX_SPARE || !is_recycled(Py_TYPE(self)) || PyObject_GC_IsFinalized(self)) {
    return false;
  }
  to->objects[to->count++] = self;
  return true;
}

void
ptrs_py_give_back(PyObject *self)
{
  PtrsPyPointer *const pointer = (PtrsPyPointer *)self;
  if (!recycle(pointer)) {
    PyMem_Free(pointer->place);
    Py_TYPE(self)->tp_free(self);
  }
}

#endif
