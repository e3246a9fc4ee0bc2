// SPDX-License-Identifier: MIT
// The type that all pointers are of: its life, its fields, and what makes one.
#include "cpython/fast.h"

#ifndef PYPY_VERSION

#  include <string.h>
#  include <structmember.h>

// Pointers of the plain classes that have gone, to be used again.  Not where
// several threads could come here at a time, nor where a sanitizer wants to see
// them go, nor in versions whose collector this has not been tried with.
#  if !defined(Py_GIL_DISABLED) && !defined(__SANITIZE_ADDRESS__) && PY_VERSION_HEX < 0x030E0000
#    define MAX_SPARE 64
#  else
#    define MAX_SPARE 0
#  endif

static PyObject *spare[MAX_SPARE + 1];
static unsigned n_spare;

// Memory of a plain pointer, as tp_alloc() returns it
static PyObject *
allocate(PyTypeObject *type)
{
  if (!n_spare || !ptrs_is_plain_type(type)) {
    // Allocating may collect, and that take away what the class was known by
    Py_INCREF(type);
    PyObject *const made = type->tp_alloc(type, 0);
    Py_DECREF(type);
    return made;
  }
  PyObject *const self = spare[--n_spare];
  (void)PyObject_Init(self, type);
  memset((char *)self + sizeof(PyObject), 0, sizeof(PtrsPlace) - sizeof(PyObject));
  PyObject_GC_Track(self);
  return self;
}

PtrsPlace *
ptrs_new_place(PyObject *type, PtrsBlock block)
{
  PtrsPlace *const place = (PtrsPlace *)allocate((PyTypeObject *)type);
  if (place) {
    place->block = block;
    place->room  = PY_SSIZE_T_MAX;
  }
  return place;
}

PyObject *
ptrs_new_alias(PtrsPlace *place, PyTypeObject *type, Py_ssize_t offset)
{
  PtrsPlace *const alias = ptrs_new_place((PyObject *)type, place->block);
  if (alias) {
    alias->offset = offset;
    alias->home   = (PyObject *)ptrs_home(place);
    Py_INCREF(alias->home);
  }
  return (PyObject *)alias;
}

PyObject *
ptrs_new_slot(PtrsPlace *place, PyObject *type, Py_ssize_t index)
{
  PtrsPlace *const slot = ptrs_new_place(type, place->block);
  if (slot) {
    slot->offset = index * place->room;
    slot->room   = place->room;
    slot->index  = index;
    slot->kind   = PTRS_PLACE_SLOT;
    slot->home   = (PyObject *)ptrs_home(place);
    Py_INCREF(slot->home);
  }
  return (PyObject *)slot;
}

PyObject *
ptrs_new_step(PtrsPlace *place, PyObject *type, Py_ssize_t index)
{
  const bool stepped = place->kind == PTRS_PLACE_ARRAY || place->stepped;
  if (stepped && !index) {
    PyObject *const array = (PyObject *)ptrs_home(place);
    Py_INCREF(array);
    return array;
  }
  PyObject *const slot = ptrs_new_slot(place, type, index);
  if (slot) {
    ((PtrsPlace *)slot)->stepped = stepped;
  }
  return slot;
}

static int
place_traverse(PyObject *self, visitproc visit, void *arg)
{
  PtrsPlace *const place = (PtrsPlace *)self;
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(place->home);
  Py_VISIT(place->references);
  return 0;
}

// Every cycle of pointers goes through the references of an owner: their homes
// have none, and so aliases keep theirs
static int
place_clear(PyObject *self)
{
  Py_CLEAR(((PtrsPlace *)self)->references);
  return 0;
}

// For most there is nothing to do
static bool
needs_finalizer(PtrsPlace *place)
{
  return Py_TYPE(place)->tp_finalize != ptrs_place_finalize ||
         (place->owned && !ptrs_place_free_unheard(place));
}

static void
place_dealloc(PyObject *self)
{
  PtrsPlace *const place   = (PtrsPlace *)self;
  PyTypeObject *const type = Py_TYPE(self);

  PyObject_GC_UnTrack(self);
  // For subclasses made by Python, that has been done
  if (type->tp_dealloc == place_dealloc && needs_finalizer(place)) {
    PyObject_GC_Track(self);
    if (PyObject_CallFinalizerFromDealloc(self) < 0) {
      return;
    }
    PyObject_GC_UnTrack(self);
  }
  if (place->weakrefs) {
    PyObject_ClearWeakRefs(self);
  }
  if (place->owned) {
    ptrs_place_finalize_late(place);
  }
  Py_CLEAR(place->home);
  Py_CLEAR(place->references);
  // The mark of having been finalized cannot be taken away again
  if (n_spare < MAX_SPARE && ptrs_is_plain_type(type) && !PyObject_GC_IsFinalized(self)) {
    spare[n_spare++] = self;
  } else {
    type->tp_free(self);
  }
  Py_DECREF(type);
}

bool
ptrs_make_plain(PyObject *obj)
{
  PyTypeObject *const type = (PyTypeObject *)obj;
  if (!PyType_Check(obj) || !PyType_IsSubtype(type, ptrs_place_type) ||
      type->tp_basicsize != (Py_ssize_t)sizeof(PtrsPlace) || type->tp_dictoffset) {
    return false;
  }
  // Python's own would look for what such a class does not have: a dict, slots
  type->tp_dealloc = place_dealloc;
  return true;
}

static PyObject *
place_richcompare(PyObject *self, PyObject *other, int op)
{
  if (op != Py_EQ && op != Py_NE) {
    Py_RETURN_NOTIMPLEMENTED;
  }
  if (!ptrs_is_place(other)) {
    PyObject *const equal = ptrs_fall_back_2(PTRS_PY_EQUAL, self, other);
    if (op == Py_EQ || !equal || equal == Py_NotImplemented) {
      return equal;
    }
    const int opposite = PyObject_Not(equal);
    Py_DECREF(equal);
    return opposite < 0 ? NULL : PyBool_FromLong(opposite);
  }
  const PtrsPlace *const a = (PtrsPlace *)self;
  const PtrsPlace *const b = (PtrsPlace *)other;
  const bool equal         = a->block == b->block && a->offset == b->offset;
  return PyBool_FromLong(equal == (op == Py_EQ));
}

static Py_hash_t
place_hash(PyObject *self)
{
  const PtrsPlace *const place = (PtrsPlace *)self;
  uint64_t bits = (uint64_t)place->block * 0x9E3779B97F4A7C15U + (uint64_t)place->offset;
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
  return PyLong_FromLongLong(((PtrsPlace *)self)->block);
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
  PyObject *const error = ptrs_fall_back_1(PTRS_PY_CLASS_ERROR, self);
  (void)ptrs_raise(error);
  return -1;
}

static PyObject *
get_home(PyObject *self, void *unused)
{
  (void)unused;
  PyObject *const home = ((PtrsPlace *)self)->home;
  return Py_BuildValue("O", home ? home : Py_None);
}

static PyObject *
get_owned(PyObject *self, void *unused)
{
  (void)unused;
  return PyBool_FromLong(__atomic_load_n(&((PtrsPlace *)self)->owned, __ATOMIC_RELAXED));
}

static PyObject *
get_references(PyObject *self, void *unused)
{
  (void)unused;
  PyObject *const references = __atomic_load_n(&((PtrsPlace *)self)->references, __ATOMIC_ACQUIRE);
  return Py_BuildValue("O", references ? references : Py_None);
}

static PyObject *
get_index(PyObject *self, void *unused)
{
  (void)unused;
  const PtrsPlace *const place = (PtrsPlace *)self;
  return PyLong_FromSsize_t(place->kind == PTRS_PLACE_SLOT ? place->index : 0);
}

static PyObject *
get_n_empty(PyObject *self, void *unused)
{
  (void)unused;
  const PtrsPlace *const place = (PtrsPlace *)self;
  return PyLong_FromSsize_t(place->kind == PTRS_PLACE_ARRAY ? place->index : 0);
}

static PyObject *
get_stepped(PyObject *self, void *unused)
{
  (void)unused;
  const PtrsPlace *const place = (PtrsPlace *)self;
  return PyBool_FromLong(place->kind == PTRS_PLACE_ARRAY || place->stepped);
}

static PyGetSetDef place_fields[] = {
    {"__class__", get_class, set_class, NULL, NULL},
    {"_stepped", get_stepped, NULL, NULL, NULL},
    {"_block", get_block, NULL, NULL, NULL},
    {"_root", get_home, NULL, NULL, NULL},
    {"_owned", get_owned, NULL, NULL, NULL},
    {"_held", get_references, NULL, NULL, NULL},
    {"_index", get_index, NULL, NULL, NULL},
    {"_n_empty", get_n_empty, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMemberDef place_members[] = {
    {"_offset", T_PYSSIZET, offsetof(PtrsPlace, offset), READONLY, NULL},
    {"_bound", T_PYSSIZET, offsetof(PtrsPlace, room), READONLY, NULL},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(PtrsPlace, weakrefs), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot place_slots[] = {
    {Py_tp_doc, (void *)"The state of a pointer, and what is done with it often."},
    {Py_tp_traverse, (void *)place_traverse},
    {Py_tp_clear, (void *)place_clear},
    {Py_tp_dealloc, (void *)place_dealloc},
    {Py_tp_finalize, (void *)ptrs_place_finalize},
    {Py_tp_getset, place_fields},
    {Py_tp_members, place_members},
    {Py_tp_richcompare, (void *)place_richcompare},
    {Py_tp_hash, (void *)place_hash},
    {Py_tp_iter, (void *)ptrs_place_iter},
    {Py_nb_inplace_lshift, (void *)ptrs_place_ilshift},
    {Py_nb_invert, (void *)ptrs_place_invert},
    {Py_nb_add, (void *)ptrs_place_add},
    {Py_nb_subtract, (void *)ptrs_place_subtract},
    {Py_mp_subscript, (void *)ptrs_place_get},
    {Py_mp_ass_subscript, (void *)ptrs_place_set},
    {Py_bf_getbuffer, (void *)ptrs_place_getbuffer},
    {Py_bf_releasebuffer, (void *)ptrs_place_releasebuffer},
    {0, NULL},
};

PyType_Spec ptrs_place_spec = {
    .name      = "pointers._fastpath.PointerBase",
    .basicsize = sizeof(PtrsPlace),
    .flags     = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots     = place_slots,
};

#endif
