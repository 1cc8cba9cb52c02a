/* SPDX-License-Identifier: MIT
 *
 * ring_board.c - fills a ring buffer on a machine without files, and dumps it to the console: each byte as a backslash and three
 * octal digits, which printf makes bytes of again. Then a line that says `done`.
 *
 * Must not know: the machine; see tests/wcet/board.h.
 */
#include "../../wcet/print.h"
#include "ring_work.h"

static struct fh_ring ring;

static void put_octal(unsigned char byte)
{
    board_put('\\');
    board_put((char)('0' + (byte >> 6)));
    board_put((char)('0' + (byte >> 3 & 7)));
    board_put((char)('0' + (byte & 7)));
}

int board_main(void)
{
    const unsigned char *bytes = (const unsigned char *)&ring;
    struct fh_heap *heap = fh_create(__heap_start, 65536, NULL);
    if (heap == NULL)
        return 1;
    ring_work(&ring, heap, 20);
    for (size_t i = 0; i < sizeof ring; i++)
        put_octal(bytes[i]);
    put("\ndone\n");
    return 0;
}
