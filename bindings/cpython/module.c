// SPDX-License-Identifier: MIT
// The module `pointers._fastpath`.  It is in the same shared object as the one
// that cffi makes, by a second init function (PEP 489): objects cannot leave
// through cffi itself, which knows no references and lets the interpreter go
// around every call.
#include "cpython/fast.h"

#ifndef PYPY_VERSION

#  include <string.h>

PyObject *ptrs_python[PTRS_N_PY];
PyTypeObject *ptrs_place_type;
PyTypeObject *ptrs_slots_iterator_type;
PyTypeObject *ptrs_lease_type;
PyTypeObject *ptrs_stack_function_type;
PtrsAccessStackNeeds ptrs_stack_needs = {1, 1, 1};

PyObject *
ptrs_fall_back_1(PtrsPython which, PyObject *a)
{
  PyObject *const args[] = {a};
  return ptrs_fall_back(which, args, 1, NULL);
}

PyObject *
ptrs_fall_back_2(PtrsPython which, PyObject *a, PyObject *b)
{
  PyObject *const args[] = {a, b};
  return ptrs_fall_back(which, args, 2, NULL);
}

PyObject *
ptrs_fall_back_3(PtrsPython which, PyObject *a, PyObject *b, PyObject *c)
{
  PyObject *const args[] = {a, b, c};
  return ptrs_fall_back(which, args, 3, NULL);
}

PyObject *
ptrs_fall_back_method(
    PtrsPython which, PyObject *self, PyObject *const *args, Py_ssize_t n_args, PyObject *names)
{
  PyObject *all[8]       = {self};
  const Py_ssize_t n_all = n_args + (names ? PyTuple_GET_SIZE(names) : 0);
  if (n_all >= (Py_ssize_t)Py_ARRAY_LENGTH(all)) {
    PyErr_Format(PyExc_TypeError, "takes no %zd arguments", n_all);
    return NULL;
  }
  for (Py_ssize_t i = 0; i < n_all; ++i) {
    all[i + 1] = args[i];
  }
  return ptrs_fall_back(which, all, n_args + 1, names);
}

PyObject *
ptrs_raise(PyObject *error)
{
  if (error) {
    PyErr_SetObject((PyObject *)Py_TYPE(error), error);
    Py_DECREF(error);
  }
  return NULL;
}

// The names by which pointers/_fast.py hands over what is in ptrs_python
static const struct {
  const char *name;
  PtrsPython which;
} givens[] = {
    {"AllocatedPointer", PTRS_PY_ALLOCATED}, // classes
    {"AllocatedArrayPointer", PTRS_PY_ARRAY},
    {"ArraySlotPointer", PTRS_PY_SLOT},
    {"StackAllocatedPointer", PTRS_PY_STACK},
    {"references_of", PTRS_PY_REFERENCES},
    {"default_allocator", PTRS_PY_ALLOCATOR_VAR},
    {"system_default", PTRS_PY_SYSTEM},
    {"warn_dropped", PTRS_PY_WARN_DROPPED},
    {"class_error", PTRS_PY_CLASS_ERROR},
    {"pin", PTRS_PY_PIN},
    {"describe", PTRS_PY_DESCRIBE},
    {"stack_error", PTRS_PY_STACK_ERROR},
    {"no_memory", PTRS_PY_NO_MEMORY},
    {"suspended_error", PTRS_PY_RETURNED},
    {"wrapped_error", PTRS_PY_WRAPPED},
    {"no_self_error", PTRS_PY_NO_SELF},
    {"count_slots", PTRS_PY_SLOTS_COUNT},
};

// What stands in for a Python function.  An operator, without a definition, is
// that of the type.
#  define METHOD(owner, name, which, signature, function)                                          \
    {                                                                                              \
      owner, name, which, signature,                                                               \
      {                                                                                            \
        name, (PyCFunction)(void (*)(void))(function), METH_FASTCALL | METH_KEYWORDS, NULL         \
      }                                                                                            \
    }
#  define OPERATOR(owner, name, which)                                                             \
    {                                                                                              \
      owner, name, which, NULL,                                                                    \
      {                                                                                            \
        NULL, NULL, 0, NULL                                                                        \
      }                                                                                            \
    }
static struct {
  const char *owner; // the class; empty for a function of the module
  const char *name;
  PtrsPython which;
  const char *signature;
  PyMethodDef def;
} substitutes[] = {
    METHOD("",
           "malloc",
           PTRS_PY_MALLOC,
           "($module, size, *, align=None, allocator=None)",
           ptrs_fast_malloc),
    METHOD("",
           "calloc",
           PTRS_PY_CALLOC,
           "($module, count, size, *, align=None, allocator=None)",
           ptrs_fast_calloc),
    METHOD("", "free", PTRS_PY_FREE, "($module, ptr)", ptrs_fast_free),
    METHOD("Pointer", "move", PTRS_PY_MOVE, "($self, obj, *, unsafe=False)", ptrs_place_move),
    METHOD("Pointer", "dereference", PTRS_PY_DEREFERENCE, "($self)", ptrs_place_dereference),
    METHOD("Pointer", "read", PTRS_PY_READ, "($self, n=None)", ptrs_place_read),
    METHOD("Pointer", "write", PTRS_PY_WRITE, "($self, data)", ptrs_place_write),
    METHOD("Pointer", "view", PTRS_PY_VIEW, "($self, format='B', writable=True)", ptrs_place_view),
    METHOD("HeapPointer", "free", PTRS_PY_FREE_METHOD, "($self)", ptrs_place_free),
    METHOD("_Slots",
           "_store_slots",
           PTRS_PY_STORE_SLOTS,
           "($self, first, values)",
           ptrs_place_store_slots),
    METHOD("AllocatedArrayPointer", "tolist", PTRS_PY_TOLIST, "($self)", ptrs_place_tolist),
    OPERATOR("Pointer", "__ilshift__", PTRS_PY_MOVE),
    OPERATOR("Pointer", "__invert__", PTRS_PY_DEREFERENCE),
    OPERATOR("Pointer", "__eq__", PTRS_PY_EQUAL),
    OPERATOR("BytePointer", "__add__", PTRS_PY_BYTES_ADD),
    OPERATOR("BytePointer", "__sub__", PTRS_PY_BYTES_SUBTRACT),
    OPERATOR("BytePointer", "__getitem__", PTRS_PY_BYTES_GET),
    OPERATOR("BytePointer", "__setitem__", PTRS_PY_BYTES_SET),
    OPERATOR("_Slots", "__add__", PTRS_PY_SLOTS_ADD),
    OPERATOR("_Slots", "__sub__", PTRS_PY_SLOTS_SUBTRACT),
    OPERATOR("_Slots", "__getitem__", PTRS_PY_SLOTS_GET),
    OPERATOR("_Slots", "__setitem__", PTRS_PY_SLOTS_SET),
};

static PyObject *
give(PyObject *module, PyObject *args)
{
  (void)module;
  const char *name = NULL;
  PyObject *obj    = NULL;
  if (!PyArg_ParseTuple(args, "sO", &name, &obj)) {
    return NULL;
  }
  for (size_t i = 0; i < Py_ARRAY_LENGTH(givens); ++i) {
    if (!strcmp(givens[i].name, name) && !ptrs_python[givens[i].which]) {
      if (givens[i].which <= PTRS_PY_STACK && !ptrs_make_plain(obj)) {
        return PyErr_Format(PyExc_TypeError, "%s must be a class of pointers, and no more", name);
      }
      Py_INCREF(obj);
      ptrs_python[givens[i].which] = obj;
      Py_RETURN_NONE;
    }
  }
  return PyErr_Format(PyExc_ValueError, "there is no use for another %s", name);
}

static PyObject *
set_stack_needs(PyObject *module, PyObject *args)
{
  (void)module;
  long long needs = 0;
  long long gives = 0;
  long long share = 0;
  if (!PyArg_ParseTuple(args, "LLL", &needs, &gives, &share)) {
    return NULL;
  }
  if (needs <= 0 || gives <= 0 || share <= 0) {
    PyErr_SetString(PyExc_ValueError, "all must be positive");
    return NULL;
  }
  const PtrsAccessStackNeeds given = {needs, gives, share};
  ptrs_stack_needs                 = given;
  Py_RETURN_NONE;
}

// Documentation that shows a signature, as C functions keep it; stays for ever
static char *
make_doc(const char *name, const char *signature, PyObject *reference)
{
  PyObject *const text = PyObject_GetAttrString(reference, "__doc__");
  PyObject *const doc = text ? PyUnicode_FromFormat("%s%s\n--\n\n%S", name, signature, text) : NULL;
  Py_ssize_t size     = 0;
  const char *const utf8 = doc ? PyUnicode_AsUTF8AndSize(doc, &size) : NULL;
  char *const kept       = utf8 ? (char *)PyMem_Malloc((size_t)size + 1) : NULL;
  if (kept) {
    memcpy(kept, utf8, (size_t)size + 1);
  } else if (utf8) {
    PyErr_NoMemory();
  }
  Py_XDECREF(text);
  Py_XDECREF(doc);
  return kept;
}

// What stands in for a Python function, which it keeps to fall back on
static PyObject *
substitute(PyObject *module, PyObject *args)
{
  PyObject *owner     = NULL;
  const char *name    = NULL;
  PyObject *reference = NULL;
  if (!PyArg_ParseTuple(args, "OsO", &owner, &name, &reference)) {
    return NULL;
  }
  if (owner != Py_None && !PyType_Check(owner)) {
    PyErr_SetString(PyExc_TypeError, "a class or None is needed");
    return NULL;
  }
  const char *const wanted = owner == Py_None ? "" : ((PyTypeObject *)owner)->tp_name;
  for (size_t i = 0; i < Py_ARRAY_LENGTH(substitutes); ++i) {
    if (strcmp(substitutes[i].owner, wanted) || strcmp(substitutes[i].name, name)) {
      continue;
    }
    // Operations may be running it, and what stands in for it must not fall back on itself
    PyObject **const kept = &ptrs_python[substitutes[i].which];
    if (*kept && *kept != reference) {
      return PyErr_Format(PyExc_ValueError, "there is something in the place of %s", name);
    }
    PyMethodDef *const def = &substitutes[i].def;
    if (def->ml_meth && !def->ml_doc) {
      def->ml_doc = make_doc(name, substitutes[i].signature, reference);
      if (!def->ml_doc) {
        return NULL;
      }
    }
    if (!*kept) {
      Py_INCREF(reference);
      *kept = reference;
    }
    if (!def->ml_meth) {
      return PyObject_GetAttrString((PyObject *)ptrs_place_type, name);
    }
    PyObject *const in   = PyObject_GetAttrString(reference, "__module__");
    PyObject *const made = owner != Py_None ? PyDescr_NewMethod((PyTypeObject *)owner, def)
                           : in             ? PyCFunction_NewEx(def, module, in)
                                            : NULL;
    Py_XDECREF(in);
    return made;
  }
  return PyErr_Format(PyExc_ValueError, "nothing stands in for %s", name);
}

// Whether everything has been handed over: nothing may be used before
static PyObject *
is_complete(PyObject *module, PyObject *unused)
{
  (void)module;
  (void)unused;
  for (size_t i = 0; i < PTRS_N_PY; ++i) {
    if (!ptrs_python[i]) {
      Py_RETURN_FALSE;
    }
  }
  Py_RETURN_TRUE;
}

static PyMethodDef functions[] = {
    {"give", give, METH_VARARGS, NULL},
    {"substitute", substitute, METH_VARARGS, NULL},
    {"set_stack_needs", set_stack_needs, METH_VARARGS, NULL},
    {"is_complete", is_complete, METH_NOARGS, NULL},
    {"document", ptrs_document, METH_VARARGS, NULL},
    {"is_direct", ptrs_is_direct, METH_O, NULL},
    {"call_once", ptrs_stack_call_once, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyTypeObject *
add_type(PyObject *module, const char *name, PyType_Spec *spec)
{
  PyObject *const type = PyType_FromSpec(spec);
  if (!type) {
    return NULL;
  }
  Py_INCREF(type);
  if (PyModule_AddObject(module, name, type)) {
    Py_DECREF(type);
    Py_DECREF(type);
    return NULL;
  }
  return (PyTypeObject *)type;
}

static int
exec_module(PyObject *module)
{
  // Its types are those of one interpreter, and there is but one of them
  if (ptrs_place_type || PyInterpreterState_Get() != PyInterpreterState_Main()) {
    PyErr_SetString(PyExc_ImportError, "the fast path is the main interpreter's, and loaded once");
    return -1;
  }
  if (!ptrs_objects_are_understood()) {
    PyErr_SetString(PyExc_ImportError, "this interpreter's objects are not what they should be");
    return -1;
  }
  if (ptrs_warn_init() || PyModule_AddFunctions(module, functions) ||
      PyModule_AddFunctions(module, ptrs_factories)) {
    return -1;
  }
  ptrs_slots_iterator_type = add_type(module, "SlotsIterator", &ptrs_slots_iterator_spec);
  ptrs_lease_type          = add_type(module, "Lease", &ptrs_lease_spec);
  ptrs_stack_function_type = add_type(module, "StackFunction", &ptrs_stack_function_spec);
  ptrs_place_type          = add_type(module, "PointerBase", &ptrs_place_spec);
  return ptrs_slots_iterator_type && ptrs_lease_type && ptrs_stack_function_type && ptrs_place_type
             ? 0
             : -1;
}

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, (void *)exec_module},
#  if PY_VERSION_HEX >= 0x030C0000
    {Py_mod_multiple_interpreters, Py_MOD_MULTIPLE_INTERPRETERS_NOT_SUPPORTED},
#  endif
#  if PY_VERSION_HEX >= 0x030D0000
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#  endif
    {0, NULL},
};

static struct PyModuleDef module_def = {
    .m_base  = PyModuleDef_HEAD_INIT,
    .m_name  = "pointers._fastpath",
    .m_doc   = "Pointers in C.",
    .m_slots = module_slots,
};

PyMODINIT_FUNC
PyInit__fastpath(void)
{
  return PyModuleDef_Init(&module_def);
}

#endif
