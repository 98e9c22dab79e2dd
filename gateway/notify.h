/*
 * Telling the service manager how it goes: systemd's notification protocol, which is one datagram.
 */
#ifndef FRAMEGATE_GATEWAY_NOTIFY_H
#define FRAMEGATE_GATEWAY_NOTIFY_H

/*
 * Sends lines such as "READY=1" to the socket that NOTIFY_SOCKET names. Does nothing if it names
 * none; a failure is of no consequence, as the manager has a timeout of its own.
 */
void fg_notify(const char *lines);

/* "RELOADING=1", with the time that goes with it. */
void fg_notify_reloading(void);

#endif
