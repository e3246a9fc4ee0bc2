// SPDX-License-Identifier: MIT
// New blocks: malloc and calloc, as functions and as methods of allocators.
#include "access/access.h"
#include "cpython/default.h"
#include "cpython/operations.h"
#include "cpython/peek.h"
#include "cpython/pointer.h"
#include "cpython/slow.h"
#include "cpython/wait.h"

#ifndef PYPY_VERSION

// What is asked for; the numbers are good, but for the alignment, which the core checks
typedef struct {
  Py_ssize_t align;
  PyObject *allocator; // borrowed; NULL if it is not named
} Options;

// The names of arguments, which are the interpreter's own objects wherever code was compiled
static PyObject *align_name;
static PyObject *allocator_name;

static bool
know_names(void)
{
  if (!align_name) {
    align_name = PyUnicode_InternFromString("align");
  }
  if (!allocator_name) {
    allocator_name = PyUnicode_InternFromString("allocator");
  }
  if (!align_name || !allocator_name) {
    PyErr_Clear();
    return false;
  }
  return true;
}

// Take the arguments that have names; false for what is rare or wrong
static bool
take_options(PyObject *const *values, PyObject *names, Options *options)
{
  options->align     = (Py_ssize_t)PTRS_ALIGN_DEFAULT;
  options->allocator = NULL;
  if (!names) {
    return true;
  }
  if (!know_names()) {
    return false;
  }
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(names); ++i) {
    PyObject *const name = PyTuple_GET_ITEM(names, i);
    if (name == allocator_name) {
      options->allocator = values[i];
    } else if (name != align_name ||
               (values[i] != Py_None &&
                (!ptrs_py_as_index(values[i], &options->align) || !options->align))) {
      return false;
    }
  }
  return true;
}

static PtrsBlock
new_block(PtrsAllocator *allocator, Py_ssize_t size, Py_ssize_t align)
{
  PtrsBlock block   = 0;
  PtrsStatus status = PTRS_STATUS_SUCCESS;
  PTRS_PY_WAIT(status, (size_t)size <= PTRS_ACCESS_AT_ONCE,
               ptrs_block_try_zalloc(allocator, (size_t)size, (size_t)align, would_block, &block));
  return status ? -(PtrsBlock)status : block;
}

// A pointer that owns a new block; NULL with or without an exception
static PtrsPyPointer *
new_owner(PtrsPyId kind, PtrsAllocator *allocator, Py_ssize_t size, Py_ssize_t align)
{
  const PtrsBlock block = new_block(allocator, size, align);
  if (block == -(PtrsBlock)PTRS_STATUS_NO_MEM) {
    // Not by the Python function, which calls through cffi: in a thread that has not
    // done so before, cffi itself needs memory, and without any glibc ends the process
    PtrsRefusal refusal = {0, 0, 0};
    (void)ptrs_allocator_refusal(&refusal);
    return (PtrsPyPointer *)ptrs_py_raise(PyObject_CallFunction(
        ptrs_py_objects[PTRS_PY_NO_MEMORY], "nnnn", size, (Py_ssize_t)refusal.limit,
        (Py_ssize_t)refusal.lives, (Py_ssize_t)refusal.asked));
  }
  if (block <= 0) {
    return NULL;
  }
  PtrsPyPointer *const pointer = ptrs_py_new_pointer(ptrs_py_objects[kind], block);
  if (pointer) {
    pointer->owned = 1;
  } else {
    (void)ptrs_block_free(block);
  }
  return pointer;
}

// As new_owner(), from the allocator that is given or the default
static PtrsPyPointer *
new_owner_from(PtrsPyId kind, PyObject *given, Py_ssize_t size, Py_ssize_t align)
{
  PtrsPySource source;
  if (!ptrs_py_source(given, &source)) {
    return NULL;
  }
  PtrsPyPointer *const pointer = new_owner(kind, source.allocator, size, align);
  if (source.keeps) {
    Py_DECREF(source.keeps);
  }
  return pointer;
}

// Make a pointer of the arguments without names; NULL with or without an exception
typedef PyObject *(*Make)(PyObject *given,
                          PyObject *const *args,
                          Py_ssize_t n_args,
                          Py_ssize_t align);

static PyObject *
make_block(PyObject *given, PyObject *const *args, Py_ssize_t n_args, Py_ssize_t align)
{
  Py_ssize_t size = 0;
  return n_args == 1 && ptrs_py_as_index(args[0], &size)
             ? (PyObject *)new_owner_from(PTRS_PY_ALLOCATED, given, size, align)
             : NULL;
}

static PyObject *
make_array(PyObject *given, PyObject *const *args, Py_ssize_t n_args, Py_ssize_t align)
{
  Py_ssize_t count = 0;
  Py_ssize_t size  = 0;
  if (n_args != 2 || !ptrs_py_as_index(args[0], &count) || !ptrs_py_as_index(args[1], &size) ||
      (size && count > PY_SSIZE_T_MAX / size)) {
    return NULL;
  }
  PtrsPyPointer *const pointer = new_owner_from(PTRS_PY_ARRAY, given, count * size, align);
  if (pointer) {
    pointer->bound = size;
    pointer->index = count;
    pointer->kind  = PTRS_PY_KIND_ARRAY;
  }
  return (PyObject *)pointer;
}

// A function, which takes the allocator as an option
static inline PyObject *
call(Make make, PtrsPyId slow, PyObject *const *args, Py_ssize_t n_args, PyObject *names)
{
  Options options;
  PyObject *const made = take_options(args + n_args, names, &options)
                             ? make(options.allocator, args, n_args, options.align)
                             : NULL;
  return made || PyErr_Occurred() ? made : ptrs_py_slow(slow, args, n_args, names);
}

// A method of an allocator, which has one option alone
static inline PyObject *
call_method(Make make,
            PtrsPyId slow,
            PyObject *self,
            PyObject *const *args,
            Py_ssize_t n_args,
            PyObject *names)
{
  Options options;
  PyObject *const made = take_options(args + n_args, names, &options) && !options.allocator
                             ? make(self, args, n_args, options.align)
                             : NULL;
  return made || PyErr_Occurred() ? made : ptrs_py_slow_method(slow, self, args, n_args, names);
}

PyObject *
ptrs_py_malloc(PyObject *module, PyObject *const *args, Py_ssize_t n_args, PyObject *names)
{
  (void)module;
  return call(make_block, PTRS_PY_MALLOC, args, n_args, names);
}

PyObject *
ptrs_py_calloc(PyObject *module, PyObject *const *args, Py_ssize_t n_args, PyObject *names)
{
  (void)module;
  return call(make_array, PTRS_PY_CALLOC, args, n_args, names);
}

PyObject *
ptrs_py_allocator_malloc(PyObject *self, PyObject *const *args, Py_ssize_t n_args, PyObject *names)
{
  return call_method(make_block, PTRS_PY_MALLOC_METHOD, self, args, n_args, names);
}

PyObject *
ptrs_py_allocator_calloc(PyObject *self, PyObject *const *args, Py_ssize_t n_args, PyObject *names)
{
  return call_method(make_array, PTRS_PY_CALLOC_METHOD, self, args, n_args, names);
}

#endif
