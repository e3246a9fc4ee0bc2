// SPDX-License-Identifier: MIT
#include "cpython/install.h"

#include "cpython/adopt.h"
#include "cpython/document.h"
#include "cpython/operations.h"
#include "cpython/pointer.h"
#include "cpython/type.h"

#ifndef PYPY_VERSION

#  define FASTCALL(name, function)                                                                 \
    {                                                                                              \
      name, (PyCFunction)(void (*)(void))(function), METH_FASTCALL | METH_KEYWORDS, NULL           \
    }

static const struct {
  PtrsPyId id;
  const char *name;
} objects[] = {
#  define ROW(id, name) {PTRS_PY_##id, name},
    PTRS_PY_CLASSES(ROW) PTRS_PY_HELPERS(ROW)
#  undef ROW
};

// Definitions are never freed, since what is made of them refers to them
typedef struct {
  PtrsPyId id;
  const char *owner; // of a method
  const char *signature;
  PyMethodDef def;
} Definition;

#  define ROW(id, name, signature, function)                                                       \
    {PTRS_PY_##id, NULL, signature, FASTCALL(name, function)},
static Definition functions[]      = {PTRS_PY_FUNCTIONS(ROW)};
static Definition late_functions[] = {PTRS_PY_LATE_FUNCTIONS(ROW)};
#  undef ROW

#  define ROW(id, owner, name, signature, function)                                                \
    {PTRS_PY_##id, owner, signature, FASTCALL(name, function)},
static Definition methods[]      = {PTRS_PY_METHODS(ROW)};
static Definition late_methods[] = {PTRS_PY_LATE_METHODS(ROW)};
#  undef ROW

static struct {
  PtrsPyId id;
  const char *owner;
  PyGetSetDef def;
} properties[] = {
#  define ROW(id, owner, name, function) {PTRS_PY_##id, owner, {name, function, NULL, NULL, NULL}},
    PTRS_PY_PROPERTIES(ROW)
#  undef ROW
};

static const struct {
  PtrsPyId id;
  const char *owner;
  const char *name;
} operators[] = {
#  define ROW(id, owner, name) {PTRS_PY_##id, owner, name},
    PTRS_PY_OPERATORS(ROW)
#  undef ROW
};

static const struct {
  const char *owner;
  const char *name;
} inherited[] = {
#  define ROW(owner, name) {owner, name},
    PTRS_PY_INHERITED(ROW)
#  undef ROW
};

// Borrowed; NULL with an exception
static PyObject *
find(PyObject *dict, const char *name)
{
  PyObject *const found = PyDict_GetItemString(dict, name);
  if (!found) {
    PyErr_Format(PyExc_LookupError, "the fast path needs %s, which is not there", name);
  }
  return found;
}

// As above, a class
static PyTypeObject *
find_class(PyObject *namespace, const char *name)
{
  PyObject *const found = find(namespace, name);
  if (found && !PyType_Check(found)) {
    PyErr_Format(PyExc_TypeError, "%s must be a class, not %.100s", name, Py_TYPE(found)->tp_name);
    return NULL;
  }
  return (PyTypeObject *)found;
}

static bool
keep(PtrsPyId id, PyObject *obj)
{
  if (!obj) {
    return false;
  }
  // Until everything is there, operations may run, and find what was there before
  Py_INCREF(obj);
  Py_XSETREF(ptrs_py_objects[id], obj);
  return true;
}

// Make an attribute of a class; takes the reference to it
static bool
set(PyTypeObject *owner, const char *name, PyObject *made)
{
  const int status = made ? PyObject_SetAttrString((PyObject *)owner, name, made) : -1;
  Py_XDECREF(made);
  return !status;
}

static bool
take_objects(PyObject *namespace)
{
  for (size_t i = 0; i < Py_ARRAY_LENGTH(objects); ++i) {
    PyObject *const obj = find(namespace, objects[i].name);
    if (obj && objects[i].id <= PTRS_PY_SLICE && !ptrs_py_make_plain(obj)) {
      PyErr_Format(PyExc_TypeError, "%s must be a class of pointers that adds no fields",
                   objects[i].name);
      return false;
    }
    if (!keep(objects[i].id, obj)) {
      return false;
    }
  }
  return true;
}

static bool
document(PyMethodDef *def, const char *signature, PyObject *reference)
{
  def->ml_doc = ptrs_py_signed_doc(def->ml_name, signature, reference);
  return def->ml_doc;
}

static bool
install_methods(Definition *rows, size_t n_rows, PyObject *namespace)
{
  for (size_t i = 0; i < n_rows; ++i) {
    PyMethodDef *const def    = &rows[i].def;
    PyTypeObject *const owner = find_class(namespace, rows[i].owner);
    PyObject *const reference = owner ? find(owner->tp_dict, def->ml_name) : NULL;
    if (!keep(rows[i].id, reference) || !document(def, rows[i].signature, reference) ||
        !set(owner, def->ml_name, PyDescr_NewMethod(owner, def))) {
      return false;
    }
  }
  return true;
}

static bool
install_properties(PyObject *namespace)
{
  for (size_t i = 0; i < Py_ARRAY_LENGTH(properties); ++i) {
    PyGetSetDef *const def    = &properties[i].def;
    PyTypeObject *const owner = find_class(namespace, properties[i].owner);
    PyObject *const reference = owner ? find(owner->tp_dict, def->name) : NULL;
    PyObject *const getter    = reference ? PyObject_GetAttrString(reference, "fget") : NULL;
    const bool kept           = keep(properties[i].id, getter);
    Py_XDECREF(getter);
    def->doc = kept ? ptrs_py_doc(getter) : NULL;
    if (!def->doc || !set(owner, def->name, PyDescr_NewGetSet(owner, def))) {
      return false;
    }
  }
  return true;
}

static bool
install_operators(PyObject *namespace)
{
  for (size_t i = 0; i < Py_ARRAY_LENGTH(operators); ++i) {
    const char *const name    = operators[i].name;
    PyTypeObject *const owner = find_class(namespace, operators[i].owner);
    PyObject *const reference = owner ? find(owner->tp_dict, name) : NULL;
    if (!keep(operators[i].id, reference) ||
        !set(owner, name, ptrs_py_documented(owner, name, reference))) {
      return false;
    }
  }
  return true;
}

static bool
install_inherited(PyObject *namespace)
{
  PyObject *const base = (PyObject *)ptrs_py_pointer_type;
  for (size_t i = 0; i < Py_ARRAY_LENGTH(inherited); ++i) {
    const char *const name    = inherited[i].name;
    PyTypeObject *const owner = find_class(namespace, inherited[i].owner);
    PyObject *const reference = owner ? find(owner->tp_dict, name) : NULL;
    if (!reference) {
      return false;
    }
    // Up to 3.11 no type has __buffer__, though it has buffers
    const bool known = PyObject_HasAttrString(base, name);
    PyObject *made   = known ? ptrs_py_documented(owner, name, reference) : NULL;
    if (known ? !set(owner, name, made)
              : PyObject_SetAttrString((PyObject *)owner, name, NULL) != 0) {
      return false;
    }
  }
  return true;
}

// A dict of compiled functions by name
static PyObject *
make_functions(Definition *rows, size_t n_rows, PyObject *module, PyObject *namespace)
{
  PyObject *const made = PyDict_New();
  for (size_t i = 0; made && i < n_rows; ++i) {
    PyMethodDef *const def    = &rows[i].def;
    PyObject *const reference = find(namespace, def->ml_name);
    PyObject *const in        = reference ? PyObject_GetAttrString(reference, "__module__") : NULL;
    PyObject *function        = NULL;
    if (in && keep(rows[i].id, reference) && document(def, rows[i].signature, reference)) {
      function = PyCFunction_NewEx(def, module, in);
    }
    const int status = function ? PyDict_SetItemString(made, def->ml_name, function) : -1;
    Py_XDECREF(in);
    Py_XDECREF(function);
    if (status) {
      Py_DECREF(made);
      return NULL;
    }
  }
  return made;
}

PyObject *
ptrs_py_install(PyObject *module, PyObject *namespace)
{
  if (!PyDict_Check(namespace)) {
    return PyErr_Format(PyExc_TypeError, "a dict is needed, not %.100s",
                        Py_TYPE(namespace)->tp_name);
  }
  // Then the Python functions are there no more
  if (ptrs_py_objects[0]) {
    PyErr_SetString(PyExc_RuntimeError, "the fast path has been installed");
    return NULL;
  }
  return take_objects(namespace) && install_methods(methods, Py_ARRAY_LENGTH(methods), namespace) &&
                 install_properties(namespace) && install_operators(namespace) &&
                 install_inherited(namespace)
             ? make_functions(functions, Py_ARRAY_LENGTH(functions), module, namespace)
             : NULL;
}

PyObject *
ptrs_py_install_late(PyObject *module, PyObject *namespace)
{
  if (!PyDict_Check(namespace)) {
    return PyErr_Format(PyExc_TypeError, "a dict is needed, not %.100s",
                        Py_TYPE(namespace)->tp_name);
  }
  if (!ptrs_py_objects[0] || ptrs_py_objects[PTRS_PY_ADOPTED]) {
    PyErr_SetString(PyExc_RuntimeError, "the fast path is not there, or has been installed");
    return NULL;
  }
  PyObject *const kind = find(namespace, "AdoptedPointer");
  if (kind && !ptrs_py_make_plain_of(kind, (Py_ssize_t)sizeof(PtrsPyAdopted))) {
    PyErr_SetString(PyExc_TypeError,
                    "AdoptedPointer must be a class of pointers that adds one field");
    return NULL;
  }
  if (!kind ||
      !set((PyTypeObject *)kind, ptrs_py_ending_field.name,
           PyDescr_NewGetSet((PyTypeObject *)kind, &ptrs_py_ending_field)) ||
      !install_methods(late_methods, Py_ARRAY_LENGTH(late_methods), namespace)) {
    return NULL;
  }
  PyObject *const made =
      make_functions(late_functions, Py_ARRAY_LENGTH(late_functions), module, namespace);
  if (made) {
    (void)keep(PTRS_PY_ADOPTED, kind); // last, since its methods are known from now on
  }
  return made;
}

#endif
