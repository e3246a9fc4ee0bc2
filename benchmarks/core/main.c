// SPDX-License-Identifier: MIT
// ptrs-workload: runs one workload on one allocator and tells what it took.
//
//     ptrs-workload --list
//     ptrs-workload NAME --allocator SPEC [--checked] [--scale X] [--threads N]
//                   [--blocks N] [--seed N] [--json]
//
// Exit code 0 also where the allocator cannot serve the workload: the answer
// says so.  1: memory was not what it should be.  2: wrong arguments.
#define _POSIX_C_SOURCE 200809L

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measure.h"
#include "workload.h"

#define MIB ((size_t)1 << 20)

const Workload workloads[] = {
    {"glibc-simple", "16 B in batches of 25, 100, 400, 1600; half FIFO, half LIFO", 16,
     run_glibc_simple, false},
    {"churn", "64 B, one of 1024 replaced at random", 64, run_churn, false},
    {"alloc-test", "up to 1 KiB by the 80/20 rule, so are the places", 1024, run_alloc_test, false},
    {"sh6", "1 to 1000 B in batches of 1000, freed in order and in reverse, on threads", 1000,
     run_sh6, true},
    {"sh8", "the same, freed by other threads", 1000, run_sh8, true},
    {"larson", "8 to 999 B, 5000 places a thread; a successor inherits them", 999, run_larson,
     true},
    {"mstress", "phases; a fifth of the pieces stays, a tenth moves to other threads", 50000,
     run_mstress, true},
    {"rptest", "8 to 16000 B, falling off linearly; freed by other threads", 16000, run_rptest,
     true},
    {"xmalloc", "64 B in batches of 4096, which other threads free", 64, run_xmalloc, true},
    {"malloc-large", "5 to 25 MiB, one of 16 replaced at random", 25 * MIB, run_large, false},
    {"realloc-growth", "8 vectors that grow by half from 16 B to 1 MiB in turns", MIB, run_growth,
     false},
    {"request-cycle", "1000 pieces of 16 to 128 B that go together", 128, run_request_cycle, false},
    {"live-blocks", "48 B, replaced while --blocks N of them live", 48, run_live_blocks, false},
};
const size_t n_workloads = sizeof(workloads) / sizeof(workloads[0]);

typedef struct {
  const Workload *workload;
  const char *allocator;
  bool checked;
  bool json;
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
                        "                     [--threads N] [--blocks N] [--seed N] [--json]\n"
                        "SPEC: direct, system, arena[:CHUNK], pool[:BLOCK], guard, "
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

static int
unsupported(const Options *options, const char *reason)
{
  if (options->json) {
    (void)printf("{\"workload\": \"%s\", \"allocator\": ", options->workload->name);
    print_string(options->allocator);
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
print_result(const Options *options, const Run *run, uint64_t peak_rss, const PtrsStats *stats)
{
  const double ns = run->seconds * 1e9 / (double)run->operations;
  if (!options->json) {
    (void)printf("%s on %s%s: %.1f ns an operation, %.1f MB at most\n", options->workload->name,
                 options->allocator, options->checked ? ", checked" : "", ns,
                 (double)peak_rss / 1e6);
    return;
  }
  (void)printf("{\"workload\": \"%s\", \"allocator\": ", options->workload->name);
  print_string(options->allocator);
  (void)printf(", \"checked\": %s, \"threads\": %u, \"operations\": %llu, \"seconds\": %.9f, "
               "\"ns_per_op\": %.4f, \"ops_per_s\": %.1f, \"peak_rss_bytes\": %llu, ",
               options->checked ? "true" : "false", run->threads,
               (unsigned long long)run->operations, run->seconds, ns,
               (double)run->operations / run->seconds, (unsigned long long)peak_rss);
  // Of a few pages, the program's own noise would be most
  if (stats && stats->peak_bytes >= MIB) {
    (void)printf("\"peak_live_bytes\": %llu, \"fragmentation\": %.4f, ",
                 (unsigned long long)stats->peak_bytes,
                 (double)peak_rss / (double)stats->peak_bytes);
  } else if (stats) {
    (void)printf("\"peak_live_bytes\": %llu, \"fragmentation\": null, ",
                 (unsigned long long)stats->peak_bytes);
  } else {
    (void)printf("\"peak_live_bytes\": null, \"fragmentation\": null, ");
  }
  (void)printf("\"parameters\": {\"scale\": %g, \"seed\": %llu, \"blocks\": %llu}}\n", run->scale,
               (unsigned long long)run->seed, (unsigned long long)run->blocks);
}

static int
measure(const Options *options)
{
  Heap heap;
  char message[512];
  bool unusable = false;
  if (!heap_open(&heap, options->allocator, options->checked, options->workload->max_size, message,
                 sizeof(message), &unusable)) {
    return unusable ? usage(message, "") : unsupported(options, message);
  }
  Run run = {
      .heap    = &heap,
      .scale   = options->scale,
      .threads = options->workload->threaded ? options->threads : 1,
      .seed    = options->seed,
      .blocks  = options->blocks,
  };
  const uint64_t before = measure_rss();
  const double start    = measure_seconds();
  const bool good       = options->workload->run(&run);
  if (!(run.seconds > 0)) {
    run.seconds = measure_seconds() - start;
  }
  const uint64_t peak = measure_peak_rss();
  PtrsStats stats;
  if (heap.allocator) {
    ptrs_allocator_stats(heap.allocator, &stats);
  }
  int code = 0;
  if (run.corrupt) {
    (void)fprintf(stderr, "ptrs-workload: a piece had not what was written into it\n");
    code = 1;
  } else if (!good) {
    code = unsupported(options, run.problem);
  } else {
    print_result(options, &run, peak > before ? peak - before : 0, heap.allocator ? &stats : NULL);
  }
  heap_close(&heap);
  return code;
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
      {"scale", required_argument, NULL, 's'},
      {"threads", required_argument, NULL, 't'},
      {"blocks", required_argument, NULL, 'b'},
      {"seed", required_argument, NULL, 'r'},
      {"json", no_argument, NULL, 'j'},
      {"list", no_argument, NULL, 'l'},
      {NULL, 0, NULL, 0},
  };
  Options options = {.allocator = "system", .scale = 1, .threads = 2, .seed = 1};
  double number   = 0;
  for (int option = 0; (option = getopt_long(argc, argv, "", known, NULL)) != -1;) {
    bool good = true;
    switch (option) {
    case 'a':
      options.allocator = optarg;
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
    case 'l':
      return list();
    default:
      return usage("unknown option", "");
    }
    if (!good) {
      return usage("no such number is possible: ", optarg);
    }
  }
  if (optind != argc - 1) {
    return usage("one workload is needed", "");
  }
  options.workload = find(argv[optind]);
  return options.workload ? measure(&options) : usage("unknown workload ", argv[optind]);
}
