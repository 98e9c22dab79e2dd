#include "framing/humanstring.h"
