#include "framing/status.h"
