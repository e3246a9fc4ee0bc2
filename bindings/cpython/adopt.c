// SPDX-License-Identifier: MIT
#include "cpython/adopt.h"

#include "access/access.h"
#include "cpython/error.h"
#include "cpython/operations.h"
#include "cpython/peek.h"

#ifndef PYPY_VERSION

#  include <string.h>

// Functions that have been found to free memory, each in the place that its address chooses.  Kept
// as their blocks keep them: for ever, or until another one takes the place.  Without a global
// lock, nothing guards the places, and every function is looked at anew.
#  ifndef Py_GIL_DISABLED
#    define N_KNOWN 64

static struct {
  PyObject *function;
  PyObject *argtypes; // NULL: neither these nor the address can be changed
  uintptr_t address;
} known[N_KNOWN];

static size_t
place_of(PyObject *function)
{
  return ((uintptr_t)function >> 4) % N_KNOWN;
}
#  endif

static PyObject *argtypes_name;
static PyObject *keepalive_name;
static PyObject *free_name;

static bool
know_name(PyObject **name, const char *text)
{
  if (!*name) {
    *name = PyUnicode_InternFromString(text);
  }
  return *name;
}

static bool
know_names(void)
{
  return know_name(&argtypes_name, "argtypes") && know_name(&keepalive_name, "keepalive") &&
         know_name(&free_name, "free");
}

PyObject *
ptrs_py_know_free(PyObject *module, PyObject *args)
{
  (void)module;
  PyObject *function         = NULL;
  unsigned long long address = 0;
  int is_fixed               = 0;
  if (!PyArg_ParseTuple(args, "OKp", &function, &address, &is_fixed) || !know_names()) {
    return NULL;
  }
#  ifndef Py_GIL_DISABLED
  PyObject *const argtypes = is_fixed ? NULL : PyObject_GetAttr(function, argtypes_name);
  if (!is_fixed && !argtypes) {
    return NULL;
  }
  const size_t i           = place_of(function);
  PyObject *const before[] = {known[i].function, known[i].argtypes};
  Py_INCREF(function);
  known[i].function = function;
  known[i].argtypes = argtypes;
  known[i].address  = (uintptr_t)address;
  Py_XDECREF(before[0]);
  Py_XDECREF(before[1]);
#  endif
  Py_RETURN_NONE;
}

// The address that an object of ctypes has; 0 with or without an exception
static uintptr_t
address_in(PyObject *function)
{
  Py_buffer view;
  uintptr_t address = 0;
  if (PyObject_GetBuffer(function, &view, PyBUF_SIMPLE)) {
    return 0;
  }
  if (view.len >= (Py_ssize_t)sizeof(address)) {
    memcpy(&address, view.buf, sizeof(address));
  }
  PyBuffer_Release(&view);
  return address;
}

// The address of a function that is known, and is still what it was; 0 with or without an
// exception
static uintptr_t
address_of(PyObject *function)
{
#  ifndef Py_GIL_DISABLED
  const size_t i           = place_of(function);
  const uintptr_t address  = known[i].address;
  PyObject *const argtypes = known[i].argtypes;
  if (known[i].function != function || !argtypes) {
    return known[i].function == function ? address : 0;
  }
  // Code of a class may run here, and take the place
  Py_INCREF(argtypes);
  PyObject *const now = PyObject_GetAttr(function, argtypes_name);
  const bool is_same  = now == argtypes && address_in(function) == address;
  Py_XDECREF(now);
  Py_DECREF(argtypes);
  return is_same ? address : 0;
#  else
  (void)function;
  return 0;
#  endif
}

// Take the arguments that have names; false for what is rare or wrong
static bool
take_options(PyObject *const *values, PyObject *names, PyObject **keepalive, PyObject **function)
{
  if (!know_names()) {
    PyErr_Clear();
    return false;
  }
  for (Py_ssize_t i = 0; names && i < PyTuple_GET_SIZE(names); ++i) {
    PyObject *const name = PyTuple_GET_ITEM(names, i);
    if (name == keepalive_name) {
      *keepalive = values[i];
    } else if (name == free_name) {
      *function = values[i];
    } else {
      return false;
    }
  }
  // Weak references keep nothing; and for both there is an object of Python
  return !PyWeakref_Check(*keepalive) && (*keepalive == Py_None || *function == Py_None);
}

// The pointer that owns a block at an address; NULL with or without an exception
static PyObject *
adopt(Py_ssize_t address, Py_ssize_t size, uintptr_t function, PyObject *keepalive)
{
  // Before there is a block, whose end would free what is the caller's until then
  PtrsPyPointer *const pointer = ptrs_py_new_ending(
      ptrs_py_objects[PTRS_PY_ADOPTED], 0, function ? PTRS_PY_ENDING_FREE : PTRS_PY_ENDING_QUIET);
  if (!pointer) {
    return NULL;
  }
  const int64_t block = ptrs_access_own((uintptr_t)address, (size_t)size, function, 0);
  if (block < 0) {
    Py_DECREF(pointer);
    // Not by the Python function: see new_owner() in allocate.c
    return block == -(int64_t)PTRS_STATUS_NO_MEM
               ? ptrs_py_raise(PyObject_CallFunction(ptrs_py_objects[PTRS_PY_NO_MEMORY], "n", size))
               : NULL;
  }
  if (keepalive != Py_None) {
    Py_INCREF(keepalive);
    ((PtrsPyAdopted *)pointer)->kept = keepalive;
  }
  pointer->handle = block | PTRS_PY_OWNED;
  return (PyObject *)pointer;
}

PyObject *
ptrs_py_from_address(PyObject *module, PyObject *const *args, Py_ssize_t n_args, PyObject *names)
{
  (void)module;
  PyObject *keepalive = Py_None;
  PyObject *function  = Py_None;
  Py_ssize_t number   = 0;
  Py_ssize_t size     = 0;
  if (n_args == 2 && ptrs_py_as_index(args[0], &number) && ptrs_py_as_index(args[1], &size) &&
      number && size <= PY_SSIZE_T_MAX - number &&
      take_options(args + n_args, names, &keepalive, &function)) {
    const uintptr_t address = function == Py_None ? 0 : address_of(function);
    PyObject *const made =
        function == Py_None || address ? adopt(number, size, address, keepalive) : NULL;
    if (made || PyErr_Occurred()) {
      return made;
    }
  }
  return ptrs_py_slow(PTRS_PY_FROM_ADDRESS, args, n_args, names);
}

// What a block keeps may be the last view of another block, which keeps a third: beyond so many
// ends of blocks within each other, the rest waits until the outermost is done
#  define MAX_NESTED 50

static _Thread_local int n_nested;
static PyObject *waiting; // a list

// Keep an object until later where too many ends are within each other
static void
put_off(PyObject *kept)
{
  if (n_nested < MAX_NESTED) {
    return;
  }
  if (!waiting) {
    waiting = PyList_New(0);
  }
  if (!waiting || PyList_Append(waiting, kept)) {
    PyErr_Clear(); // without memory for the list, the stack has to do
  }
}

static void
let_go_of_waiting(void)
{
  Py_ssize_t n_waiting = 0;
  while (waiting && (n_waiting = PyList_GET_SIZE(waiting)) > 0) {
    PyObject *const kept = PyList_GET_ITEM(waiting, n_waiting - 1);
    Py_INCREF(kept);
    if (PyList_SetSlice(waiting, n_waiting - 1, n_waiting, NULL)) {
      PyErr_Clear(); // the next end of a block tries again
      Py_DECREF(kept);
      return;
    }
    Py_DECREF(kept);
  }
}

// Called by the thread that ends a block, with or without the interpreter's lock
static void
let_go(void *mem, void *kept)
{
  (void)mem;
  if (!Py_IsInitialized()) {
    return;
  }
  const PyGILState_STATE state = PyGILState_Ensure();
  PtrsPyError error;
  ptrs_py_error_take(&error);
  put_off((PyObject *)kept);
  n_nested += 1;
  Py_DECREF((PyObject *)kept); // of an object that was put off, the list has one more
  if (n_nested == 1) {
    let_go_of_waiting();
  }
  n_nested -= 1;
  ptrs_py_error_put_back(&error);
  PyGILState_Release(state);
}

void
ptrs_py_leave_kept(PtrsPyPointer *pointer)
{
  PyObject *const kept = ptrs_py_take_kept(pointer);
  if (!kept) {
    return;
  }
  PtrsStatus status = PTRS_STATUS_SUCCESS;
  Py_BEGIN_ALLOW_THREADS;
  status = ptrs_block_set_free(ptrs_py_block(pointer), let_go, kept);
  Py_END_ALLOW_THREADS;
  // Without memory, the block is there, and what it keeps has to stay for ever
  if (status && status != PTRS_STATUS_NO_MEM) {
    Py_DECREF(kept);
  }
}

PyObject *
ptrs_py_new_adopted(PyObject *module, PyObject *args)
{
  (void)module;
  PyObject *kind   = NULL;
  PyObject *ending = NULL;
  long long block  = 0;
  if (!PyArg_ParseTuple(args, "OLO", &kind, &block, &ending)) {
    return NULL;
  }
  if (kind != ptrs_py_objects[PTRS_PY_ADOPTED]) {
    PyErr_SetString(PyExc_TypeError, "the class AdoptedPointer is needed");
    return NULL;
  }
  PtrsPyPointer *const pointer = ptrs_py_new_ending(kind, block, PTRS_PY_ENDING_PYTHON);
  if (pointer) {
    Py_INCREF(ending);
    ((PtrsPyAdopted *)pointer)->kept = ending;
  }
  return (PyObject *)pointer;
}

// The object that does what there is to do at the end; None where C does that
static PyObject *
get_ending(PyObject *self, void *unused)
{
  (void)unused;
  PtrsPyAdopted *const adopted = (PtrsPyAdopted *)self;
  const char ending            = ptrs_py_place(&adopted->pointer)->ending;
  PyObject *const found = ending == PTRS_PY_ENDING_PYTHON ? adopted->kept : ending ? Py_None : NULL;
  if (!found) {
    PyErr_SetString(PyExc_AttributeError, "_ending");
  }
  Py_XINCREF(found);
  return found;
}

PyGetSetDef ptrs_py_ending_field = {"_ending", get_ending, NULL, NULL, NULL};

#endif
