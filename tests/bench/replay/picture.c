#include "report.h"
bool fh_picture(const char *path, const struct fh_allocator *a, const struct fh_trace *t, size_t bytes){(void)path;(void)a;(void)t;(void)bytes;return 0;}
bool fh_import(const char *r,const char*p){(void)r;(void)p;return 0;}
