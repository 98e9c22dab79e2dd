#include "framing/utf8.h"
