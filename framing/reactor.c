#include "framing/reactor.h"
