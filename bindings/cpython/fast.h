// SPDX-License-Identifier: MIT
// The fast path of CPython: pointers whose state is in C, and their frequent
// operations over the same blocks and the same codec as the Python code.
//
// An operation here does what is common.  Whatever is rare or an error is left
// to the Python function that it stands for, which does it all again from the
// start: so there is one copy of each message and each rule.  "NULL without an
// exception" and negative results mean that.
//
// No interpreter call is made while a block is entered.  A thread that holds
// the interpreter never waits for a block: it enters with `busy`, and lets
// others run before it waits (`ptrs_block_enter`) or copies much.
#ifndef POINTERS_FAST_H
#define POINTERS_FAST_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#ifndef PYPY_VERSION

#  include "access/access.h"
#  include "access/stack_limit.h"

// Steps of a pointer are bytes, or the slots of an array
typedef enum { PTRS_PLACE_BYTES, PTRS_PLACE_ARRAY, PTRS_PLACE_SLOT } PtrsPlaceKind;

// A pointer.  All but `owned` and `references` stay as they were made; without
// a global lock these two are accessed atomically.
typedef struct {
  PyObject_HEAD PtrsBlock block;
  Py_ssize_t offset;    // bytes from the start of the block
  Py_ssize_t room;      // bytes that a store may take, as far as the block reaches
  Py_ssize_t index;     // slot: its number; array: slots, where these have no bytes
  PyObject *home;       // the owner, NULL in the owner
  PyObject *references; // objects stored by reference, in the owner; or NULL
  PyObject *weakrefs;
  char owned;   // the owner has to free the block
  char kind;    // PtrsPlaceKind
  char stepped; // slot: reached from the array by steps, which lead back to it
} PtrsPlace;

// Python functions and classes that the operations here fall back on or make
typedef enum {
  PTRS_PY_ALLOCATED, // classes
  PTRS_PY_ARRAY,
  PTRS_PY_SLOT,
  PTRS_PY_STACK,
  PTRS_PY_REFERENCES,    // (handle): the objects stored in a block by reference
  PTRS_PY_ALLOCATOR_VAR, // the context variable of the default, a `Default` of Python
  PTRS_PY_SYSTEM,        // the default that is the allocator which is known here
  PTRS_PY_WARN_DROPPED,  // (class of the pointer, size, pointer or None)
  PTRS_PY_CLASS_ERROR,   // (pointer): an exception
  PTRS_PY_PIN,           // (handle), for its errors
  PTRS_PY_DESCRIBE,      // (stack function, function): whether it is in a class
  PTRS_PY_STACK_ERROR,   // (status, size): an exception
  PTRS_PY_NO_MEMORY,     // (size): an exception
  PTRS_PY_RETURNED,      // (function, result): an exception
  PTRS_PY_WRAPPED,       // (function): an exception
  PTRS_PY_NO_SELF,       // (function): an exception
  PTRS_PY_MALLOC,        // what stands in for these, with their arguments
  PTRS_PY_CALLOC,
  PTRS_PY_FREE,
  PTRS_PY_MOVE,
  PTRS_PY_DEREFERENCE,
  PTRS_PY_READ,
  PTRS_PY_WRITE,
  PTRS_PY_VIEW,
  PTRS_PY_FREE_METHOD,
  PTRS_PY_EQUAL,
  PTRS_PY_BYTES_ADD,
  PTRS_PY_BYTES_SUBTRACT,
  PTRS_PY_BYTES_GET,
  PTRS_PY_BYTES_SET,
  PTRS_PY_SLOTS_ADD,
  PTRS_PY_SLOTS_SUBTRACT,
  PTRS_PY_SLOTS_GET,
  PTRS_PY_SLOTS_SET,
  PTRS_PY_SLOTS_COUNT,
  PTRS_PY_STORE_SLOTS,
  PTRS_PY_TOLIST,
  PTRS_N_PY
} PtrsPython;

extern PyObject *ptrs_python[PTRS_N_PY];
extern PyTypeObject *ptrs_place_type;
extern PyTypeObject *ptrs_slots_iterator_type;
extern PyTypeObject *ptrs_lease_type;
extern PyTypeObject *ptrs_stack_function_type;

// What this interpreter's recursion needs of the stack, from pointers/_pointer/stack_call.py
extern PtrsAccessStackNeeds ptrs_stack_needs;

// The C function's own arguments for the Python function that it stands for
static inline PyObject *
ptrs_fall_back(PtrsPython which, PyObject *const *args, Py_ssize_t n_args, PyObject *names)
{
  return PyObject_Vectorcall(ptrs_python[which], args, (size_t)n_args, names);
}

// The same for a method, whose Python function takes its self among them
PyObject *ptrs_fall_back_method(
    PtrsPython which, PyObject *self, PyObject *const *args, Py_ssize_t n_args, PyObject *names);

PyObject *ptrs_fall_back_1(PtrsPython which, PyObject *a);
PyObject *ptrs_fall_back_2(PtrsPython which, PyObject *a, PyObject *b);
PyObject *ptrs_fall_back_3(PtrsPython which, PyObject *a, PyObject *b, PyObject *c);

// Raise the exception that a Python function makes, which takes a reference
PyObject *ptrs_raise(PyObject *error);

// An exception that is under way, put aside
typedef struct {
  PyObject *parts[3];
} PtrsError;

static inline void
ptrs_error_take(PtrsError *error)
{
#  if PY_VERSION_HEX >= 0x030C0000
  error->parts[0] = PyErr_GetRaisedException();
#  else
  PyErr_Fetch(&error->parts[0], &error->parts[1], &error->parts[2]);
#  endif
}

static inline void
ptrs_error_put_back(PtrsError *error)
{
#  if PY_VERSION_HEX >= 0x030C0000
  PyErr_SetRaisedException(error->parts[0]);
#  else
  PyErr_Restore(error->parts[0], error->parts[1], error->parts[2]);
#  endif
}

// Whether a pointer is of one of the classes that are made here, whose methods
// are therefore known
static inline bool
ptrs_is_plain_type(PyTypeObject *type)
{
  PyObject *const kind = (PyObject *)type;
  return kind == ptrs_python[PTRS_PY_ALLOCATED] || kind == ptrs_python[PTRS_PY_SLOT] ||
         kind == ptrs_python[PTRS_PY_ARRAY] || kind == ptrs_python[PTRS_PY_STACK];
}

static inline bool
ptrs_is_plain(PyObject *obj)
{
  return ptrs_is_plain_type(Py_TYPE(obj));
}

static inline bool
ptrs_is_place(PyObject *obj)
{
  return ptrs_is_plain(obj) || PyObject_TypeCheck(obj, ptrs_place_type);
}

// Let the instances of such a class, which adds nothing to a pointer, go without
// Python's detours; false if it is another
bool ptrs_make_plain(PyObject *type);

static inline PtrsPlace *
ptrs_home(PtrsPlace *place)
{
  return place->home ? (PtrsPlace *)place->home : place;
}

// Borrowed; they stay as long as the pointer
static inline PyObject *
ptrs_references(PtrsPlace *place)
{
  return __atomic_load_n(&ptrs_home(place)->references, __ATOMIC_ACQUIRE);
}

// New pointers, or NULL with an exception

PtrsPlace *ptrs_new_place(PyObject *type, PtrsBlock block);
PyObject *ptrs_new_alias(PtrsPlace *place, PyTypeObject *type, Py_ssize_t offset);
PyObject *ptrs_new_slot(PtrsPlace *place, PyObject *type, Py_ssize_t index);

// As the last, by steps, which lead from an array and back to it
PyObject *ptrs_new_step(PtrsPlace *place, PyObject *type, Py_ssize_t index);

// Bytes of a block; negative where it is gone or busy
Py_ssize_t ptrs_peek_size(PtrsBlock block);

// Bytes from a pointer to the end of its slot or its block; negative as above
Py_ssize_t ptrs_peek_room(PtrsPlace *place);

// The same of a block that is pinned, which has a size; never negative
Py_ssize_t ptrs_pinned_room(PtrsPlace *place);

// Slots of the array that a pointer is in; negative as above, or with no bytes
Py_ssize_t ptrs_peek_count(PtrsPlace *place);

// A small int that was given as an index or a size; false for anything else
bool ptrs_as_index(PyObject *obj, Py_ssize_t *index);

// fast_value.c

// Take the value of an object that is stored as one; false for all others, and
// for ints beyond 64 bits
bool ptrs_value_of(PyObject *obj, PtrsCodecValue *value);

// Store an object by value; its size, or negative
int64_t ptrs_store_object(PtrsBlock block, Py_ssize_t offset, Py_ssize_t room, PyObject *obj);

// Load an object; NULL with or without an exception
PyObject *ptrs_load_object(PtrsBlock block, Py_ssize_t offset);

// fast_check.c

// Whether samples of all types come through the two functions above unharmed
bool ptrs_objects_are_understood(void);

// fast_access.c

// Release references that were overwritten, if there are any; -1 with an exception
int ptrs_overwritten(PtrsPlace *place, Py_ssize_t start, Py_ssize_t end);

PyObject *ptrs_place_ilshift(PyObject *self, PyObject *obj);
PyObject *ptrs_place_invert(PyObject *self);
PyObject *ptrs_place_move(PyObject *, PyObject *const *, Py_ssize_t, PyObject *);
PyObject *ptrs_place_dereference(PyObject *, PyObject *const *, Py_ssize_t, PyObject *);
PyObject *ptrs_place_read(PyObject *, PyObject *const *, Py_ssize_t, PyObject *);
PyObject *ptrs_place_write(PyObject *, PyObject *const *, Py_ssize_t, PyObject *);

// fast_steps.c

PyObject *ptrs_place_add(PyObject *a, PyObject *b);
PyObject *ptrs_place_subtract(PyObject *a, PyObject *b);
PyObject *ptrs_place_get(PyObject *self, PyObject *key);
int ptrs_place_set(PyObject *self, PyObject *key, PyObject *value);
PyObject *ptrs_place_iter(PyObject *self);
extern PyType_Spec ptrs_slots_iterator_spec;

// fast_bulk.c

PyObject *ptrs_place_store_slots(PyObject *, PyObject *const *, Py_ssize_t, PyObject *);
PyObject *ptrs_place_tolist(PyObject *, PyObject *const *, Py_ssize_t, PyObject *);

// fast_heap.c

PyObject *ptrs_fast_calloc(PyObject *, PyObject *const *, Py_ssize_t, PyObject *);
PyObject *ptrs_fast_malloc(PyObject *, PyObject *const *, Py_ssize_t, PyObject *);
PyObject *ptrs_fast_free(PyObject *, PyObject *const *, Py_ssize_t, PyObject *);
PyObject *ptrs_place_free(PyObject *, PyObject *const *, Py_ssize_t, PyObject *);
void ptrs_place_finalize(PyObject *self);

// The same where nothing may see the pointer any more: its class has a __del__ that does
// not call its base
void ptrs_place_finalize_late(PtrsPlace *place);

// Free the block of a pointer that nothing refers to, and that owns it, where a
// warning would not be heard: no Python runs.  False if that is for the finalizer.
bool ptrs_place_free_unheard(PtrsPlace *place);

// fast_doc.c

// An operator of the C type with documentation for a class: (class, name, text)
PyObject *ptrs_document(PyObject *module, PyObject *args);
PyObject *ptrs_is_direct(PyObject *module, PyObject *kind);

// fast_warn.c

// To be called once; -1 with an exception
int ptrs_warn_init(void);

// Whether a ResourceWarning would surely not be heard, wherever it came from
bool ptrs_warnings_are_ignored(void);

// fast_view.c

int ptrs_place_getbuffer(PyObject *self, Py_buffer *view, int flags);
void ptrs_place_releasebuffer(PyObject *self, Py_buffer *view);
PyObject *ptrs_place_view(PyObject *, PyObject *const *, Py_ssize_t, PyObject *);
extern PyType_Spec ptrs_lease_spec;

// fast_stack.c

PyObject *ptrs_stack_call_once(PyObject *module, PyObject *args);
extern PyType_Spec ptrs_stack_function_spec;

// fast_place.c

extern PyType_Spec ptrs_place_spec;

// fast_make.c

extern PyMethodDef ptrs_factories[];

#endif
#endif
