#include "framing/framegen.h"
