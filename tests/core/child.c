// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "child.h"

#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"

// Seconds: more than any child takes under valgrind
#define SECONDS 30

void
child_run(void (*function)(void *ctx), void *ctx)
{
  const pid_t pid = fork();
  if (!CHECK(pid >= 0)) {
    return;
  }
  if (!pid) {
    (void)alarm(SECONDS);
    function(ctx);
    _exit(tap_failed() ? 1 : 0);
  }
  int status = 0;
  CHECK_EQ(waitpid(pid, &status, 0), pid);
  CHECK_EQ(WIFSIGNALED(status) ? WTERMSIG(status) : 0, 0);
  CHECK_EQ(WIFEXITED(status) ? WEXITSTATUS(status) : -1, 0);
}
