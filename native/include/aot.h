/* Shared by every C file here. */
#ifndef AOT_H
#define AOT_H

/* What the managed side calls; everything else stays hidden in the archive. */
#define AOT_EXPORT __attribute__((visibility("default")))

/* What the process of native/launcher/joiner.c is called. */
#define AOT_JOINER_NAME "runc-join"

#endif
