"""Builds repositories of many kinds with hg. Each maker takes the command server and a path."""

import os
import random

from support import write

MAKERS = {}


def maker(function):
    MAKERS[function.__name__] = function
    return function


def commit(hg, path, name, *options):
    """A commit that changes a file of that name."""
    count = len(hg(path, 'log', '--hidden', '-T', '.'))
    write(path, name, '%s\n%d\n' % (name, count))
    hg(path, 'commit', '-A', '-m', 'change ' + name, *options)


def linear_history(hg, path, *init_options):
    hg('/', 'init', path, *init_options)
    for i in range(6):
        commit(hg, path, 'file%d' % (i % 2))


@maker
def empty(hg, path):
    hg('/', 'init', path)


@maker
def linear(hg, path):
    linear_history(hg, path)
    hg(path, 'phase', '-p', '-r', '3')


@maker
def zlib(hg, path):
    linear_history(hg, path, '--config', 'format.revlog-compression=zlib')


@maker
def without_generaldelta(hg, path):
    linear_history(hg, path, '--config', 'format.usegeneraldelta=no', '--config',
                   'format.sparse-revlog=no')
    tags(hg, path, init=False)


@maker
def without_store(hg, path):
    linear_history(hg, path, '--config', 'format.usestore=no')
    tags(hg, path, init=False)


@maker
def without_fncache(hg, path):
    linear_history(hg, path, '--config', 'format.usefncache=no')
    tags(hg, path, init=False)


@maker
def without_dotencode(hg, path):
    linear_history(hg, path, '--config', 'format.dotencode=no')
    tags(hg, path, init=False)


@maker
def new_formats(hg, path):
    linear_history(hg, path, '--config', 'format.use-persistent-nodemap=yes', '--config',
                   'format.use-dirstate-v2=yes', '--config', 'format.use-share-safe=yes',
                   '--config', 'format.bookmarks-in-store=yes')
    hg(path, 'bookmark', '-r', '1', 'in store')
    hg(path, 'bookmark', '-r', '2', 'other')
    tags(hg, path, init=False)


@maker
def split(hg, path):
    """A changelog, a manifest and a filelog that are too large to be inline."""
    hg('/', 'init', path)
    noise = random.Random(1)
    for i in range(24):
        write(path, 'file', noise.randbytes(20000))
        write(path, 'many/%d' % i, 'x')
        message = noise.randbytes(9000).hex()
        hg(path, 'commit', '-A', '-m', message)
        if i % 5 == 0:
            hg(path, 'tag', 'tag%d' % i)
    for i in range(1800):
        write(path, 'folder/%d/%s' % (i % 9, noise.randbytes(100).hex()), 'x')
    hg(path, 'commit', '-A', '-m', 'a large manifest')
    for i in range(20):
        write(path, 'more/%d/%s' % (i, noise.randbytes(40).hex()), 'x')
        hg(path, 'commit', '-A', '-m', 'its delta %d' % i)
    hg(path, 'tag', 'late')


@maker
def merges(hg, path):
    """Merges of merges, criss-cross, and one changeset that is the parent of many."""
    hg('/', 'init', path)
    hg(path, 'debugbuilddag', '+3 :a +2 :b <a +2 :c /b +1 :d <c /b +1 :e <d /e *c *c/d *a/e +2')


@maker
def many_heads(hg, path):
    hg('/', 'init', path)
    hg(path, 'debugbuilddag', '+2 :a ' + ' '.join('<a +%d' % (i % 3 + 1) for i in range(60)))
    hg(path, 'phase', '-p', '-r', '0:20')
    hg(path, 'phase', '-s', '-f', '-r', '30')
    hg(path, 'phase', '-s', '-f', '-r', '50')


@maker
def branches(hg, path):
    """Named branches: merged back, left and entered again, closed, closed and opened again."""
    hg('/', 'init', path)
    commit(hg, path, 'a')
    for name in ('feature', 'stable', 'other', 'lost'):
        hg(path, 'update', '-C', '0')
        hg(path, 'branch', name)
        commit(hg, path, name)
        commit(hg, path, name)
    hg(path, 'update', '-C', 'default')
    hg(path, 'merge', 'feature', '-t', 'internal:local')
    hg(path, 'commit', '-m', 'merge feature into default')
    hg(path, 'update', '-C', 'stable')
    hg(path, 'merge', 'default', '-t', 'internal:local')
    hg(path, 'commit', '-m', 'merge default into stable')
    # default gets a head that is an ancestor of its own newer head only through stable
    hg(path, 'branch', '-f', 'default')
    commit(hg, path, 'back')
    hg(path, 'update', '-C', 'other')
    hg(path, 'commit', '--close-branch', '-m', 'close other')
    hg(path, 'update', '-C', 'lost')
    hg(path, 'commit', '--close-branch', '-m', 'close lost')
    commit(hg, path, 'again')
    hg(path, 'update', '-C', 'feature')
    commit(hg, path, 'second head')
    hg(path, 'update', '-C', 'feature~1')
    commit(hg, path, 'third head')
    hg(path, 'commit', '--close-branch', '-m', 'close one head')


@maker
def unicode_names(hg, path):
    hg('/', 'init', path)
    commit(hg, path, 'a')
    for name in ('żółć', '分支', 'with blank', 'a' * 200, 'back\\slash', 'dot.', '100'):
        if name != '100':
            hg(path, 'branch', name)
        commit(hg, path, 'x')
        hg(path, 'bookmark', '-i', '-f', '-r', '.', 'mark ' + name)
        hg(path, 'tag', '-f', 'tag ' + name)
    hg(path, 'bookmark', '-i', '-r', '0', 'diverged@elsewhere')
    hg(path, 'bookmark', '-i', '-r', '0', 'at@')


@maker
def tags(hg, path, init=True):
    """Tags moved, deleted, in conflict between heads, of unknown nodes, malformed, local."""
    if init:
        linear_history(hg, path)
    hg(path, 'tag', '-r', '1', 'one', 'moved', 'deleted', 'conflict')
    hg(path, 'tag', '-f', '-r', '2', 'moved')
    hg(path, 'tag', '--remove', 'deleted')
    base = hg(path, 'log', '-r', '.', '-T', '{node}')
    hg(path, 'tag', '-f', '-r', '3', 'conflict')
    hg(path, 'tag', '-f', '-r', '4', 'conflict')
    hg(path, 'update', '-C', base)
    hg(path, 'tag', '-f', '-r', '0', 'conflict')
    hg(path, 'tag', '-f', '-r', '5', 'moved')
    hg(path, 'update', '-C', base)
    hg(path, 'tag', '-f', '-r', '3', 'only here')
    hg(path, 'tag', '-f', '-r', '3', 'conflict')
    hg(path, 'tag', '-f', '-r', '1', 'conflict')
    with open(os.path.join(path, '.hgtags'), 'ab') as file:
        file.write(b'1234567890123456789012345678901234567890 unknown\n'
                   b'12345678 short\n'
                   b'nonsense\n'
                   b'zzzz not hexadecimal\n'
                   b'\n'
                   b'0000000000000000000000000000000000000000 never was\n')
    hg(path, 'commit', '-m', 'strange tags')
    hg(path, 'tag', '--local', '-r', '2', 'local')
    hg(path, 'tag', '--local', '-f', '-r', '2', 'one')
    with open(os.path.join(path, '.hg/localtags'), 'ab') as file:
        file.write(b'1234567890123456789012345678901234567890 moved\n')
    # a head on which .hgtags was removed, and one on which it was copied
    hg(path, 'update', '-C', base)
    hg(path, 'remove', '.hgtags')
    hg(path, 'commit', '-m', 'no tags')
    hg(path, 'update', '-C', base)
    hg(path, 'rename', '.hgtags', 'was')
    hg(path, 'commit', '-m', 'move it away')
    hg(path, 'rename', 'was', '.hgtags')
    hg(path, 'commit', '-m', 'move it back')


@maker
def random_tags(hg, path):
    """Heads whose .hgtags disagree in every way: who came later, who knows of whom, how often."""
    hg('/', 'init', path)
    noise = random.Random(23)
    for _ in range(4):
        commit(hg, path, 'a')
    nodes = hg(path, 'log', '-T', '{node} ').decode().split() + ['0' * 40, '1' * 40]
    for _ in range(12):
        hg(path, 'update', '-C', '0')
        lines = ['%s t%d\n' % (noise.choice(nodes[:3]), noise.randrange(12)) for _ in range(60)]
        lines += ['%s u%d\n' % (noise.choice(nodes), noise.randrange(6)) for _ in range(10)]
        write(path, '.hgtags', ''.join(lines))
        hg(path, 'commit', '-A', '-m', 'tags')
    write(path, '.hg/localtags', ''.join('%s t%d\n' % (noise.choice(nodes[:3]), i % 9)
                                         for i in range(40)))


def beginning(node):
    """Enough of a node not to be taken for a number, which hg allows as no name."""
    size = 4
    while node[:size].isdigit():
        size += 1
    return node[:size]


@maker
def preference(hg, path):
    """Names that mean several things."""
    hg('/', 'init', path)
    for i in range(8):
        commit(hg, path, 'a')
    nodes = hg(path, 'log', '-r', 'all()', '-T', '{node} ').decode().split()
    hg(path, 'branch', 'name')
    commit(hg, path, 'a')
    hg(path, 'tag', '-r', '2', 'name')
    hg(path, 'bookmark', '-i', '-f', '-r', '3', 'name')
    hg(path, 'branch', '-f', 'both')
    commit(hg, path, 'a')
    hg(path, 'tag', '-f', '-r', '4', 'both')
    # names that look like the start of a node, or like a node
    hg(path, 'bookmark', '-i', '-f', '-r', '0', beginning(nodes[5]))
    hg(path, 'tag', '-f', '--local', '-r', '0', beginning(nodes[6]))
    hg(path, 'bookmark', '-i', '-f', '-r', '1', nodes[7])
    hg(path, 'bookmark', '-i', '-f', '-r', '6', 'abc')


@maker
def phases(hg, path):
    hg('/', 'init', path)
    hg(path, 'debugbuilddag', '+8 :a <2 +3 @named +2 <a +2')
    hg(path, 'phase', '-p', '-r', '1')
    hg(path, 'phase', '-s', '-f', '-r', '5')
    hg(path, 'phase', '-s', '-f', '-r', '12')
    hg(path, 'bookmark', '-i', '-r', '6', 'of a secret one')
    hg(path, 'bookmark', '-i', '-r', '9', 'of a draft one')
    hg(path, 'tag', '--local', '-r', '7', 'secret tag')
    write(path, '.hg/hgrc', '[ui]\nusername = somebody\n# comment\n[phases]\npublish = False\n')


@maker
def internal_phase(hg, path):
    """The phase of shelved changes, which is hidden everywhere."""
    linear_history(hg, path)
    node = hg(path, 'log', '-r', 'tip', '-T', '{node}')
    with open(os.path.join(path, '.hg/store/phaseroots'), 'ab') as file:
        file.write(b'96 ' + node + b'\n')


EVOLUTION = ['--config', 'experimental.evolution=all']


@maker
def obsolete(hg, path, *options):
    """Changesets that were amended, split, pruned; with orphans, pins and divergence."""
    hg('/', 'init', path)
    options = EVOLUTION + list(options)
    commit(hg, path, 'a')
    hg(path, 'phase', '-p', '-r', '.')
    for name in 'bcdef':
        commit(hg, path, name)
    hg(path, 'update', '-C', '2')
    write(path, 'c', 'amended')
    hg(path, 'commit', '--amend', '-m', 'amended c', *options)  # 3 to 5 become orphans
    hg(path, 'update', '-C', '0')
    for name in 'ghi':
        commit(hg, path, name)
    for rev in ('desc("change g")', 'desc("change h")', 'desc("change i")'):
        node = hg(path, 'log', '-r', rev, '-T', '{node}').decode()
        hg(path, 'debugobsolete', node, *options)
    hg(path, 'update', '-C', '0')  # or the last would stay visible
    for name in 'jkl':
        commit(hg, path, name)
    hg(path, 'bookmark', '-i', '-r', '.~1', 'keeps k visible')
    for rev in ('desc("change k")', 'desc("change l")'):
        node = hg(path, 'log', '-r', rev, '-T', '{node}').decode()
        hg(path, 'debugobsolete', node, 'f' * 39 + '0', *options)
    hg(path, 'update', '-C', '0')
    hg(path, 'branch', 'named')
    for name in 'mno':
        commit(hg, path, name)
    hg(path, 'tag', '--local', '-r', '.', 'keeps o visible')
    node = hg(path, 'log', '-r', '.', '-T', '{node}').decode()
    hg(path, 'debugobsolete', '--record-parents', node, *options)
    hg(path, 'update', '-C', '0')
    commit(hg, path, 'p')
    commit(hg, path, 'q')
    hg(path, 'phase', '-s', '-f', '-r', '.')
    node = hg(path, 'log', '-r', '.~1', '-T', '{node}').decode()
    hg(path, 'debugobsolete', node, *options)  # obsolete, with a secret child that is not
    # a marker of a public changeset says nothing
    node = hg(path, 'log', '-r', '0', '-T', '{node}').decode()
    hg(path, 'debugobsolete', node, *options)
    hg(path, 'update', '-C', 'null')


@maker
def obsolete_format_0(hg, path):
    obsolete(hg, path, '--config', 'format.obsstore-version=0')


@maker
def obsolete_checked_out(hg, path):
    """The working copy's parent is obsolete, and so stays visible."""
    hg('/', 'init', path)
    for name in 'abcd':
        commit(hg, path, name)
    node = hg(path, 'log', '-r', '.', '-T', '{node}').decode()
    hg(path, 'debugobsolete', node, *EVOLUTION)
    node = hg(path, 'log', '-r', '.~1', '-T', '{node}').decode()
    hg(path, 'debugobsolete', node, *EVOLUTION)


@maker
def unfinished_merge(hg, path):
    """Both sides of a merge with conflicts are obsolete."""
    hg('/', 'init', path)
    write(path, 'a', '1\n')
    hg(path, 'commit', '-A', '-m', 'base')
    write(path, 'a', '2\n')
    hg(path, 'commit', '-m', 'left')
    hg(path, 'update', '-C', '0')
    write(path, 'a', '3\n')
    hg(path, 'commit', '-m', 'right')
    hg.run(path, 'merge', '1', '--tool', ':fail')
    for rev in '12':
        node = hg(path, 'log', '-r', rev, '-T', '{node}').decode()
        hg(path, 'debugobsolete', node, *EVOLUTION)
    # as if the working copy had been moved by other means
    with open(os.path.join(path, '.hg/dirstate'), 'r+b') as file:
        file.write(b'\0' * 40)


def share(hg, path, *options, init=()):
    source = path + '-source'
    linear_history(hg, source, *init)
    tags(hg, source, init=False)
    hg(source, 'bookmark', '-r', '1', 'in the source')
    hg('/', 'share', source, path, *options)
    hg(path, 'tag', '--local', '-r', '3', 'local in the share')
    hg(path, 'bookmark', '-r', '2', 'in the share')


@maker
def shared(hg, path):
    share(hg, path)


@maker
def shared_relative(hg, path):
    share(hg, path, '--relative')


@maker
def shared_bookmarks(hg, path):
    share(hg, path, '-B')


@maker
def shared_safe(hg, path):
    share(hg, path, '-B', init=('--config', 'format.use-share-safe=yes'))


@maker
def shared_safe_store_bookmarks(hg, path):
    share(hg, path, init=('--config', 'format.use-share-safe=yes', '--config',
                          'format.bookmarks-in-store=yes'))


@maker
def unpublished(hg, path):
    linear_history(hg, path)
    write(path, '.hg/extra.rc', '[phases]\npublish = 0\n')
    write(path, '.hg/hgrc', '[phases]\npublish = yes\n[other]\nlong = a\n  b = [c\n'
          '%include extra.rc\n%include missing.rc\n')


def random_step(hg, path, noise):
    """One change of any kind."""
    visible = hg(path, 'log', '-r', 'all()', '-T', '{rev} ').decode().split()
    rev = noise.choice(visible) if visible else 'null'
    action = noise.choice(['commit'] * 6 + ['branch', 'merge', 'merge', 'close', 'tag', 'bookmark',
                                            'amend', 'prune', 'secret', 'public', 'local',
                                            'untag', 'obsolete-bookmark', 'strip'])
    if action in ('commit', 'branch', 'amend', 'close', 'tag', 'untag', 'merge') and visible:
        hg.run(path, 'update', '-C', rev)
    if action == 'commit':
        commit(hg, path, noise.choice('abc'))
    elif action == 'branch':
        hg.run(path, 'branch', '-f', noise.choice(['default', 'one', 'two', 'three']))
        commit(hg, path, noise.choice('abc'))
    elif action == 'merge' and visible:
        status, _, _ = hg.run(path, 'merge', noise.choice(visible), '-t', 'internal:local')
        if status == 0:
            hg.run(path, 'commit', '-m', 'merge')
    elif action == 'close':
        hg.run(path, 'commit', '--close-branch', '-m', 'close')
    elif action == 'tag':
        hg.run(path, 'tag', '-f', '-r', noise.choice(visible or ['null']),
               noise.choice(['t1', 't2', 't3']))
    elif action == 'untag':
        hg.run(path, 'tag', '--remove', noise.choice(['t1', 't2', 't3']))
    elif action == 'local':
        hg.run(path, 'tag', '-f', '--local', '-r', rev, noise.choice(['t1', 'l1']))
    elif action in ('bookmark', 'obsolete-bookmark'):
        hg.run(path, 'bookmark', '-f', '-i', '-r', rev, noise.choice(['m1', 'm2', 'one']))
    elif action == 'amend':
        hg.run(path, 'commit', '--amend', '-m', 'amended %d' % noise.randrange(1 << 30), *EVOLUTION)
    elif action == 'prune':
        node = hg(path, 'log', '-r', rev, '-T', '{node}').decode()
        hg.run(path, 'debugobsolete', node, *EVOLUTION)
    elif action == 'secret':
        hg.run(path, 'phase', '-s', '-f', '-r', rev)
    elif action == 'public' and noise.random() < 0.4:
        hg.run(path, 'phase', '-p', '-r', rev)
    elif action == 'strip' and noise.random() < 0.5:
        hg.run(path, 'debugstrip', '-r', rev, '--no-backup')
