/* What the sources of the entropy coder share. */

#ifndef MVC_RANS_H
#define MVC_RANS_H

#include "kernel.h"

#define LOWEST (1u << 16) /* a state never stays below this */
#define MOST_LANES 64

#endif
