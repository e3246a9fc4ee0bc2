// SPDX-License-Identifier: MIT
// Functions that are called with stack memory: from the trampoline straight to
// the Python function, which finds the pointer before its arguments.
#include "cpython/stack.h"

#include "cpython/error.h"
#include "cpython/held.h"
#include "cpython/pointer.h"
#include "ptrs/stack.h"

#ifndef PYPY_VERSION

#  include <structmember.h>

PyTypeObject *ptrs_py_stack_function_type;
PtrsAccessStackNeeds ptrs_py_stack_needs = {1, 1, 1};

// Arguments that fit into a call's own frame
#  define FEW 8

typedef struct {
  PyObject_HEAD vectorcallfunc vectorcall;
  Py_ssize_t size;  // bytes
  Py_ssize_t align; // bytes
  PyObject *func;
  PyObject *dict;
  PyObject *weakrefs;
  char in_class;   // it was defined in the body of a class
  char is_method;  // and became an attribute of it by itself; atomic
  char takes_self; // it is called with a self before the pointer
} StackFunction;

// One call: what goes into the C function and what comes out
typedef struct {
  PyObject *func;
  bool takes_self;
  PyObject *const *args;
  size_t n_args_flag;
  PyObject *names;
  PtrsPyPointer *pointer;
  PyObject *result;
  bool entered;
} Frame;

// Whether where self is cannot be told: it came to its class inside of something else
static bool
is_wrapped(const StackFunction *function)
{
  return function->in_class && !__atomic_load_n(&function->is_method, __ATOMIC_RELAXED);
}

// Call the function with the arguments in `all`, one more than there were
static PyObject *
call_in(Frame *frame, PyObject *const *all)
{
  const Py_ssize_t n_args = PyVectorcall_NARGS(frame->n_args_flag);
  return PyObject_Vectorcall(frame->func, all, (size_t)n_args + 1, frame->names);
}

// As above, with a copy of the caller's arguments
static PyObject *
call_copied(Frame *frame)
{
  const Py_ssize_t n_names = frame->names ? PyTuple_GET_SIZE(frame->names) : 0;
  const Py_ssize_t n_all   = PyVectorcall_NARGS(frame->n_args_flag) + n_names;
  const Py_ssize_t n_first = frame->takes_self ? 1 : 0;
  PyObject *few[FEW];
  PyObject **const all =
      n_all < FEW ? few : (PyObject **)PyMem_Malloc(((size_t)n_all + 1) * sizeof(PyObject *));
  if (!all) {
    return PyErr_NoMemory();
  }
  for (Py_ssize_t i = 0; i < n_all; ++i) {
    all[i < n_first ? i : i + 1] = frame->args[i];
  }
  all[n_first]           = (PyObject *)frame->pointer;
  PyObject *const result = call_in(frame, all);
  if (all != few) {
    PyMem_Free(all);
  }
  return result;
}

static PyObject *
call_function(Frame *frame)
{
  if (frame->takes_self || !(frame->n_args_flag & PY_VECTORCALL_ARGUMENTS_OFFSET)) {
    return call_copied(frame);
  }
  // The place before the arguments is ours meanwhile; those behind it are not
  PyObject **const all   = (PyObject **)frame->args - 1;
  PyObject *const before = all[0];
  all[0]                 = (PyObject *)frame->pointer;
  PyObject *const result = call_in(frame, all);
  all[0]                 = before;
  return result;
}

static void
enter(PtrsBlock block, void *mem, size_t size, void *ctx)
{
  (void)mem;
  (void)size;
  Frame *const frame = (Frame *)ctx;
  frame->entered     = true;
  if (Py_EnterRecursiveCall(" on entering a stack function")) {
    return;
  }
  frame->pointer = ptrs_py_new_pointer(ptrs_py_objects[PTRS_PY_STACK], block, false);
  if (frame->pointer) {
    frame->result = call_function(frame);
  }
  Py_LeaveRecursiveCall();
}

static PyObject *
raise_stack_error(PtrsStatus status, Py_ssize_t size)
{
  return ptrs_py_raise(
      PyObject_CallFunction(ptrs_py_objects[PTRS_PY_STACK_ERROR], "in", (int)status, size));
}

// Release what the memory held, whatever exception is under way
static void
release_held(PtrsPyPointer *pointer)
{
  PtrsPyError error;
  ptrs_py_error_take(&error);
  PyObject *const done = ptrs_py_release_held(pointer);
  if (!done) {
    PyErr_WriteUnraisable((PyObject *)pointer);
  }
  Py_XDECREF(done);
  ptrs_py_error_put_back(&error);
}

// Whether what a function returned would run its code later
static bool
is_suspended(PyObject *result)
{
  return PyGen_CheckExact(result) || PyCoro_CheckExact(result) || PyAsyncGen_CheckExact(result);
}

static PyObject *
call(const StackFunction *function,
     bool takes_self,
     PyObject *const *args,
     size_t n_args_flag,
     PyObject *names)
{
  const Py_ssize_t size = function->size;
  Frame frame           = {.func        = function->func,
                           .takes_self  = takes_self,
                           .args        = args,
                           .n_args_flag = n_args_flag,
                           .names       = names};
  const size_t limit =
      (size_t)ptrs_access_stack_limit(Py_GetRecursionLimit(), &ptrs_py_stack_needs);
  // The function that is called may drop what it is called through
  Py_INCREF(frame.func);
  // Where other threads use the memory, it waits for them; they need no interpreter
  const PtrsStatus status =
      ptrs_stack_call((size_t)size, (size_t)function->align, limit, enter, &frame);
  if (frame.pointer) {
    release_held(frame.pointer);
    Py_DECREF(frame.pointer);
  }
  PyObject *result = frame.result;
  if (!result && !frame.entered) {
    (void)raise_stack_error(status, size);
  } else if (result && is_suspended(result)) {
    (void)ptrs_py_raise(ptrs_py_slow_2(PTRS_PY_SUSPENDED_ERROR, frame.func, result));
    Py_CLEAR(result);
  }
  Py_DECREF(frame.func);
  return result;
}

static PyObject *
function_vectorcall(PyObject *self, PyObject *const *args, size_t n_args_flag, PyObject *names)
{
  const StackFunction *const function = (StackFunction *)self;
  const bool takes_self               = function->takes_self;
  if (is_wrapped(function)) {
    return ptrs_py_raise(ptrs_py_slow_1(PTRS_PY_WRAPPED_ERROR, function->func));
  }
  if (takes_self && !PyVectorcall_NARGS(n_args_flag)) {
    return ptrs_py_raise(ptrs_py_slow_1(PTRS_PY_NO_SELF_ERROR, function->func));
  }
  return call(function, takes_self, args, n_args_flag, names);
}

static PyObject *
new_function(PyTypeObject *type, Py_ssize_t size, Py_ssize_t align, PyObject *func)
{
  if (size < 0 || align <= 0) {
    PyErr_SetString(PyExc_ValueError, "size or alignment is no number of bytes");
    return NULL;
  }
  StackFunction *const function = (StackFunction *)type->tp_alloc(type, 0);
  if (function) {
    Py_INCREF(func);
    function->vectorcall = function_vectorcall;
    function->size       = size;
    function->align      = align;
    function->func       = func;
  }
  return (PyObject *)function;
}

static PyObject *
function_new(PyTypeObject *type, PyObject *args, PyObject *names)
{
  static char *keywords[] = {"size", "align", "func", NULL};
  Py_ssize_t size         = 0;
  Py_ssize_t align        = 0;
  PyObject *func          = NULL;
  if (!PyArg_ParseTupleAndKeywords(args, names, "nnO", keywords, &size, &align, &func)) {
    return NULL;
  }
  PyObject *const self     = new_function(type, size, align, func);
  PyObject *const in_class = self ? ptrs_py_slow_2(PTRS_PY_DESCRIBE, self, func) : NULL;
  if (!in_class) {
    Py_XDECREF(self);
    return NULL;
  }
  ((StackFunction *)self)->in_class   = in_class == Py_True;
  ((StackFunction *)self)->takes_self = in_class == Py_True;
  Py_DECREF(in_class);
  return self;
}

// Call a function at once: takes size and alignment in bytes, and the function
PyObject *
ptrs_py_call_once(PyObject *module, PyObject *args)
{
  (void)module;
  Py_ssize_t size  = 0;
  Py_ssize_t align = 0;
  PyObject *func   = NULL;
  if (!PyArg_ParseTuple(args, "nnO", &size, &align, &func)) {
    return NULL;
  }
  PyObject *const function = new_function(ptrs_py_stack_function_type, size, align, func);
  PyObject *const result = function ? call((StackFunction *)function, false, NULL, 0, NULL) : NULL;
  Py_XDECREF(function);
  return result;
}

// The same function, which takes a self
static PyObject *
new_method(PyObject *self)
{
  const StackFunction *const function = (StackFunction *)self;
  PyObject *const dict                = PyObject_GenericGetDict(self, NULL);
  PyObject *const made =
      dict ? new_function(Py_TYPE(self), function->size, function->align, function->func) : NULL;
  if (!made) {
    Py_XDECREF(dict);
    return NULL;
  }
  StackFunction *const method = (StackFunction *)made;
  method->takes_self          = 1;
  method->dict                = dict;
  return made;
}

// As an attribute of a class or an instance
static PyObject *
function_get(PyObject *self, PyObject *instance, PyObject *owner)
{
  (void)owner;
  const StackFunction *const function = (StackFunction *)self;
  PyObject *method                    = self;
  if (function->takes_self) {
    Py_INCREF(self);
  } else {
    method = new_method(self);
  }
  // One that is wrapped is refused when it is called
  if (!method || !instance || instance == Py_None || is_wrapped(function)) {
    return method;
  }
  PyObject *const bound = PyMethod_New(method, instance);
  Py_DECREF(method);
  return bound;
}

static PyObject *
set_name(PyObject *self, PyObject *args)
{
  (void)args;
  __atomic_store_n(&((StackFunction *)self)->is_method, 1, __ATOMIC_RELAXED);
  Py_RETURN_NONE;
}

static int
function_traverse(PyObject *self, visitproc visit, void *arg)
{
  const StackFunction *const function = (StackFunction *)self;
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(function->func);
  Py_VISIT(function->dict);
  return 0;
}

static int
function_clear(PyObject *self)
{
  // Without its function it could not be called: that is in the dict as well
  Py_CLEAR(((StackFunction *)self)->dict);
  return 0;
}

static void
function_dealloc(PyObject *self)
{
  StackFunction *const function = (StackFunction *)self;
  PyTypeObject *const type      = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  // Functions in functions, any number deep, go without a call of C in a call for each
  Py_TRASHCAN_BEGIN(self, function_dealloc) if (function->weakrefs)
  {
    PyObject_ClearWeakRefs(self);
  }
  Py_CLEAR(function->dict);
  Py_CLEAR(function->func);
  type->tp_free(self);
  Py_DECREF(type);
  Py_TRASHCAN_END
}

static PyMethodDef function_methods[] = {
    {"__set_name__", set_name, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef function_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(StackFunction, vectorcall), READONLY, NULL},
    {"__dictoffset__", T_PYSSIZET, offsetof(StackFunction, dict), READONLY, NULL},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(StackFunction, weakrefs), READONLY, NULL},
    {"_func", T_OBJECT, offsetof(StackFunction, func), READONLY, NULL},
    {"_takes_self", T_BOOL, offsetof(StackFunction, takes_self), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyGetSetDef function_fields[] = {
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot function_slots[] = {
    {Py_tp_doc, (void *)"A function that gets a pointer to stack memory as its first argument."},
    {Py_tp_new, (void *)function_new},
    {Py_tp_call, (void *)PyVectorcall_Call},
    {Py_tp_descr_get, (void *)function_get},
    {Py_tp_traverse, (void *)function_traverse},
    {Py_tp_clear, (void *)function_clear},
    {Py_tp_dealloc, (void *)function_dealloc},
    {Py_tp_methods, function_methods},
    {Py_tp_members, function_members},
    {Py_tp_getset, function_fields},
    {0, NULL},
};

PyType_Spec ptrs_py_stack_function_spec = {
    .name      = "pointers._fastpath.StackFunction",
    .basicsize = sizeof(StackFunction),
    .flags     = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL,
    .slots     = function_slots,
};

#endif
