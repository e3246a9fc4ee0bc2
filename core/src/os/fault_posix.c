// SPDX-License-Identifier: MIT
#ifndef _GNU_SOURCE
#  define _GNU_SOURCE // REG_CR2
#endif

#include "os/fault.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#if defined(__linux__)
#  include <ucontext.h>
#endif

#define N_SIGNALS 2

static const int signals[N_SIGNALS] = {SIGSEGV, SIGBUS};

// These variables are written only while our handlers are not installed, so that a handler
// meets no writer.  The one exception: the program has replaced our handlers, a thread still
// runs one of them, and another thread installs them anew.
static struct sigaction previous[N_SIGNALS];
static PtrsFaultFunction watcher;
static bool is_watching;

#if defined(SI_TKILL)

// The address of the calling thread's last page fault; 0 if the system does not tell.
static uintptr_t
last_fault(const void *context)
{
  const ucontext_t *const state = (const ucontext_t *)context;
#  if defined(__x86_64__)
  const bool is_page_fault = state->uc_mcontext.gregs[REG_TRAPNO] == 14;
  return is_page_fault ? (uintptr_t)state->uc_mcontext.gregs[REG_CR2] : 0;
#  elif defined(__i386__)
  const bool is_page_fault = state->uc_mcontext.gregs[REG_TRAPNO] == 14;
  return is_page_fault ? (uintptr_t)state->uc_mcontext.cr2 : 0;
#  elif defined(__aarch64__) || defined(__arm__)
  return (uintptr_t)state->uc_mcontext.fault_address;
#  else
  (void)state;
  return 0;
#  endif
}

#endif

// Whether a signal was caused by touching memory.  Signals from the kernel have positive
// codes; on macOS and BSD, so have signals from kill(2) and sigqueue(3).
static bool
is_fault(const siginfo_t *info)
{
  return info->si_code > 0 && info->si_code != SI_USER && info->si_code != SI_QUEUE;
}

// The address that was touched; 0 if there is none, or if it is not known.  A handler that was
// installed after ours, such as that of Python's faulthandler, may put ours back and raise
// the signal again in the same thread: the raised signal has no address of its own.
static uintptr_t
fault_address(const siginfo_t *info, const void *context)
{
  if (is_fault(info)) {
    return (uintptr_t)info->si_addr;
  }
#if defined(SI_TKILL)
  if (info->si_code == SI_TKILL && info->si_pid == getpid()) {
    return last_fault(context);
  }
#endif
  (void)context;
  return 0;
}

// Call a handler as the kernel would have called it
static void
call_previous(struct sigaction *action, int signal_number, siginfo_t *info, void *context)
{
  const struct sigaction wanted = *action;
  sigset_t blocked              = wanted.sa_mask;
  sigset_t before;

  if (wanted.sa_flags & (int)SA_RESETHAND) {
    action->sa_flags   = 0;
    action->sa_handler = SIG_DFL;
  }
  if (!(wanted.sa_flags & SA_NODEFER)) {
    (void)sigaddset(&blocked, signal_number);
  }
  (void)pthread_sigmask(SIG_BLOCK, &blocked, &before);
  if (wanted.sa_flags & SA_NODEFER) {
    sigset_t own;
    (void)sigemptyset(&own);
    (void)sigaddset(&own, signal_number);
    (void)pthread_sigmask(SIG_UNBLOCK, &own, NULL);
  }
  if (wanted.sa_flags & SA_SIGINFO) {
    wanted.sa_sigaction(signal_number, info, context);
  } else {
    wanted.sa_handler(signal_number);
  }
  (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void
pass_on(unsigned i, siginfo_t *info, void *context)
{
  const int signal_number        = signals[i];
  struct sigaction *const action = &previous[i];
  const bool has_function        = action->sa_flags & SA_SIGINFO;

  if (has_function || (action->sa_handler != SIG_DFL && action->sa_handler != SIG_IGN)) {
    call_previous(action, signal_number, info, context);
    return;
  }
  if (!is_fault(info) && action->sa_handler == SIG_IGN) {
    return; // a process has sent the signal, and this program ignores it
  }
  // After a fault the instruction is tried again, and the kernel ends the program there.  A
  // signal that a process has sent does not come again: it is raised once more, and is
  // delivered when this handler has returned.
  (void)sigaction(signal_number, action, NULL);
  if (!is_fault(info)) {
    (void)raise(signal_number);
  }
}

static void
handle(int signal_number, siginfo_t *info, void *context)
{
  const int saved         = errno;
  const uintptr_t address = fault_address(info, context);
  if (address) {
    watcher(address);
  }
  for (unsigned i = 0; i < N_SIGNALS; ++i) {
    if (signals[i] == signal_number) {
      pass_on(i, info, context);
    }
  }
  errno = saved;
}

static bool
is_ours(const struct sigaction *action)
{
  return (action->sa_flags & SA_SIGINFO) && action->sa_sigaction == handle;
}

// Whether the program has taken our handler out: either no handler is installed, or the one
// that was installed before ours.  Any other handler may have been installed above ours, and
// call it.
static bool
is_out(unsigned i, const struct sigaction *current)
{
  const bool has_function = current->sa_flags & SA_SIGINFO;
  return has_function ? (previous[i].sa_flags & SA_SIGINFO) &&
                            current->sa_sigaction == previous[i].sa_sigaction
                      : current->sa_handler == SIG_DFL || current->sa_handler == SIG_IGN ||
                            (!(previous[i].sa_flags & SA_SIGINFO) &&
                             current->sa_handler == previous[i].sa_handler);
}

static PtrsStatus
install(unsigned i)
{
  struct sigaction ours;
  memset(&ours, 0, sizeof(ours));
  (void)sigemptyset(&ours.sa_mask);
  ours.sa_sigaction = handle;
  ours.sa_flags     = SA_SIGINFO | SA_ONSTACK;

  // The previous action must be known before the first signal comes
  if (sigaction(signals[i], NULL, &previous[i]) || sigaction(signals[i], &ours, NULL)) {
    return PTRS_STATUS_OS;
  }
  return PTRS_STATUS_SUCCESS;
}

PtrsStatus
ptrs_os_fault_watch(PtrsFaultFunction function)
{
  PtrsStatus status = PTRS_STATUS_SUCCESS;
  if (!is_watching) {
    watcher = function;
  }
  for (unsigned i = 0; i < N_SIGNALS && !status; ++i) {
    struct sigaction current;
    if (sigaction(signals[i], NULL, &current)) {
      status = PTRS_STATUS_OS;
    } else if (!is_ours(&current) && (!is_watching || is_out(i, &current))) {
      status = install(i);
    }
  }
  is_watching = is_watching || !status;
  return status;
}

PtrsStatus
ptrs_os_fault_unwatch(void)
{
  if (!is_watching) {
    return PTRS_STATUS_SUCCESS;
  }
  bool is_covered = false;
  for (unsigned i = 0; i < N_SIGNALS; ++i) {
    struct sigaction current;
    if (sigaction(signals[i], NULL, &current)) {
      is_covered = true;
    } else if (is_ours(&current)) {
      (void)sigaction(signals[i], &previous[i], NULL);
    } else if (!is_out(i, &current)) {
      is_covered = true;
    }
  }
  is_watching = is_covered;
  return is_covered ? PTRS_STATUS_NOT_SUPPORTED : PTRS_STATUS_SUCCESS;
}
