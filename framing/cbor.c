#include "framing/cbor.h"
