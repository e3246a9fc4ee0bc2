// SPDX-License-Identifier: MIT
// Work in a child process, whose failed checks count as the parent's.
#ifndef CHILD_H
#define CHILD_H

// Fork, run `function` in the child, and check that it returns within some
// seconds.  Checks that fail there make the running case fail here.
void child_run(void (*function)(void *ctx), void *ctx);

#endif
