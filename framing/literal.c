#include "framing/literal.h"
