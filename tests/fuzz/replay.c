/* SPDX-License-Identifier: MIT
 *
 * replay.c - runs inputs without a fuzzer: one after the other, each named before it runs if VERBOSE is set, so that the one
 * that fails is known. `replay FILE ...`; ends the way the harness does.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Inputs are cut to this by the fuzzers too. */
static uint8_t data[1 << 16];

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        FILE *file = fopen(argv[i], "rb");
        if (file == NULL) {
            perror(argv[i]);
            return 2;
        }
        size_t size = fread(data, 1, sizeof data, file);
        fclose(file);
        if (getenv("VERBOSE") != NULL)
            fprintf(stderr, "%s\n", argv[i]);
        LLVMFuzzerTestOneInput(data, size);
    }
    printf("%d\n", argc - 1);
    return argc < 2;
}
