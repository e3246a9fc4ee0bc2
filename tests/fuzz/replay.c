// SPDX-License-Identifier: MIT
// Run a fuzz target on files, or on all files of folders: for compilers without
// libFuzzer, and for tests.
#include <dirent.h>

#include "fuzz.h"

#define MAX_SIZE ((size_t)1 << 20)

static unsigned n_files;

static void
replay_file(const char *path)
{
  static uint8_t bytes[MAX_SIZE];
  FILE *const file = fopen(path, "rb");
  REQUIRE(file);
  const size_t size = fread(bytes, 1, sizeof(bytes), file);
  REQUIRE(!ferror(file));
  (void)fclose(file);

  // Printed first, so that a crash shows which file caused it
  (void)fprintf(stderr, "%s\n", path);
  void *heap = NULL;
  (void)LLVMFuzzerTestOneInput(guarded_copy(bytes, size, 0, &heap), size);
  free(heap);
  ++n_files;
}

static void
replay(const char *path)
{
  DIR *const folder = opendir(path);
  if (!folder) {
    replay_file(path);
    return;
  }
  for (const struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
    char name[4096];
    if (entry->d_name[0] != '.') {
      const int length = snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
      REQUIRE(length > 0 && (size_t)length < sizeof(name));
      replay_file(name);
    }
  }
  (void)closedir(folder);
}

int
main(int argc, char **argv)
{
  for (int i = 1; i < argc; ++i) {
    replay(argv[i]);
  }
  (void)fprintf(stderr, "%u files\n", n_files);
  return n_files ? 0 : 1;
}
