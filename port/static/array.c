/* SPDX-License-Identifier: MIT
 *
 * array.c - a heap in an array; see static.h for the promise.
 */
#include "static.h"

struct fh_heap *fh_static_array(void *array, size_t bytes, const struct fh_port *port)
{
    if (port != NULL && port->acquire != NULL)
        return NULL;
    return fh_create(array, bytes, port);
}
