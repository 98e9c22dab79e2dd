#include "framing/source.h"
