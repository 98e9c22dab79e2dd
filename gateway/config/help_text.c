/*
 * All that the program says about itself, as tables. Change a text here and --help, the man page
 * and the option parser change with it.
 */
#include "gateway/config/help.h"
#include "gateway/tools/tools.h"

const char *const fg_help_program_description[] = {
    "framegate speaks Mercurial's frame-based wire protocol over HTTP (API exp-http-v2-0001, media "
    "type application/mercurial-exp-framing-0003). It serves a repository, and it has the tools to "
    "make requests for curl and to read what comes back.",
    NULL,
};

const char *const fg_help_exit_status[] = {
    "Exit status: 0 if all went well; 1 if the input is malformed, something could not be read or "
    "written (a closed pipe and a full disk included), or the server could not start; 2 for bad "
    "usage. Failures are said in one line on standard error.",
    NULL,
};

const char *const fg_help_examples[] = {
    "Example: ask a gateway for the heads of its repository, and read the answer.",
    "  framegate request heads |\n"
    "    curl -s --data-binary @- \\\n"
    "      -H 'Content-Type: application/mercurial-exp-framing-0003' \\\n"
    "      -H 'Accept: application/mercurial-exp-framing-0003' \\\n"
    "      http://127.0.0.1:8080/api/exp-http-v2-0001/ro/heads |\n"
    "    framegate decode",
    NULL,
};

/* -- serve ---------------------------------------------------------------------------------- */

static const char *const serve_description[] = {
    "Serves the Mercurial repository DIR over HTTP until SIGTERM or SIGINT, and then finishes what "
    "runs. Commands are asked for by POST at /api/exp-http-v2-0001/ro/COMMAND, several at once at "
    "ro/multirequest; rw instead of ro allows those that change something. The state of the "
    "gateway "
    "is a page at the admin listener's address, JSON at its /state and /state/exchanges/ID, "
    "Prometheus text at /metrics; /readyz says whether it can serve.",
    "Reading is open to everyone unless --allow-read or --deny-read name users. rw is for those "
    "whom "
    "--allow-push names, never without credentials and, unless --push-ssl=off, never without TLS. "
    "Credentials are a password of --password-file or a token of --token-file; a token may also be "
    "given as its user's password.",
    "Every option can also stand in the file of --config, without its dashes, under [framegate], "
    "or "
    "under [web] if that is said at the option; there a list may go on in indented lines. What the "
    "command line says goes over the file. A file has a setting once; what it does not know it "
    "refuses, with the line.",
    "  [framegate]\n"
    "  repository = /srv/hg/project\n"
    "  password-file = /etc/framegate/users\n"
    "  [web]\n"
    "  allow-push = alice, bob\n"
    "  push_ssl = true",
    "SIGHUP reads the file and those that it names again: who may do what, passwords, tokens, "
    "trusted "
    "proxies, certificate and key take their new values, and the access log is opened again. If "
    "something is wrong, all stays as it was and a message says why. Other settings wait for a new "
    "start, and a message names those that have changed.",
    "The access log has a line for each request: address, -, user, date, request, status, bytes, "
    "-, "
    "agent as in the Combined format; then id= (of the exchange in the state), commands= (that "
    "ran, *N for several, ? for unknown ones), frames= and bytes= (received/sent), us= "
    "(microseconds), port= (of the peer), denied where hg was told of a 403 with status 200, "
    "aborted where the peer left before the end. At 401 and 403 the user is the name that was "
    "tried.",
    "Every limit is an option. BYTES may end in K, M, G or T. What a peer gets beyond a limit is "
    "an "
    "HTTP status, a protocol error (status 400 and an error-response frame), an application error "
    "(the frame alone), or a closed connection.",
    "  framegate serve --repository /srv/hg/project --listen 0.0.0.0:8080",
    NULL,
};

static const struct fg_help_option serve_options[] = {
    {FG_SERVE_OPTION_CONFIG, "config", "FILE", "Read settings from this file."},
    {FG_SERVE_OPTION_CHECK_CONFIG, "check-config", NULL,
     "Do all that a start does short of binding and serving, leave nothing behind, say what is "
     "wrong or that all is fine, and exit with 0 or 1."},
    {0, NULL, NULL, NULL},
};

static const struct fg_help_command serve_command = {
    .name = "serve",
    .synopsis = "--repository DIR [OPTION]...",
    .summary = "Serve a Mercurial repository over HTTP",
    .description = serve_description,
    .options = serve_options,
    .has_settings = true,
};

/* -- encode --------------------------------------------------------------------------------- */

static const char *const encode_description[] = {
    "Reads human strings, one per line, and writes the frames that they say. A human string is",
    "  REQUEST-ID STREAM-ID STREAM-FLAGS TYPE FLAGS PAYLOAD",
    "with one blank between the fields. The ids are decimal numbers. The type and the flags are "
    "names or decimal numbers, flags joined by '|'. The payload is 'cbor:' and a Python literal, "
    "or "
    "bytes with Python's escapes; it may be empty, but the blank before it must be there.",
    "Types and their flags: command-request (new, continuation, more, have-data), command-data "
    "(continuation, eos), bytes-response (continuation, eos, cbor), error-response (protocol, "
    "application), text-output, progress, stream-settings. Stream flags: stream-begin, stream-end, "
    "encoded. 0 stands for no flags.",
    "Lines that are empty or have only blanks, and lines that start with '#', are skipped. A "
    "carriage return before the line break belongs to the line break. The last line needs none.",
    "  echo \"1 1 stream-begin command-request new cbor:{b'name': b'heads'}\" |\n"
    "    framegate encode",
    NULL,
};

static const struct fg_help_command encode_command = {
    .name = "encode",
    .synopsis = "<LINES >FRAMES",
    .summary = "Turn human strings into frames",
    .description = encode_description,
};

/* -- decode --------------------------------------------------------------------------------- */

static const char *const decode_description[] = {
    "Reads frames and writes a line for each: its human string, which 'framegate encode' turns "
    "back "
    "into the same bytes. Error responses are shown like every frame; they are no failure of this "
    "command, except with --payload.",
    "The objects of --json have 'requestid', 'streamid', 'streamflags' (list), 'type', 'flags' "
    "(list), 'length' and 'payload' (hex). Types and flag bits without a name are numbers. Where "
    "the "
    "payload is canonical CBOR, 'literal' is the Python literal for it. Error responses have "
    "'message', text output has 'text'.",
    "Input that ends inside a frame, or is not frames at all but the text of an HTTP error, is a "
    "failure; the frames before it are written. Empty input has no frames, which is no failure.",
    NULL,
};

static const struct fg_help_option decode_options[] = {
    {FG_DECODE_OPTION_JSON, "json", NULL, "Write one JSON object per frame and line."},
    {FG_DECODE_OPTION_REPR, "repr", NULL,
     "Write the form frame(size=...; request=...; stream=...; streamflags=...; type=...; "
     "flags=...), without the payload."},
    {FG_DECODE_OPTION_PAYLOAD, "payload", NULL,
     "Write what a response carries: the payloads of the bytes-response frames, put together and "
     "raw. An error response, a response that does not end, or none at all is a failure. Responses "
     "whose frames are mixed need --request."},
    {FG_DECODE_OPTION_REQUEST, "request", "ID", "Look only at frames with this request id."},
    {0, NULL, NULL, NULL},
};

static const struct fg_help_command decode_command = {
    .name = "decode",
    .synopsis = "[OPTION]... <FRAMES",
    .summary = "Turn frames into human strings, JSON or payloads",
    .description = decode_description,
    .options = decode_options,
};

/* -- request -------------------------------------------------------------------------------- */

static const char *const request_description[] = {
    "Writes the frames that ask a server to run the command NAME. With --then, further requests "
    "follow; their ids are 1, 3, 5 and so on, all on client stream 1.",
    "A LITERAL is a Python literal: None, True, False, an integer, a float, b'bytes', 'text', a "
    "list, a tuple or a dict. Names and nodes travel as bytes, so write b'...'.",
    "  framegate request known --arg \"nodes=[b'\\x00...', b'\\x12...']\"\n"
    "  framegate request listkeys --arg \"namespace=b'bookmarks'\" \\\n"
    "    --then lookup --arg \"key=b'tip'\"",
    NULL,
};

static const struct fg_help_option request_options[] = {
    {FG_REQUEST_OPTION_ARG, "arg", "KEY=LITERAL",
     "Give the command an argument. May be repeated with other keys; applies to the NAME before "
     "it."},
    {FG_REQUEST_OPTION_DATA, "data", "FILE",
     "Send the contents of FILE as the command's data; '-' is standard input. Applies to the NAME "
     "before it."},
    {FG_REQUEST_OPTION_MAX_FRAME_SIZE, "max-frame-size", "N",
     "Cut all requests into frames with payloads of at most N bytes, 1 to 16777215; 32768 if not "
     "given. Data is always cut at 32768."},
    {FG_REQUEST_OPTION_THEN, "then", "NAME", "Ask for another command after the ones before."},
    {0, NULL, NULL, NULL},
};

static const struct fg_help_command request_command = {
    .name = "request",
    .synopsis = "NAME [OPTION]... [--then NAME [OPTION]...]... >FRAMES",
    .summary = "Make the frames that ask for commands",
    .description = request_description,
    .options = request_options,
};

/* -- reflect -------------------------------------------------------------------------------- */

static const char *const reflect_description[] = {
    "Reads frames, feeds them to a server's reactor and writes what it made of each, without "
    "running anything; the server's debugreflect answers with the same text. For each frame there "
    "is "
    "a line",
    "  received: TYPE FLAGS REQUEST-ID PAYLOAD",
    "with numbers and the raw payload, and a line with the JSON [ACTION, {...}]; at the end "
    "'received: <no frame>' and the result of the end of input as a JSON object. Bytes that are "
    "not UTF-8 are shown as \\xNN. In JSON, what JSON cannot say (a big integer, a key that is not "
    "a string) is a string with its Python literal.",
    "The server's default limits apply. A protocol error is a result like the others; input that "
    "ends inside a frame is a failure.",
    NULL,
};

static const struct fg_help_option reflect_options[] = {
    {FG_REFLECT_OPTION_DEFERRED, "deferred", NULL,
     "Let the reactor keep responses until the input has ended, as behind HTTP."},
    {0, NULL, NULL, NULL},
};

static const struct fg_help_command reflect_command = {
    .name = "reflect",
    .synopsis = "[OPTION]... <FRAMES",
    .summary = "Show what a server's reactor makes of frames",
    .description = reflect_description,
    .options = reflect_options,
};

/* -- help ----------------------------------------------------------------------------------- */

static const char *const help_description[] = {
    "Prints the help of a command, or the list of commands.",
    NULL,
};

static const struct fg_help_option help_options[] = {
    {FG_HELP_OPTION_MAN, "man", NULL, "Print the man page in roff; 'man -l -' shows it."},
    {0, NULL, NULL, NULL},
};

static const struct fg_help_command help_command = {
    .name = "help",
    .synopsis = "[--man | COMMAND]",
    .summary = "Print help or the man page",
    .description = help_description,
    .options = help_options,
};

const struct fg_help_command *const *fg_help_commands(void)
{
    static const struct fg_help_command *const commands[] = {
        &serve_command,
        &request_command,
        &encode_command,
        &decode_command,
        &reflect_command,
        &help_command,
        NULL,
    };
    return commands;
}
