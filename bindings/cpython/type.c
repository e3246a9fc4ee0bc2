// SPDX-License-Identifier: MIT
#include "cpython/type.h"

#include "cpython/adopt.h"
#include "cpython/heap.h"
#include "cpython/operations.h"
#include "cpython/pointer.h"

#ifndef PYPY_VERSION

#  include <string.h>
#  include <structmember.h>

static int
pointer_traverse(PyObject *self, visitproc visit, void *arg)
{
  PtrsPyPointer *const pointer = (PtrsPyPointer *)self;
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(pointer->link);
  return 0;
}

// Every cycle of pointers goes through the references of an owner: their homes
// have none, and so aliases keep theirs
static int
pointer_clear(PyObject *self)
{
  PtrsPyPointer *const pointer = (PtrsPyPointer *)self;
  if (!ptrs_py_place(pointer)->is_alias) {
    Py_CLEAR(pointer->link);
  }
  return 0;
}

// For most there is nothing to do
static bool
needs_finalizer(PtrsPyPointer *pointer)
{
  return Py_TYPE(pointer)->tp_finalize != ptrs_py_finalize ||
         (ptrs_py_is_owner(pointer) && !ptrs_py_free_unheard(pointer));
}

static void
pointer_dealloc(PyObject *self)
{
  PtrsPyPointer *const pointer = (PtrsPyPointer *)self;
  PyTypeObject *const type     = Py_TYPE(self);

  PyObject_GC_UnTrack(self);
  // For subclasses made by Python, that has been done
  if (type->tp_dealloc == pointer_dealloc && needs_finalizer(pointer)) {
    PyObject_GC_Track(self);
    if (PyObject_CallFinalizerFromDealloc(self) < 0) {
      return;
    }
    PyObject_GC_UnTrack(self);
  }
  if (pointer->weakrefs) {
    PyObject_ClearWeakRefs(self);
  }
  if (ptrs_py_is_owner(pointer)) {
    ptrs_py_finalize_late(pointer);
  }
  // One block may keep the pointer of another, which keeps a third: in a chain of any length
  Py_TRASHCAN_BEGIN(self, pointer_dealloc);
  Py_CLEAR(pointer->link);
  Py_XDECREF(ptrs_py_take_kept(pointer));
  ptrs_py_give_back(self);
  Py_DECREF(type);
  Py_TRASHCAN_END;
}

bool
ptrs_py_make_plain(PyObject *type)
{
  return ptrs_py_make_plain_of(type, (Py_ssize_t)sizeof(PtrsPyPointer));
}

bool
ptrs_py_make_plain_of(PyObject *obj, Py_ssize_t size)
{
  PyTypeObject *const type = (PyTypeObject *)obj;
  if (!PyType_Check(obj) || !PyType_IsSubtype(type, ptrs_py_pointer_type) ||
      type->tp_basicsize != size || type->tp_dictoffset) {
    return false;
  }
  // Python's own would look for what such a class does not have: a dict, slots
  type->tp_dealloc = pointer_dealloc;
  return true;
}

static PyObject *
compare_slowly(PyObject *self, PyObject *other, int op)
{
  static const PtrsPyId ids[] = {
      [Py_LT] = PTRS_PY_LESS,  [Py_LE] = PTRS_PY_LESS_EQUAL, [Py_EQ] = PTRS_PY_EQUAL,
      [Py_NE] = PTRS_PY_EQUAL, [Py_GT] = PTRS_PY_GREATER,    [Py_GE] = PTRS_PY_GREATER_EQUAL,
  };
  PyObject *const result = ptrs_py_slow_2(ids[op], self, other);
  if (op != Py_NE || !result || result == Py_NotImplemented) {
    return result;
  }
  const int opposite = PyObject_Not(result);
  Py_DECREF(result);
  return opposite < 0 ? NULL : PyBool_FromLong(opposite);
}

static PyObject *
pointer_richcompare(PyObject *self, PyObject *other, int op)
{
  const PtrsPyPointer *const a = (PtrsPyPointer *)self;
  const PtrsPyPointer *const b = (PtrsPyPointer *)other;
  if (!ptrs_py_is_pointer(other)) {
    return compare_slowly(self, other, op);
  }
  if (ptrs_py_block(a) == ptrs_py_block(b)) {
    Py_RETURN_RICHCOMPARE(ptrs_py_place(a)->offset, ptrs_py_place(b)->offset, op);
  }
  // Pointers into different blocks have no order
  return op == Py_EQ || op == Py_NE ? PyBool_FromLong(op == Py_NE)
                                    : compare_slowly(self, other, op);
}

static Py_hash_t
pointer_hash(PyObject *self)
{
  const PtrsPyPointer *const pointer = (PtrsPyPointer *)self;
  uint64_t bits                      = (uint64_t)ptrs_py_block(pointer) * 0x9E3779B97F4A7C15U +
                  (uint64_t)ptrs_py_place(pointer)->offset;
  bits ^= bits >> 32;
  bits *= 0x9E3779B97F4A7C15U;
  const Py_hash_t hash = (Py_hash_t)(bits ^ bits >> 29);
  return hash == -1 ? -2 : hash;
}

// Fields for the Python functions that do the rest; none can be written

static PyObject *
get_block(PyObject *self, void *unused)
{
  (void)unused;
  return PyLong_FromLongLong(ptrs_py_block((PtrsPyPointer *)self));
}

// Not to be changed: a class says how the memory is freed

static PyObject *
get_class(PyObject *self, void *unused)
{
  (void)unused;
  PyObject *const type = (PyObject *)Py_TYPE(self);
  Py_INCREF(type);
  return type;
}

static int
set_class(PyObject *self, PyObject *value, void *unused)
{
  (void)value;
  (void)unused;
  PyObject *const error = ptrs_py_slow_1(PTRS_PY_CLASS_ERROR, self);
  (void)ptrs_py_raise(error);
  return -1;
}

static PyObject *
get_root(PyObject *self, void *unused)
{
  (void)unused;
  PtrsPyPointer *const pointer = (PtrsPyPointer *)self;
  return Py_BuildValue("O", ptrs_py_place(pointer)->is_alias ? pointer->link : Py_None);
}

static PyObject *
get_owned(PyObject *self, void *unused)
{
  (void)unused;
  return PyBool_FromLong(ptrs_py_is_owner((PtrsPyPointer *)self));
}

static PyObject *
get_held(PyObject *self, void *unused)
{
  (void)unused;
  PyObject *const held = ptrs_py_held_of((PtrsPyPointer *)self);
  return Py_BuildValue("O", held ? held : Py_None);
}

static PyObject *
get_offset(PyObject *self, void *unused)
{
  (void)unused;
  return PyLong_FromSsize_t(ptrs_py_place((PtrsPyPointer *)self)->offset);
}

static PyObject *
get_bound(PyObject *self, void *unused)
{
  (void)unused;
  return PyLong_FromSsize_t(ptrs_py_place((PtrsPyPointer *)self)->bound);
}

static PyObject *
get_index(PyObject *self, void *unused)
{
  (void)unused;
  const PtrsPyPlace *const place = ptrs_py_place((PtrsPyPointer *)self);
  return PyLong_FromSsize_t(
      place->kind == PTRS_PY_KIND_SLOT || place->kind == PTRS_PY_KIND_SLICE ? place->index : 0);
}

static PyObject *
get_n_empty(PyObject *self, void *unused)
{
  (void)unused;
  const PtrsPyPlace *const place = ptrs_py_place((PtrsPyPointer *)self);
  return PyLong_FromSsize_t(place->kind == PTRS_PY_KIND_ARRAY ? place->index : 0);
}

static PyObject *
get_stepped(PyObject *self, void *unused)
{
  (void)unused;
  const PtrsPyPlace *const place = ptrs_py_place((PtrsPyPointer *)self);
  return PyBool_FromLong(place->kind == PTRS_PY_KIND_ARRAY || place->stepped);
}

static PyObject *
get_readonly(PyObject *self, void *unused)
{
  (void)unused;
  return PyBool_FromLong(ptrs_py_place((PtrsPyPointer *)self)->readonly);
}

static PyGetSetDef pointer_fields[] = {
    {"__class__", get_class, set_class, NULL, NULL}, {"_stepped", get_stepped, NULL, NULL, NULL},
    {"_readonly", get_readonly, NULL, NULL, NULL},   {"_block", get_block, NULL, NULL, NULL},
    {"_root", get_root, NULL, NULL, NULL},           {"_owned", get_owned, NULL, NULL, NULL},
    {"_held", get_held, NULL, NULL, NULL},           {"_index", get_index, NULL, NULL, NULL},
    {"_n_empty", get_n_empty, NULL, NULL, NULL},     {"_offset", get_offset, NULL, NULL, NULL},
    {"_bound", get_bound, NULL, NULL, NULL},         {NULL, NULL, NULL, NULL, NULL},
};

static PyMemberDef pointer_members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(PtrsPyPointer, weakrefs), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot pointer_slots[] = {
    {Py_tp_doc, (void *)"The state of a pointer, and what is done with it often."},
    {Py_tp_traverse, (void *)pointer_traverse},
    {Py_tp_clear, (void *)pointer_clear},
    {Py_tp_dealloc, (void *)pointer_dealloc},
    {Py_tp_finalize, (void *)ptrs_py_finalize},
    {Py_tp_getset, pointer_fields},
    {Py_tp_members, pointer_members},
    {Py_tp_richcompare, (void *)pointer_richcompare},
    {Py_tp_hash, (void *)pointer_hash},
    {Py_tp_iter, (void *)ptrs_py_pointer_iter},
    {Py_tp_str, (void *)ptrs_py_pointer_str},
    {Py_tp_repr, (void *)ptrs_py_pointer_repr},
    {Py_nb_inplace_lshift, (void *)ptrs_py_pointer_ilshift},
    {Py_nb_inplace_xor, (void *)ptrs_py_pointer_ixor},
    {Py_nb_invert, (void *)ptrs_py_pointer_invert},
    {Py_nb_add, (void *)ptrs_py_pointer_add},
    {Py_nb_subtract, (void *)ptrs_py_pointer_subtract},
    {Py_mp_subscript, (void *)ptrs_py_pointer_get},
    {Py_mp_ass_subscript, (void *)ptrs_py_pointer_set},
    {Py_bf_getbuffer, (void *)ptrs_py_pointer_getbuffer},
    {Py_bf_releasebuffer, (void *)ptrs_py_pointer_releasebuffer},
    {0, NULL},
};

PyType_Spec ptrs_py_pointer_spec = {
    .name      = "pointers._fastpath.PointerBase",
    .basicsize = sizeof(PtrsPyPointer),
    .flags     = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots     = pointer_slots,
};

// Slots that a method of a class would replace by a look-up at each use
static const int direct_slots[] = {
    Py_nb_inplace_lshift, Py_nb_invert,        Py_nb_add,      Py_nb_subtract,
    Py_mp_subscript,      Py_mp_ass_subscript, Py_tp_finalize, Py_tp_richcompare,
    Py_tp_hash,           Py_tp_iter,          Py_tp_str,      Py_tp_repr,
    Py_nb_inplace_xor,
};

PyObject *
ptrs_py_is_direct(PyObject *module, PyObject *kind)
{
  (void)module;
  if (!PyType_Check(kind) || !PyType_HasFeature((PyTypeObject *)kind, Py_TPFLAGS_HEAPTYPE)) {
    PyErr_SetString(PyExc_TypeError, "a class that Python has made is needed");
    return NULL;
  }
  for (size_t i = 0; i < Py_ARRAY_LENGTH(direct_slots); ++i) {
    if (PyType_GetSlot((PyTypeObject *)kind, direct_slots[i]) !=
        PyType_GetSlot(ptrs_py_pointer_type, direct_slots[i])) {
      Py_RETURN_FALSE;
    }
  }
  Py_RETURN_TRUE;
}

#endif
