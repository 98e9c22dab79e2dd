"""Serves a request of Mercurial's HTTP protocol that framegate hands over.

framegate has hg load this file as an extension, whatever hg is (a script, a program of a virtual
environment, a wrapper around one), and run its one command. The request comes in the form of CGI:
variables of the environment, and a body on standard input. The answer goes to standard output, as a
CGI program answers; a failure to standard error. In between is hgweb itself, so that hooks and
extensions see what they see of a push to "hg serve".
"""

import contextlib
import os
import select
import signal
import threading
import time
import traceback

from mercurial import error, extensions, registrar, wireprotoserver
from mercurial.hgweb import hgweb_mod
from mercurial.utils import procutil

# Where something else fails, hg does not advise to disable this extension.
testedwith = b'ships-with-hg-core'

cmdtable = {}
command = registrar.command(cmdtable)

SETTINGS = (
    # Who may read and push, framegate has judged by its own rules.
    (b'web', b'allow-pull', b'yes'),
    (b'web', b'allow-push', b'*'),
    (b'web', b'allow_read', b''),
    (b'web', b'deny_push', b''),
    (b'web', b'deny_read', b''),
    (b'web', b'push_ssl', b'no'),
    # The bundle is in a file already, so hg need not copy it into another one.
    (b'server', b'streamunbundle', b'yes'),
)

FAILED, ABORTED = 1, 255  # exit statuses, as hg's own
GRACE = 3  # seconds to roll back once framegate is gone


def application(repo):
    """The WSGI application for a repository whose readers and pushers framegate chooses."""
    for ui in (repo.ui, repo.baseui):
        for section, name, value in SETTINGS:
            ui.setconfig(section, name, value, b'framegate')
    return hgweb_mod.hgweb(repo)


def serve(application, variables, body, answer, errors):
    """Answers one request. Returns an exit status; unless that is 0 the answer is incomplete."""
    environment = dict(variables)
    environment.update({
        'wsgi.version': (1, 0),
        'wsgi.url_scheme': 'https' if variables.get('HTTPS') == 'on' else 'http',
        'wsgi.input': body,
        'wsgi.errors': errors,
        'wsgi.multithread': False,
        'wsgi.multiprocess': True,
        'wsgi.run_once': True,
    })

    def start(status, fields, exc_info=None):
        lines = ['Status: ' + status] + ['%s: %s' % field for field in fields] + ['', '']
        answer.write('\r\n'.join(lines).encode('latin-1'))
        return answer.write

    try:
        for piece in application(environment, start):
            answer.write(piece)
        answer.flush()
    except error.Abort as failure:
        errors.write(failure.format())
        return ABORTED
    except Exception:
        errors.write(traceback.format_exc().encode('utf-8', 'backslashreplace'))
        return FAILED
    return 0


@contextlib.contextmanager
def keepoutput(original, handler):
    """Saves what hooks said for whoever looks into a failure: hgweb would forget it."""
    with original(handler) as output:
        try:
            yield output
        except Exception:
            procutil.stderr.write(output.getvalue())
            raise


def parseform(original, form, **options):
    """The fields of a form. As bytes, urllib takes none that are not ASCII, as bookmarks may be."""
    fields = original(form.decode('latin-1'), encoding='latin-1', **options)
    return {
        name.encode('latin-1'): [value.encode('latin-1') for value in values]
        for name, values in fields.items()
    }


def watch(answer, gone):
    """Ends hg and its hooks if framegate dies: nobody else would, and nobody waits for them."""
    poll = select.poll()
    poll.register(answer, 0)
    poll.poll()  # an error, when the pipe has no reader any more
    gone.set()
    os.killpg(0, signal.SIGTERM)
    time.sleep(GRACE)
    os.killpg(0, signal.SIGKILL)


@command(b'debugframegaterequest', [])
def request(ui, repo):
    """answer the one request that the environment and standard input are"""
    body, answer = ui.protectfinout()
    gone = threading.Event()
    threading.Thread(target=watch, args=(answer, gone), daemon=True).start()
    try:
        return serve(application(repo), os.environ, body, answer, procutil.stderr)
    finally:
        if gone.is_set():
            os.killpg(0, signal.SIGKILL)


def extsetup(ui):
    extensions.wrapfunction(wireprotoserver.urlreq, 'parseqs', parseform)
    extensions.wrapfunction(
        wireprotoserver.httpv1protocolhandler, 'mayberedirectstdio', keepoutput
    )
