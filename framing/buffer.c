#include "framing/buffer.h"
