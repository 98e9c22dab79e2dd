#include "framing/response.h"
