// SPDX-License-Identifier: MIT
// The handlers that report faults, among handlers of other code: installed before and
// after them, and for signals that are no faults.
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "death.h"
#include "environment.h"
#include "ptrs/guard.h"

#define SIZE ((size_t)32)

static char *mem;
static struct sigaction below; // the action that a later handler replaced

static void
report(void)
{
  if (ptrs_guard_report_faults(2)) {
    leave(99);
  }
}

static void
make_block(void)
{
  PtrsAllocator *guard = NULL;
  if (ptrs_guard_new(0, 0, &guard)) {
    leave(98);
  }
  mem = (char *)guard->alloc(guard, SIZE, 8);
  (void)ptrs_guard_label(mem, "chain.py:1");
}

static void
install(void (*handler)(int, siginfo_t *, void *), int flags, struct sigaction *old)
{
  struct sigaction action = {.sa_flags = flags};
  (void)sigemptyset(&action.sa_mask);
  action.sa_sigaction = handler;
  (void)sigaction(SIGSEGV, &action, old);
}

static void
set_plain(void (*handler)(int))
{
  struct sigaction action = {.sa_flags = 0};
  (void)sigemptyset(&action.sa_mask);
  (void)sigaddset(&action.sa_mask, SIGUSR1);
  action.sa_handler = handler;
  (void)sigaction(SIGSEGV, &action, NULL);
}

static void
miss(void)
{
  *(volatile char *)(mem + SIZE) = 1;
}

static void
expect_report(void)
{
  expect_fault(mem + SIZE, "1 byte past the end", "live", "32 bytes", mem, "chain.py:1");
}

static bool
is_blocked(int signal_number)
{
  sigset_t mask;
  (void)pthread_sigmask(SIG_BLOCK, NULL, &mask);
  return sigismember(&mask, signal_number) == 1;
}

static void
exit_if_told(int signal_number, siginfo_t *info, void *context)
{
  const bool told = signal_number == SIGSEGV && context && info->si_addr == mem + SIZE;
  // Some sanitizers block all signals while any handler runs
  const bool masked = is_blocked(SIGSEGV) && (UNDER_SANITIZER || !is_blocked(SIGUSR1));
  leave(told && masked ? 41 : 40);
}

static void
handlers_are_told_everything(void)
{
  install(exit_if_told, SA_SIGINFO, NULL);
  report();
  make_block();
  expect_report();
  miss();
}

static void
exit_if_masked(int signal_number)
{
  leave(signal_number == SIGSEGV && is_blocked(SIGUSR1) && is_blocked(SIGSEGV) ? 42 : 40);
}

static void
handlers_have_their_mask(void)
{
  set_plain(exit_if_masked);
  report();
  make_block();
  expect_report();
  miss();
}

static void
open_page(int signal_number, siginfo_t *info, void *context)
{
  (void)signal_number;
  (void)context;
  const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
  void *const start    = (void *)((uintptr_t)info->si_addr & ~(page - 1));
  errno                = EIO; // a handler may change errno; the report must restore it
  (void)mprotect(start, page, PROT_READ | PROT_WRITE);
}

static void
handlers_may_repair(void)
{
  install(open_page, SA_SIGINFO, NULL);
  report();
  make_block();
  expect_report();
  errno = 0;
  miss();
  leave(mem[SIZE] == 1 && !errno && !is_blocked(SIGSEGV) ? 43 : 40);
}

static sigjmp_buf place;

static void
jump(int signal_number)
{
  siglongjmp(place, signal_number);
}

static void
handlers_may_jump(void)
{
  set_plain(jump);
  report();
  make_block();
  for (volatile int i = 0; i < 3; ++i) {
    if (sigsetjmp(place, 1) == 0) {
      expect_report();
      miss();
    }
  }
  leave(is_blocked(SIGSEGV) || is_blocked(SIGUSR1) ? 40 : 44);
}

static void
handlers_for_once_come_once(void)
{
  install(open_page, SA_SIGINFO | (int)SA_RESETHAND, NULL);
  report();
  make_block();
  expect_report();
  miss();
  char *const first = mem;
  make_block();
  expect_report();
  miss();
  leave(first == mem ? 40 : 45);
}

static void
ignored_faults_are_faults(void)
{
  set_plain(SIG_IGN);
  report();
  make_block();
  expect_report();
  miss();
}

static void
ignored_signals_are_ignored(void)
{
  set_plain(SIG_IGN);
  report();
  make_block();
  (void)kill(getpid(), SIGSEGV);
  (void)raise(SIGSEGV);
  expect_report();
  miss();
}

static void
signals_that_are_sent_end_it(void)
{
  report();
  make_block();
  (void)kill(getpid(), SIGSEGV);
  for (int i = 0; i < 1000; ++i) {
    (void)usleep(1000);
  }
  leave(40);
}

static void
signals_that_are_raised_end_it(void)
{
  report();
  make_block();
  (void)raise(SIGBUS);
  leave(40);
}

static void
raised_signals_reach_handlers(void)
{
  set_plain(exit_if_masked);
  report();
  make_block();
  (void)raise(SIGSEGV);
  leave(40);
}

static void
beyond_the_end_of_a_file(void)
{
  if (!tells_addresses()) {
    (void)raise(SIGBUS);
  }
  char name[]  = "/tmp/ptrs-XXXXXX";
  const int fd = mkstemp(name);
  (void)unlink(name);
  report();
  make_block();
  char *const empty = (char *)mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
  (void)*(volatile char *)empty;
}

// A debugging aid: it restores the action from before, and raises the signal again
static void
put_back_and_raise(int signal_number, siginfo_t *info, void *context)
{
  (void)info;
  (void)context;
  (void)!write(2, "aid\n", 4);
  (void)sigaction(signal_number, &below, NULL);
  (void)raise(signal_number);
}

static void
an_aid_below(void)
{
  install(put_back_and_raise, SA_SIGINFO | SA_NODEFER | SA_ONSTACK, &below);
  report();
  make_block();
  expect_report();
  expect("aid\n");
  miss();
}

static void
an_aid_above(void)
{
  report();
  install(put_back_and_raise, SA_SIGINFO | SA_NODEFER | SA_ONSTACK, &below);
  make_block();
  expect("aid\n");
  if (tells_last_fault()) {
    expect_report();
  }
  miss();
}

static void
call_below(int signal_number, siginfo_t *info, void *context)
{
  (void)!write(2, "above\n", 6);
  below.sa_sigaction(signal_number, info, context);
}

static void
a_handler_above_that_calls(void)
{
  report();
  install(call_below, SA_SIGINFO, &below);
  if (ptrs_guard_report_faults(2)) {
    leave(40);
  }
  make_block();
  expect("above\n");
  expect_report();
  miss();
}

static void
what_is_covered_stays_and_is_quiet(void)
{
  report();
  install(call_below, SA_SIGINFO, &below);
  if (ptrs_guard_report_faults(-1) != PTRS_STATUS_NOT_SUPPORTED) {
    leave(40);
  }
  make_block();
  expect("above\n");
  miss();
}

// A handler installed before ours uninstalls itself, and takes ours out with it
static void
what_was_taken_out_comes_back(void)
{
  struct sigaction first;
  install(put_back_and_raise, SA_SIGINFO, &first);
  report();
  (void)sigaction(SIGSEGV, &first, NULL);
  report();
  make_block();
  expect_report();
  miss();
}

static void
taking_out_puts_back(void)
{
  install(exit_if_told, SA_SIGINFO, NULL);
  report();
  if (ptrs_guard_report_faults(-1)) {
    leave(40);
  }
  struct sigaction current;
  (void)sigaction(SIGSEGV, NULL, &current);
  leave(current.sa_sigaction == exit_if_told ? 46 : 40);
}

static char *signal_stack;

static void
exit_if_on_stack(int signal_number)
{
  char here             = (char)signal_number;
  const ptrdiff_t depth = &here - signal_stack;
  leave(depth >= 0 && depth < SIGSTKSZ ? 47 : 40);
}

static void *
miss_with_signal_stack(void *argument)
{
  (void)argument;
  const stack_t stack = {.ss_sp = signal_stack, .ss_size = (size_t)SIGSTKSZ};
  (void)sigaltstack(&stack, NULL);
  miss();
  return NULL;
}

// A signal stack of the least size
static void
signal_stacks_are_used(void)
{
  pthread_t thread;
  signal_stack = (char *)malloc((size_t)SIGSTKSZ);
  set_plain(exit_if_on_stack);
  report();
  make_block();
  expect_report();
  (void)pthread_create(&thread, NULL, miss_with_signal_stack, NULL);
  (void)pthread_join(thread, NULL);
}

static const Death deaths[] = {
    {"handlers_are_told_everything", handlers_are_told_everything, 0, 41},
    {"handlers_have_their_mask", handlers_have_their_mask, 0, 42},
    {"handlers_may_repair", handlers_may_repair, 0, 43},
    {"handlers_may_jump", handlers_may_jump, 0, 44},
    {"handlers_for_once_come_once", handlers_for_once_come_once, SIGSEGV, 0},
    {"ignored_faults_are_faults", ignored_faults_are_faults, SIGSEGV, 0},
    {"ignored_signals_are_ignored", ignored_signals_are_ignored, SIGSEGV, 0},
    {"signals_that_are_sent_end_it", signals_that_are_sent_end_it, SIGSEGV, 0},
    {"signals_that_are_raised_end_it", signals_that_are_raised_end_it, SIGBUS, 0},
    {"raised_signals_reach_handlers", raised_signals_reach_handlers, 0, 42},
    {"beyond_the_end_of_a_file", beyond_the_end_of_a_file, SIGBUS, 0},
    {"an_aid_below", an_aid_below, SIGSEGV, 0},
    {"an_aid_above", an_aid_above, SIGSEGV, 0},
    {"a_handler_above_that_calls", a_handler_above_that_calls, SIGSEGV, 0},
    {"what_is_covered_stays_and_is_quiet", what_is_covered_stays_and_is_quiet, SIGSEGV, 0},
    {"what_was_taken_out_comes_back", what_was_taken_out_comes_back, SIGSEGV, 0},
    {"taking_out_puts_back", taking_out_puts_back, 0, 46},
    {"signal_stacks_are_used", signal_stacks_are_used, 0, 47},
};

int
main(void)
{
  return death_run(deaths, sizeof(deaths) / sizeof(deaths[0]));
}
