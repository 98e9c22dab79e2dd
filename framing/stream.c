#include "framing/stream.h"
