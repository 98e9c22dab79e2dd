/*
 * The command `framegate serve`: starts everything, waits for a signal, stops everything.
 */
#ifndef FRAMEGATE_GATEWAY_SERVE_H
#define FRAMEGATE_GATEWAY_SERVE_H

/*
 * argv[0] is the command's own name. Returns the exit status: 0 after SIGTERM or SIGINT, 1 if it
 * cannot start, 2 for bad usage; the last two with one line on standard error. Once it listens it
 * prints one line on standard output:
 *
 *     framegate: serving http://ADDR:PORT/ (state at http://ADDR:PORT/state)
 */
int fg_serve_main(int argc, char **argv);

#endif
