// SPDX-License-Identifier: MIT
/**
 * @file access.h
 * Values in and out of checked blocks, in calls that suit an interpreter: no
 * out-parameter where a number can carry the answer, since making one costs
 * more than the call.
 *
 * A function that returns int or int64_t gives its result, which is never
 * negative, or a negated PtrsStatus.  All are thread-safe, and all access is
 * checked as in ptrs/block.h.
 *
 * `offset`, `bound` and `stride` are bytes.  A store stays inside both the
 * block and `bound` bytes from `offset` (SIZE_MAX: the block alone), or writes
 * nothing and returns OUT_OF_BOUNDS.
 */
#ifndef POINTERS_ACCESS_H
#define POINTERS_ACCESS_H

#include <stdbool.h>
#include <string.h>

#include "codec/codec.h"
#include "ptrs/block.h"

/* cdef: begin */

/** A private copy of an image and the value in it. */
typedef struct {
  PtrsCodecValue value;
  void *heap;         /* copy of an image that `small` cannot hold */
  size_t heap_size;   /* bytes of heap */
  int leaves_text;    /* set to 1: large ASCII text is not copied, and has no `data` */
  uint64_t small[16]; /* copy of any other */
} PtrsAccessLoad;

/**
 * Store a value of any kind that numbers tell; the size of its image.
 *
 * @param kind A PtrsCodecKind; which of the numbers count: see PtrsCodecValue.
 */
int64_t ptrs_access_store_number(PtrsBlock block,
                                 size_t offset,
                                 size_t bound,
                                 int kind,
                                 int64_t integer,
                                 double real,
                                 double imag);

/**
 * Store a value of any kind that has items; the size of its image.
 *
 * @param data `count` items of `width` bytes; of an int, its magnitude, low byte first.
 * @param negative Of an int: its sign.
 */
int64_t ptrs_access_store_items(PtrsBlock block,
                                size_t offset,
                                size_t bound,
                                int kind,
                                const void *data,
                                int width,
                                size_t count,
                                int negative);

/** Store an image that has been made elsewhere; its size. */
int64_t ptrs_access_store_image(
    PtrsBlock block, size_t offset, size_t bound, const void *image, size_t size);

/**
 * Load the value at `offset`; its kind, EMPTY where nothing was stored.
 *
 * The bytes are copied first and validated then: a program that writes to the
 * memory by other ways at the same time cannot change them in between.
 *
 * @param load Zeroed before its first use.  On any kind but EMPTY, `value` is
 *        the value; its `data` is valid until the next use of `load`.
 * @return CORRUPT if the bytes are no image, NO_MEM if there is no memory for
 *         the copy.  An image may reach into the block's capacity, where
 *         ptrs_block_write_unsafe() has put it.
 */
int ptrs_access_load(PtrsBlock block, size_t offset, PtrsAccessLoad *load);

/** Give back the memory that a PtrsAccessLoad holds; it may be used again. */
void ptrs_access_load_clear(PtrsAccessLoad *load);

/** A key for a held object: positive, and never the same again in this process. */
int64_t ptrs_access_new_key(void);

/** Whether the image of the held object with this key stands at `offset`. */
int ptrs_access_has_reference(PtrsBlock block, size_t offset, int64_t key);

/** Store `count` integers, one every `stride` bytes: all or none. */
int ptrs_access_store_ints(
    PtrsBlock block, size_t offset, size_t stride, const int64_t *integers, size_t count);

/** Load `count` integers; 0 and undefined contents if one is no small int. */
int ptrs_access_load_ints(
    PtrsBlock block, size_t offset, size_t stride, int64_t *integers, size_t count);

/**
 * Copy images from a block that no other thread knows of: those that stand at the start of
 * each `stride` bytes, and no byte more; all or none.
 */
int ptrs_access_store_images(PtrsBlock block, size_t offset, size_t stride, PtrsBlock staged);

/**
 * Resize, unless an image that starts within the new size would be cut: OUT_OF_BOUNDS.
 *
 * Bytes that are no whole image, but would become one with the zeros of a later growth, lose
 * their type word.
 */
int ptrs_access_resize(PtrsBlock block, size_t size);

/**
 * The same for an array, whose last slots go with all that is stored there: an image at the
 * new end does not refuse, and loses its type word.
 */
int ptrs_access_resize_slots(PtrsBlock block, size_t size);

/**
 * The offset of the first image that ptrs_access_resize() would refuse to cut, for messages;
 * negative if there is none now.
 */
int64_t ptrs_access_find_cut(PtrsBlock block, size_t size);

/** A pin that is taken back with the object that holds it. */
typedef struct {
  PtrsBlock block; /* 0 while there is no pin */
  void *mem;       /* the block's first byte */
} PtrsAccessPinGuard;

/** Pin a block. */
int ptrs_access_pin_guard_begin(PtrsAccessPinGuard *guard, PtrsBlock block);
/** Take the pin back, if there is one. */
void ptrs_access_pin_guard_end(PtrsAccessPinGuard *guard);

/** The same, for a finalizer that is given the memory which was lent. */
void ptrs_access_pin_guard_end_with(PtrsAccessPinGuard *guard, const void *mem);

/** As ptrs_block_zalloc(), with the handle as the result. */
int64_t ptrs_access_new_block(PtrsAllocator *allocator, size_t size, size_t align);

/** Free the block that a cell names; 0 is none. */
void ptrs_access_free_cell(PtrsBlock *cell);
/** Release the allocator that a cell names; NULL is none. */
void ptrs_access_release_cell(PtrsAllocator **cell);
/**
 * As ptrs_block_own(), of memory at an address, with the handle as the result.
 *
 * @param function The address of a function that frees the memory, as free(3) does; 0 is none.
 * @param token Not 0: `ended` of ptrs_access_tell_ended() is called with it, and no function.
 */
int64_t ptrs_access_own(uintptr_t address, size_t size, uintptr_t function, intptr_t token);
/** Call a function at an address, which takes an address, as free(3) does. */
void ptrs_access_call_free(uintptr_t function, uintptr_t address);
/** Called where a block with a token has ended. */
typedef void (*PtrsAccessEnded)(intptr_t token);

/**
 * Set what is called where a block with a token has ended, from the thread in which it ends.
 *
 * @param ended Takes the token.  NULL: there is nothing to be called any more.
 */
void ptrs_access_tell_ended(PtrsAccessEnded ended);
/**
 * Offer an allocator to ptrs_access_take_offered(), with a user for whoever takes it.
 *
 * @return A key that is never used again, or a negated NO_MEM: too many have been offered.
 */
int64_t ptrs_access_offer(PtrsAllocator *allocator);
/** Take an offer back; nothing if it has been taken. */
void ptrs_access_withdraw(int64_t key);
/** What ptrs_block_info() tells, as numbers; the first four in bytes. */
int64_t ptrs_access_size_of(PtrsBlock block);
int64_t ptrs_access_capacity_of(PtrsBlock block);
int64_t ptrs_access_address_of(PtrsBlock block);
int64_t ptrs_access_align_of(PtrsBlock block);
int64_t ptrs_access_pins_of(PtrsBlock block);
/** The address of a block's allocator; 0 if the block was adopted. */
int64_t ptrs_access_allocator_of(PtrsBlock block);

/**
 * Free the block of a leaked pointer, or leave it to its last pin.
 *
 * @return Its size in bytes if a warning is due, since this has freed it; negative where a pin
 *         or an arena frees it.
 */
int64_t ptrs_access_drop_leaked(PtrsBlock block);

/** As ptrs_block_compare(), plus 1: 0 is less, 1 is equal, 2 is greater. */
int ptrs_access_compare(PtrsBlock a, size_t a_offset, PtrsBlock b, size_t b_offset, size_t size);
/* cdef: end */

/*
 * For callers that hold an interpreter, and so must not wait: with
 * `would_block`, what would have to wait for another thread, or copy more than
 * PTRS_ACCESS_AT_ONCE bytes, does nothing but set *would_block.  With NULL, it waits.
 */

/** Bytes that are copied without letting other threads of an interpreter run. */
#define PTRS_ACCESS_AT_ONCE ((size_t)1 << 16)

/** The allocator that was offered under a key, which the caller now uses; NULL if there is none. */
PtrsAllocator *ptrs_access_take_offered(int64_t key);

/** As ptrs_block_enter(), or ptrs_block_try_enter() where there is `would_block`. */
static inline PtrsStatus
ptrs_access_enter(PtrsBlock block, PtrsAccess access, PtrsEntry *entry, bool *would_block)
{
  return would_block ? ptrs_block_try_enter(block, access, entry, would_block)
                     : ptrs_block_enter(block, access, entry);
}

/** Store any value, as the functions above. */
int64_t ptrs_access_store_value(
    PtrsBlock block, size_t offset, size_t bound, const PtrsCodecValue *value, bool *would_block);

/**
 * As ptrs_access_load(); `load->heap` and `load->heap_size` alone need to be zero, and
 * `load->leaves_text` be set.
 */
int ptrs_access_load_value(PtrsBlock block, size_t offset, PtrsAccessLoad *load, bool *would_block);

/**
 * Copy ASCII text that ptrs_access_load_value() has left; whether it is there still.
 *
 * @param count Its length, as it was.
 * @param[out] text `count` bytes, all of them ASCII if this returns 1; else undefined.
 */
int ptrs_access_load_ascii(
    PtrsBlock block, size_t offset, uint8_t *text, size_t count, bool *would_block);

/** Store `count` values, one every `stride` bytes: all or none. */
int ptrs_access_store_values(PtrsBlock block,
                             size_t offset,
                             size_t stride,
                             const PtrsCodecValue *values,
                             size_t count,
                             bool *would_block);

/** As ptrs_access_store_ints() and ptrs_access_load_ints(). */
int ptrs_access_store_integers(PtrsBlock block,
                               size_t offset,
                               size_t stride,
                               const int64_t *integers,
                               size_t count,
                               bool *would_block);
int ptrs_access_load_integers(PtrsBlock block,
                              size_t offset,
                              size_t stride,
                              int64_t *integers,
                              size_t count,
                              bool *would_block);

/** As ptrs_access_has_reference(), in a block that has been entered. */
static inline bool
ptrs_access_entry_has_reference(const PtrsEntry *entry, size_t offset, int64_t key)
{
  const uint64_t wanted[2] = {(uint64_t)key, PTRS_CODEC_TYPE(PTRS_CODEC_REFERENCE)};
  // As far as a load sees: into the capacity
  return offset < entry->size && sizeof(wanted) <= entry->capacity - offset &&
         !memcmp(entry->mem + offset, wanted, sizeof(wanted));
}

/** Whether a reference can be stored in a block that has been entered. */
static inline bool
ptrs_access_entry_fits_reference(const PtrsEntry *entry, size_t offset, size_t bound)
{
  return bound >= PTRS_CODEC_HEADER && offset <= entry->size &&
         entry->size - offset >= PTRS_CODEC_HEADER;
}

/** Store a reference that fits, in a block that has been entered exclusively. */
static inline void
ptrs_access_entry_store_reference(const PtrsEntry *entry, size_t offset, int64_t key)
{
  const uint64_t image[2] = {(uint64_t)key, PTRS_CODEC_TYPE(PTRS_CODEC_REFERENCE)};
  memcpy(entry->mem + offset, image, sizeof(image));
}

/** Whether `count` strides lie inside a block from `offset` on. */
static inline bool
ptrs_access_strides_fit(const PtrsEntry *entry, size_t offset, size_t stride, size_t count)
{
  return offset <= entry->size && (!count || stride <= (entry->size - offset) / count);
}

#endif
