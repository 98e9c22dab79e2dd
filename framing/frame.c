#include "framing/frame.h"
