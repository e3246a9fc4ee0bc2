// SPDX-License-Identifier: MIT
// ptrs-workload: runs one workload on one allocator and tells what it took.
//
//     ptrs-workload --list
//     ptrs-workload NAME --allocator SPEC [--checked] [--scale X] [--threads N]
//                   [--blocks N] [--seed N] [--quick] [--count] [--json]
//     ptrs-workload NAME --from LIBRARY ...
//     ptrs-workload --probe [--from LIBRARY] --allocator SPEC
//
// --count tells who frees what and what is live, and measures nothing.
// Exit code 0 also where the allocator cannot serve the workload: the answer
// says so.  1: memory was not what it should be.  2: wrong arguments, or a
// library that does not load, which is what --probe tries.  --from takes the
// workload from a library: see ptrs-workload.h.
#define _POSIX_C_SOURCE 200809L

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"
#include "loaded.h"
#include "measure.h"
#include "workload.h"

#define MIB ((size_t)1 << 20)

// A guarded block takes microseconds, so that there are fewer of them
#define GUARD_PART 0.05

// With its quick scale last
const Workload workloads[] = {
    {"glibc-simple",
     "16, 32, 64 B in batches of 25 to 1600; half FIFO, half LIFO; also in a thread", 64,
     run_glibc_simple, false, TOUCH_ALL, 0.02},
    {"glibc-thread", "4 to 32768 B, by the inverse square; 1024 places a thread", 32768,
     run_glibc_thread, true, TOUCH_ALL, 0.03},
    {"churn", "64 B, one of 1024 replaced at random", 64, run_churn, false, TOUCH_ENDS, 0.07},
    {"alloc-test1", "up to 1 KiB, half of 262144 places taken, toggled by the 80/20 rule", 1024,
     run_alloc_test, false, TOUCH_CHECK, 0.01},
    {"alloc-testN", "the same on threads, which share the places out", 1024, run_alloc_test, true,
     TOUCH_CHECK, 0.01},
    {"sh6", "1 to 709 B, small ones more often, a fifth survives; in order and in reverse", 1000,
     run_sh6, true, TOUCH_ENDS, 0.02},
    {"sh8", "the same sizes, freed by other threads", 4200, run_sh8, true, TOUCH_ENDS, 0.5},
    {"larson", "8 to 999 B, 5000 places a thread, which successors inherit", 999, run_larson, true,
     TOUCH_ENDS, 0.02},
    {"mstress", "a third retained, a quarter swapped with other threads, which are made anew",
     (size_t)64 * 10000 * 8, run_mstress, true, TOUCH_CHECK, 0.1},
    {"rptest", "8 to 16000 B, every second loop a batch for another thread", 16000, run_rptest,
     true, TOUCH_PAGES, 0.5},
    {"xmalloc", "64 B in batches of 4096, from makers to releasers", 32776, run_xmalloc, true,
     TOUCH_HEAD, 0.03},
    {"cache-scratch1", "1 B that the main thread made, then 1 B anew, written 2000000 times", 1,
     run_cache_scratch, false, TOUCH_ENDS, 0.02},
    {"cache-scratchN", "the same on threads, which share the writes out", 1, run_cache_scratch,
     true, TOUCH_ENDS, 0.03},
    {"cache-thrash1", "1 B, written 2000000 times", 1, run_cache_thrash, false, TOUCH_ENDS, 0.02},
    {"cache-thrashN", "the same on threads, which share the writes out", 1, run_cache_thrash, true,
     TOUCH_ENDS, 0.03},
    {"malloc-large", "5 to 25 MiB, one of 20 replaced at random", 25 * MIB, run_large, false,
     TOUCH_ALL, 0.01},
    {"realloc-growth", "8 vectors that grow by half from 16 B to 1 MiB in turns", MIB, run_growth,
     false, TOUCH_ENDS, 0.012},
    {"request-cycle", "1000 pieces of 16 to 128 B that go together", 128, run_request_cycle, false,
     TOUCH_ENDS, 0.04},
    {"live-blocks", "48 B, replaced while --blocks N of them live", 48, run_live_blocks, false,
     TOUCH_ENDS, 1},
};
const size_t n_workloads = sizeof(workloads) / sizeof(workloads[0]);

typedef struct {
  const Workload *workload;
  const char *allocator;
  const char *from;
  bool checked;
  bool json;
  bool quick;
  bool count;
  bool probe;
  double scale;
  unsigned threads;
  uint64_t blocks;
  uint64_t seed;
} Options;

static int
usage(const char *problem, const char *value)
{
  (void)fprintf(stderr, "ptrs-workload: %s%s\n", problem, value);
  (void)fprintf(stderr, "usage: ptrs-workload --list\n"
                        "       ptrs-workload NAME --allocator SPEC [--checked] [--scale X]\n"
                        "                     [--threads N] [--blocks N] [--seed N] [--quick]\n"
                        "                     [--count] [--json]\n"
                        "       ptrs-workload NAME --from LIBRARY ...\n"
                        "       ptrs-workload --probe [--from LIBRARY] --allocator SPEC\n"
                        "SPEC: direct, system, system+stats, arena[:CHUNK], pool[:BLOCK], guard, "
                        "foreign:PATH[:PREFIX]\n");
  return 2;
}

static int
list(void)
{
  for (size_t i = 0; i < n_workloads; ++i) {
    (void)printf("%s %s\n", workloads[i].name, workloads[i].description);
  }
  return 0;
}

static const Workload *
find(const char *name)
{
  for (size_t i = 0; i < n_workloads; ++i) {
    if (!strcmp(workloads[i].name, name)) {
      return &workloads[i];
    }
  }
  return NULL;
}

static void
print_string(const char *text)
{
  (void)putchar('"');
  for (; *text; ++text) {
    const unsigned char byte = (unsigned char)*text;
    if (byte < 0x20 || byte == '"' || byte == '\\') {
      (void)printf("\\u%04x", byte);
    } else {
      (void)putchar(byte);
    }
  }
  (void)putchar('"');
}

static void
print_names(const Options *options)
{
  (void)printf("{\"workload\": ");
  print_string(options->workload->name);
  (void)printf(", \"allocator\": ");
  print_string(options->allocator);
}

static int
unsupported(const Options *options, const char *reason)
{
  if (options->json) {
    print_names(options);
    (void)printf(", \"unsupported\": ");
    print_string(reason);
    (void)printf("}\n");
  } else {
    (void)printf("%s on %s: unsupported: %s\n", options->workload->name, options->allocator,
                 reason);
  }
  return 0;
}

static void
print_result(const Options *options, const Run *run, const Usage *before, const Usage *after)
{
  const double ns     = run->seconds * 1e9 / (double)run->operations;
  const uint64_t own  = before->rss + harness_peak();
  const uint64_t peak = after->peak_rss > own ? after->peak_rss - own : 0;
  if (!options->json) {
    (void)printf("%s on %s%s: %.1f ns an operation, %.1f MB touched at most\n",
                 options->workload->name, options->allocator, options->checked ? ", checked" : "",
                 ns, (double)peak / 1e6);
    return;
  }
  print_names(options);
  (void)printf(", \"checked\": %s, \"threads\": %u, \"operations\": %llu, \"seconds\": %.9f, "
               "\"ns_per_op\": %.4f, \"ops_per_s\": %.1f, \"peak_rss_bytes\": %llu, "
               "\"page_faults\": %llu, \"user_seconds\": %.6f, \"system_seconds\": %.6f, ",
               options->checked ? "true" : "false", run->threads,
               (unsigned long long)run->operations, run->seconds, ns,
               (double)run->operations / run->seconds, (unsigned long long)peak,
               (unsigned long long)(after->faults - before->faults - harness_faults()),
               after->user - before->user, after->system - before->system);
  (void)printf("\"parameters\": {\"scale\": %g, \"seed\": %llu, \"blocks\": %llu}}\n", run->scale,
               (unsigned long long)run->seed, (unsigned long long)run->blocks);
}

static void
print_counts(const Options *options, const Run *run, Counts *counts)
{
  print_names(options);
  (void)printf(
      ", \"threads\": %u, \"operations\": %llu, \"made\": %llu, "
      "\"crossing\": %llu, \"left\": %llu, \"retained\": %llu, \"peak_live_blocks\": %llu, "
      "\"peak_live_bytes\": %llu}\n",
      atomic_load(&counts->threads), (unsigned long long)run->operations,
      atomic_load(&counts->made), atomic_load(&counts->crossing), atomic_load(&counts->live_blocks),
      atomic_load(&counts->retained), atomic_load(&counts->peak_blocks),
      atomic_load(&counts->peak_bytes));
}

static int
measure(const Options *options)
{
  static Counts counts;
  Heap heap = {.touch = options->workload->touch, .counts = options->count ? &counts : NULL};
  char message[512];
  bool unusable = false;
  if (!heap_open(&heap, options->allocator, options->checked, options->workload->max_size, message,
                 sizeof(message), &unusable)) {
    return unusable ? usage(message, "") : unsupported(options, message);
  }
  Run run = {
      .heap  = &heap,
      .scale = options->scale * (options->quick ? options->workload->quick : 1) *
               (strcmp(options->allocator, "guard") ? 1 : GUARD_PART),
      .threads = options->workload->threaded ? options->threads : 1,
      .seed    = options->seed,
      .blocks  = options->blocks,
  };
  Usage before;
  Usage after;
  measure_usage(&before);
  const double start = measure_seconds();
  const bool good    = options->workload->run(&run);
  if (!(run.seconds > 0)) {
    run.seconds = measure_seconds() - start;
  }
  measure_usage(&after);
  int code = 0;
  if (run.corrupt) {
    (void)fprintf(stderr,
                  "ptrs-workload: a piece had not what was written into it: %s gives memory out "
                  "that is in use, or changes it\n",
                  options->allocator);
    code = 1;
  } else if (!good) {
    code = unsupported(options, run.problem);
  } else if (options->count) {
    print_counts(options, &run, &counts);
  } else {
    print_result(options, &run, &before, &after);
  }
  heap_close(&heap);
  return code;
}

// Whether an allocator is there
static int
probe(const Options *options)
{
  Heap heap = {.touch = TOUCH_ENDS};
  char message[512];
  bool unusable = false;
  Workload workload;
  if ((!options->from || loaded_open(&workload, "", options->from, message, sizeof(message))) &&
      heap_open(&heap, options->allocator, options->checked, 1, message, sizeof(message),
                &unusable)) {
    heap_close(&heap);
    return 0;
  }
  (void)fprintf(stderr, "%s\n", message);
  return 2;
}

static bool
read_number(const char *text, double least, double most, double *number)
{
  char *end = NULL;
  *number   = strtod(text, &end);
  return end != text && !*end && *number >= least && *number <= most;
}

int
main(int argc, char **argv)
{
  static const struct option known[] = {
      {"allocator", required_argument, NULL, 'a'},
      {"checked", no_argument, NULL, 'c'},
      {"from", required_argument, NULL, 'f'},
      {"scale", required_argument, NULL, 's'},
      {"threads", required_argument, NULL, 't'},
      {"blocks", required_argument, NULL, 'b'},
      {"seed", required_argument, NULL, 'r'},
      {"json", no_argument, NULL, 'j'},
      {"list", no_argument, NULL, 'l'},
      {"quick", no_argument, NULL, 'q'},
      {"count", no_argument, NULL, 'n'},
      {"probe", no_argument, NULL, 'p'},
      {NULL, 0, NULL, 0},
  };
  const long cores = sysconf(_SC_NPROCESSORS_ONLN);
  Options options  = {.allocator = "system",
                      .scale     = 1,
                      .threads   = cores < 1     ? 1
                                   : cores > 256 ? 256
                                                 : (unsigned)cores,
                      .seed      = 1};
  double number    = 0;
  for (int option = 0; (option = getopt_long(argc, argv, "", known, NULL)) != -1;) {
    bool good = true;
    switch (option) {
    case 'a':
      options.allocator = optarg;
      break;
    case 'f':
      options.from = optarg;
      break;
    case 'c':
      options.checked = true;
      break;
    case 's':
      good          = read_number(optarg, 1e-6, 1e6, &number);
      options.scale = number;
      break;
    case 't':
      good            = read_number(optarg, 1, 256, &number);
      options.threads = (unsigned)number;
      break;
    case 'b':
      good           = read_number(optarg, 1, 1e9, &number);
      options.blocks = (uint64_t)number;
      break;
    case 'r':
      good         = read_number(optarg, 0, 1e15, &number);
      options.seed = (uint64_t)number;
      break;
    case 'j':
      options.json = true;
      break;
    case 'q':
      options.quick = true;
      break;
    case 'n':
      options.count = true;
      break;
    case 'p':
      options.probe = true;
      break;
    case 'l':
      return list();
    default:
      return usage("unknown option", "");
    }
    if (!good) {
      return usage("no such number is possible: ", optarg);
    }
  }
  if (options.probe) {
    return probe(&options);
  }
  if (optind != argc - 1) {
    return usage("one workload is needed", "");
  }
  if (options.from) {
    static Workload workload;
    char message[512];
    if (!loaded_open(&workload, argv[optind], options.from, message, sizeof(message))) {
      return usage(message, "");
    }
    options.workload = &workload;
    return measure(&options);
  }
  options.workload = find(argv[optind]);
  return options.workload ? measure(&options) : usage("unknown workload ", argv[optind]);
}
