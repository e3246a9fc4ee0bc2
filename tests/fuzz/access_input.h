// SPDX-License-Identifier: MIT
// Arguments of the access layer, made of the bytes of a run: mostly valid ones, some
// at the limits, some beyond them.
#ifndef ACCESS_INPUT_H
#define ACCESS_INPUT_H

#include "block_model.h"
#include "fuzz.h"
#include "codec/codec.h"

// A handle: mostly of a block that the model knows, live or not
PtrsBlock take_handle(Input *input, const Model *model);

// The size of a block, or one that no block can have
size_t take_size(Input *input);

// Bytes inside of a block or near its end, seldom far away
size_t take_offset(Input *input);

// The bound of a store, or a stride
size_t take_room(Input *input);

size_t take_align(Input *input);

int64_t take_integer(Input *input);

// A heap copy of exactly `size` bytes, so that a sanitizer sees an access past either
// end; to be freed at *heap
uint8_t *take_bytes(Input *input, size_t size, void **heap);

// A value of any kind but EMPTY, possibly without an image; to be freed at *heap
PtrsCodecValue take_value(Input *input, void **heap);

#endif
