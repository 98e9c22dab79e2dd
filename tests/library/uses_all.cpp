// Includes every header of the library from C++, and links functions of it.
#include <framing/attributes.h>
#include <framing/buffer.h>
#include <framing/cbor.h>
#include <framing/command.h>
#include <framing/escape.h>
#include <framing/frame.h>
#include <framing/framegen.h>
#include <framing/humanstring.h>
#include <framing/limits.h>
#include <framing/literal.h>
#include <framing/reactor.h>
#include <framing/response.h>
#include <framing/source.h>
#include <framing/status.h>
#include <framing/stream.h>
#include <framing/utf8.h>
#include <framing/version.h>

#include <cstdio>

int main()
{
    fg_reactor_options options = {};
    options.data_mode = FG_DATA_KEEP;
    options.limits = FG_LIMITS_DEFAULT;
    fg_reactor *reactor = nullptr;
    if (fg_reactor_new(&options, &reactor) != FG_OK) {
        return 1;
    }
    std::puts(fg_reactor_state_name(fg_reactor_state(reactor)));
    std::puts(FG_VERSION);
    fg_reactor_free(reactor);
    return 0;
}
