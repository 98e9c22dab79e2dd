"""Every command's answer on every generated repository equals Mercurial's own."""

import os
import random
import subprocess
import sys
import unittest

import generator
import large
from support import ENVIRONMENT, FGQUERY, Hg, Oracle, Query, Workspace, write


def setUpModule():
    global workspace, hg
    workspace = Workspace()
    hg = Hg()


def tearDownModule():
    hg.close()
    workspace.remove()


class Comparing(unittest.TestCase):
    maxDiff = None

    def equal(self, answer, expected, what):
        if answer.error is not None:
            self.fail('%s: error %s, expected %r' % (what, answer.error, expected))
        self.assertEqual(answer.value, expected, what)

    def check_lists(self, query, oracle):
        self.equal(query('heads'), oracle.heads(), 'heads')
        self.equal(query('heads', publiconly=False), oracle.heads(), 'heads')
        self.equal(query('heads', publiconly=True), oracle.public_heads(), 'public heads')
        self.equal(query('branchmap'), oracle.branchmap(), 'branchmap')
        self.equal(query('listkeys', namespace=b'bookmarks'), oracle.listkeys(b'bookmarks'),
                   'bookmarks')
        self.equal(query('listkeys', namespace=b'phases'), oracle.listkeys(b'phases'), 'phases')
        self.equal(query('listkeys', namespace=b'namespaces'), oracle.listkeys(b'namespaces'),
                   'namespaces')
        self.equal(query('listkeys', namespace=b'unheard of'), {}, 'unknown namespace')
        nodes = oracle.nodes() + [b'\0' * 20, b'\1' * 20]
        self.equal(query('known', nodes=nodes), oracle.known(nodes), 'known')

    def lookup_keys(self, oracle):
        nodes = oracle.nodes()
        keys = [b'', b'.', b'tip', b'null', b'-1', b'-2', b'-0', b'00', b'+1', b'1_0', b' 1',
                b'%d' % len(nodes), b'-%d' % len(nodes), b'-%d' % (len(nodes) + 1), b'2147483647',
                b'99999999999999999999', b'x', b'xf', b'f', b'ff', b'f' * 12, b'f' * 40, b'0' * 5,
                b'0' * 40, b'0' * 41, b'nothing', b'no\xffutf8', b'a b', b'1' * 40]
        keys += [b'%d' % rev for rev in range(min(len(nodes), 40))]
        keys += list(oracle.names())
        keys += [b'%x' % i for i in range(256)]
        for node in nodes[:60]:
            text = node.hex().encode()
            keys += [text, text[:4], text[:5], text[:12], text[:39], b'x' + text[:6],
                     text[:12].upper(), text.upper()]
        return keys

    def check_lookup(self, query, oracle):
        for key in self.lookup_keys(oracle):
            expected = oracle.lookup(key)
            if key == b'.' and expected and oracle.known([expected]) == b'0':
                expected = None  # what is checked out is not told if it is secret
            answer = query('lookup', key=key)
            if expected == 'ambiguous':
                self.assertEqual(answer.error, 'ambiguous identifier', key)
            elif expected is None:
                self.assertIsNotNone(answer.error, key)
                self.assertIn('unknown revision ', answer.error, key)
            else:
                self.equal(answer, expected, 'lookup %r' % key)

    def check(self, path):
        oracle = Oracle(path)
        with Query(path) as query:
            self.check_lists(query, oracle)
            self.check_lookup(query, oracle)


class GeneratedTest(Comparing):
    """One test for each maker, added below."""


def add_test(name, make):
    def test(self):
        path = workspace / name
        make(hg, path)
        self.check(path)
    setattr(GeneratedTest, 'test_' + name, test)


for maker_name, maker_function in generator.MAKERS.items():
    add_test(maker_name, maker_function)


class CommandLineTest(Comparing):
    """The commands of hg that a person would compare with."""

    def test_equal_what_hg_prints(self):
        for name in ('branches', 'tags', 'obsolete', 'phases', 'unicode_names'):
            path = workspace / ('line-' + name)
            generator.MAKERS[name](hg, path)
            hidden = 'not (secret() or hidden())'
            with Query(path) as query:
                heads = [node.hex() for node in query('heads').value]
                printed = hg(path, 'log', '-r', 'sort(heads(%s), -rev)' % hidden, '-T', '{node}\n')
                self.assertEqual(heads, printed.decode().split())
                pushkey = hg('/', 'debugpushkey', path, 'bookmarks').decode('utf-8')
                listed = query('listkeys', namespace=b'bookmarks').value
                self.assertEqual(len(pushkey.splitlines()), len(listed))
                for line in hg(path, 'tags', '-T', '{tag}\t{node}\n').decode('utf-8').splitlines():
                    tag, node = line.split('\t')
                    # a secret changeset's tag is not told
                    if query('known', nodes=[bytes.fromhex(node)]).value == b'1' and tag != 'tip':
                        self.assertEqual(query('lookup', key=tag.encode()).value.hex(), node, tag)

    def test_closed_branches_are_in_the_branchmap(self):
        path = workspace / 'closed'
        generator.branches(hg, path)
        with Query(path) as query:
            branchmap = query('branchmap').value
        printed = hg(path, 'branches', '-c', '-T', '{branch}\t{node}\n').decode().splitlines()
        self.assertEqual({line.split('\t')[0].encode() for line in printed}, set(branchmap))


class RandomTest(Comparing):
    """Random changes, each seen by one running program."""

    def run_seed(self, seed):
        path = workspace / ('random%d' % seed)
        noise = random.Random(seed)
        hg('/', 'init', path)
        generator.commit(hg, path, 'a')
        with Query(path) as query:
            for step in range(50):
                generator.random_step(hg, path, noise)
                if step % 5 == 4:
                    oracle = Oracle(path)
                    with self.subTest(seed=seed, step=step):
                        self.check_lists(query, oracle)
            self.check_lookup(query, Oracle(path))

    def test_random_histories(self):
        for seed in range(int(os.environ.get('FRAMEGATE_SEEDS', '6'))):
            self.run_seed(seed)


class PrefixTest(Comparing):
    def test_one_node_that_begins_like_the_null_node_is_ambiguous(self):
        """And so is one that begins like the node of the working copy, which is all f."""
        missing = {b'00', b'ff'}
        for count in range(150, 600, 50):
            path = workspace / ('prefix%d' % count)
            large.make(path, count, 5, 2)
            oracle = Oracle(path)
            with Query(path) as query:
                for key in sorted(missing):
                    begins = [n for n in oracle.nodes() if n.hex().startswith(key.decode())]
                    self.assertEqual(oracle.lookup(key) is None, not begins and key == b'ff')
                    if len(begins) == 1:
                        missing.discard(key)
                        self.assertEqual(oracle.lookup(key), 'ambiguous')
                        self.assertEqual(query('lookup', key=key).error, 'ambiguous identifier')
        self.assertEqual(missing, set())


class ArgumentsTest(Comparing):
    def test_each_fault_is_named(self):
        path = workspace / 'arguments'
        generator.linear(hg, path)
        faults = [
            ('heads', {'publiconly': 1}, "argument 'publiconly' must be a boolean"),
            ('heads', {'other': 1}, "unknown argument 'other'"),
            ('known', {}, "argument 'nodes' is missing"),
            ('known', {'nodes': b'x'}, "argument 'nodes' must be a list of byte strings"),
            ('known', {'nodes': [b'x', 1]}, "argument 'nodes' must be a list of byte strings"),
            ('known', {'nodes': [[b'x']]}, "argument 'nodes' must be a list of byte strings"),
            ('lookup', {}, "argument 'key' is missing"),
            ('lookup', {'key': None}, "argument 'key' must be a byte string"),
            ('lookup', {'key': b'', 'x': 1}, "unknown argument 'x'"),
            ('branchmap', {'a': 1}, "unknown argument 'a'"),
            ('capabilities', {'a': 1}, "unknown argument 'a'"),
            ('listkeys', {}, "argument 'namespace' is missing"),
            ('listkeys', {'namespace': 'text'}, "argument 'namespace' must be a byte string"),
            ('pushkey', {'namespace': b'', 'key': b'', 'old': b''}, "argument 'new' is missing"),
        ]
        with Query(path) as query:
            for command, arguments, message in faults:
                answer = query(command, **arguments)
                self.assertEqual(answer.error, '%s: %s' % (command, message))

    def test_known_takes_nodes_of_any_length(self):
        path = workspace / 'lengths'
        generator.linear(hg, path)
        node = bytes.fromhex(hg(path, 'log', '-r', '0', '-T', '{node}').decode())
        with Query(path) as query:
            self.equal(query('known', nodes=[b'', node[:19], node, node + b'x', b'deadbeef']),
                       b'00100', 'known')
            self.equal(query('known', nodes=[]), b'', 'known')


class CapabilitiesTest(Comparing):
    def test_formats_are_those_of_the_requirements(self):
        expected = {
            'linear': [b'generaldelta', b'revlog-compression-zstd', b'revlogv1', b'sparserevlog'],
            'zlib': [b'generaldelta', b'revlogv1', b'sparserevlog'],
            'without_generaldelta': [b'revlog-compression-zstd', b'revlogv1'],
        }
        for name, formats in expected.items():
            path = workspace / ('formats-' + name)
            generator.MAKERS[name](hg, path)
            with Query(path) as query:
                value = query('capabilities').value
                self.assertEqual(value[b'rawrepoformats'], formats)
                self.assertEqual(value[b'framingmediatypes'],
                                 [b'application/mercurial-exp-framing-0003'])
                self.assertEqual(sorted(value[b'commands']),
                                 [b'branchmap', b'capabilities', b'clonebundles',
                                  b'clonebundles_manifest', b'get_cached_bundle_inline', b'getbundle',
                                  b'heads', b'known', b'listkeys', b'lookup', b'pushkey',
                                  b'stream_out', b'unbundle'])


class PushkeyTest(Comparing):
    def setUp(self):
        self.path = workspace / ('pushkey-' + self.id().split('.')[-1])
        generator.linear(hg, self.path)
        self.nodes = hg(self.path, 'log', '-r', 'all()', '-T', '{node}\n').split()

    def push(self, query, namespace, key, old, new):
        return query('pushkey', namespace=namespace, key=key, old=old, new=new)

    def test_bookmarks(self):
        with Query(self.path) as query:
            name = 'zażółć --config'.encode()
            self.equal(self.push(query, b'bookmarks', name, b'', self.nodes[1]), True, 'new')
            self.equal(query('listkeys', namespace=b'bookmarks'), {name: self.nodes[1]}, 'seen')
            self.equal(self.push(query, b'bookmarks', name, b'', self.nodes[2]), False, 'old')
            self.equal(self.push(query, b'bookmarks', name, self.nodes[1], self.nodes[2]), True,
                       'moved')
            self.equal(query('lookup', key=name), bytes.fromhex(self.nodes[2].decode()), 'seen')
            self.equal(self.push(query, b'bookmarks', name, self.nodes[2], b''), True, 'deleted')
            self.equal(query('listkeys', namespace=b'bookmarks'), {}, 'gone')
            self.equal(self.push(query, b'bookmarks', b'x', b'', b'1' * 40), False, 'unknown')
        self.assertEqual(hg(self.path, 'bookmarks'), b'no bookmarks set\n')

    def test_phases(self):
        with Query(self.path) as query:
            before = query('listkeys', namespace=b'phases').value
            self.assertIn(self.nodes[4], before)
            self.equal(self.push(query, b'phases', self.nodes[4], b'1', b'0'), True, 'published')
            self.equal(query('listkeys', namespace=b'phases'),
                       {self.nodes[5]: b'1', b'publishing': b'True'}, 'seen')
            self.equal(self.push(query, b'phases', self.nodes[4], b'1', b'0'), True, 'raced')
            self.equal(self.push(query, b'phases', self.nodes[4], b'0', b'1'), False, 'back')

    def test_unknown_namespace_is_false(self):
        with Query(self.path) as query:
            self.equal(self.push(query, b'unheard of', b'a', b'b', b'c'), False, 'unknown')

    def test_failure_tells_what_hg_said(self):
        write(self.path, '.hg/hgrc', '[hooks]\npretxnclose = echo no and no; false\n')
        with Query(self.path) as query:
            answer = self.push(query, b'bookmarks', b'x', b'', self.nodes[0])
            self.assertIn('pushkey: hg failed with status 255: ', answer.error)
            self.assertIn('abort: pretxnclose hook exited with status 1', answer.error)
            self.equal(query('listkeys', namespace=b'bookmarks'), {}, 'rolled back')

    def test_values_that_mercurial_fails_at(self):
        node = self.nodes[4]
        with Query(self.path) as query:
            for arguments, name in (((b'bookmarks', b'x', b'', b'nonsense'), 'new'),
                                    ((b'bookmarks', b'x', b'tip', b''), 'old'),
                                    ((b'bookmarks', b'x', b'', node[:39]), 'new'),
                                    ((b'phases', b'zz', b'1', b'0'), 'key'),
                                    ((b'phases', node, b'1', b'x'), 'new'),
                                    ((b'phases', node, b'', b'0'), 'old')):
                answer = self.push(query, *arguments)
                self.assertRegex(answer.error, "^pushkey: argument '%s' is '.*', expected " % name)
            self.equal(self.push(query, b'phases', b'f' * 40, b'1', b'0'), False, 'unknown')

    def test_a_traceback_is_not_for_clients(self):
        with Query(self.path) as query:
            answer = self.push(query, b'obsolete', b'dump0', b'', b'w')
            self.assertRegex(answer.error, '^pushkey: hg failed with status 1: struct.error: [^\n]*$')
            self.assertNotIn('Traceback', answer.error)

    def test_paths_are_not_for_clients(self):
        write(self.path, '.hg/hgrc', '[hooks]\npretxnclose = echo $PWD/file is missing >&2; false\n')
        with Query(self.path) as query:
            answer = self.push(query, b'bookmarks', b'x', b'', self.nodes[0])
            self.assertIn('REPOSITORY/file is missing', answer.error)
            self.assertNotIn(self.path, answer.error)

    def test_options_are_no_options(self):
        with Query(self.path) as query:
            answer = self.push(query, b'--config=hooks.prepushkey=touch /tmp/x', b'--debugger',
                               b'--traceback', b'--version')
            self.equal(answer, False, 'options')

    def test_zero_byte_is_refused(self):
        with Query(self.path) as query:
            answer = self.push(query, b'bookmarks', b'a\0b', b'', self.nodes[0])
            self.assertEqual(answer.error, "pushkey: argument 'key' has a zero byte")

    def test_hooks_run_and_may_refuse(self):
        write(self.path, '.hg/hgrc', '[hooks]\nprepushkey = echo refused by hook; false\n')
        with Query(self.path) as query:
            answer = self.push(query, b'bookmarks', b'x', b'', self.nodes[0])
            self.equal(answer, False, 'refused')
        write(self.path, '.hg/hgrc', '[hooks]\npushkey = echo noise\nprepushkey = echo noise\n')
        with Query(self.path) as query:
            answer = self.push(query, b'bookmarks', b'x', b'', self.nodes[0])
            self.equal(answer, True, 'noise')

    def test_what_takes_too_long_is_ended(self):
        write(self.path, '.hg/hgrc', '[hooks]\nprepushkey = sleep 1000\n')
        with Query(self.path, '--seconds', '1') as query:
            answer = self.push(query, b'bookmarks', b'x', b'', self.nodes[0])
            self.assertEqual(answer.error, 'hg took longer than 1 seconds and was ended')
        write(self.path, '.hg/hgrc', '')
        with Query(self.path) as query:
            self.equal(self.push(query, b'bookmarks', b'x', b'', self.nodes[0]), True, 'after')

    def test_the_users_configuration_is_read(self):
        home = workspace / 'home'
        write(home, '.hgrc', '[hooks]\nprepushkey = false\n')
        write(home, 'site.rc', '[hooks]\nprepushkey = true\n')
        line = 'pushkey %r\n' % {b'namespace': b'bookmarks', b'key': b'x', b'old': b'',
                                 b'new': self.nodes[0]}
        mine = {name: value for name, value in ENVIRONMENT.items() if name != 'HGRCPATH'}
        for rcpath, answer in (({}, b'ok False\n'),
                               ({'HGRCPATH': os.path.join(home, 'site.rc')}, b'ok True\n')):
            done = subprocess.run([FGQUERY, self.path], input=line.encode(),
                                  stdout=subprocess.PIPE, env={**mine, 'HOME': home, **rcpath},
                                  check=True)
            self.assertEqual(done.stdout, answer)


class StorePathTest(Comparing):
    def random_path(self, noise):
        parts = ['aux', 'con.txt', 'com1', 'com0', 'lpt9.x', 'nul', 'a.', 'b ', '.c', ' d', 'E_F',
                 'x.i', 'y.d', 'z.hg', 'é', 'q:r', '~', 'ABCDEFGHIJKLMNOPQ', 'lower case', '..x',
                 '...', 'a.b.c', 'prn.', '_', 'a' * 30, 'Z' * 25, '.', 'au', 'AUX']
        path = '/'.join(noise.choice(parts) for _ in range(noise.randint(1, 9)))
        return os.fsencode('data/%s%s' % (path, noise.choice(['.i', '.d', '.i', 'x.i', '.TXT.i'])))

    def test_random_paths_are_encoded_as_mercurial_encodes_them(self):
        from mercurial import store
        noise = random.Random(17)
        paths = [self.random_path(noise) for _ in range(20000)]
        done = subprocess.run([FGQUERY, '--storepath'], input=b'\n'.join(paths) + b'\n',
                              stdout=subprocess.PIPE, check=True)
        lines = done.stdout.split(b'\n')
        self.assertEqual(len(lines), len(paths) + 1)
        for path, line in zip(paths, lines):
            self.assertEqual(line.split(b'\t'), [store.encodefilename(path),
                                                 store._hybridencode(path, False),
                                                 store._hybridencode(path, True)])


class RequirementsTest(Comparing):
    def refused(self, path):
        done = subprocess.run([FGQUERY, path], input=b'', stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, env=ENVIRONMENT)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr.count(b'\n'), 1)
        return done.stderr.decode()

    def test_unknown_ones_are_refused_at_the_start(self):
        for name in ('exp-revlogv2.2', 'unheard-of', 'lfs', 'largefiles'):
            path = workspace / ('requires-' + name)
            generator.linear(hg, path)
            with open(os.path.join(path, '.hg/requires'), 'ab') as file:
                file.write(name.encode() + b'\n')
            self.assertIn("requires '%s'" % name, self.refused(path))

    def test_internal_phase_is_read(self):
        # hg 6.3 itself asks for internal-phase-2
        path = workspace / 'requires-internal'
        generator.internal_phase(hg, path)
        heads = Oracle(path).heads()
        with open(os.path.join(path, '.hg/requires'), 'ab') as file:
            file.write(b'internal-phase\n')
        with Query(path) as query:
            self.equal(query('heads'), heads, 'heads')

    # What real hg writes, and the requirement that it says so with.
    READ = [
        ('dirstate-tracked-key-v1', ['format.use-dirstate-tracked-hint=yes']),
        ('dirstate-v2', ['format.use-dirstate-v2=yes']),
        ('bookmarksinstore', ['format.bookmarks-in-store=yes']),
        ('persistent-nodemap', ['format.use-persistent-nodemap=yes']),
        ('share-safe', ['format.use-share-safe=yes']),
        ('internal-phase-2', ['format.use-internal-phase=yes']),
        ('exp-archived-phase', ['format.exp-archived-phase=yes']),
        ('exp-compression-none', ['format.revlog-compression=none']),
        ('revlog-compression-zstd', ['format.revlog-compression=zstd']),
    ]
    REFUSED = [
        ('treemanifest', ['experimental.treemanifest=yes']),
        ('exp-changelog-v2', ['format.exp-use-changelog-v2='
                              'enable-unstable-format-and-corrupt-my-data']),
        ('exp-revlogv2.2', ['experimental.revlogv2=enable-unstable-format-and-corrupt-my-data']),
        ('exp-copies-sidedata-changeset', ['format.exp-use-copies-side-data-changeset=yes']),
    ]

    def required(self, name, settings):
        """A repository that hg made with these settings, which requires that."""
        path = workspace / ('made-%s-%s' % (name, self.id().split('.')[-1]))
        options = [word for setting in settings for word in ('--config', setting)]
        hg('/', 'init', path, *options)
        for name_of_file in ('one', 'two', 'one'):
            generator.commit(hg, path, name_of_file)
        hg(path, 'bookmark', 'here')
        hg(path, 'tag', 'there')
        lines = b''
        for file in ('.hg/requires', '.hg/store/requires'):
            if os.path.exists(os.path.join(path, file)):
                lines += open(os.path.join(path, file), 'rb').read()
        self.assertIn(name.encode(), lines.splitlines())
        return path

    def test_those_that_hg_writes_are_read(self):
        for name, settings in self.READ:
            path = self.required(name, settings)
            with Query(path) as query:
                self.check_lists(query, Oracle(path))

    def test_those_that_change_the_store_are_refused(self):
        for name, settings in self.REFUSED:
            path = self.required(name, settings)
            self.assertIn('requires \'', self.refused(path), name)

    def test_sparse_concerns_the_working_copy(self):
        path = workspace / 'made-sparse'
        generator.linear(hg, path)
        heads = Oracle(path).heads()
        hg(path, '--config', 'extensions.sparse=', 'debugsparse', '--include', 'file0')
        self.assertIn(b'exp-sparse', open(os.path.join(path, '.hg/requires'), 'rb').read())
        with Query(path) as query:
            self.equal(query('heads'), heads, 'heads')

    def test_narrow_is_refused(self):
        path = workspace / 'made-narrow'
        hg('/', '--config', 'extensions.narrow=', 'init', path)
        with open(os.path.join(path, '.hg/requires'), 'ab') as file:
            file.write(b'narrowhg-experimental\n')
        self.assertIn("requires 'narrowhg-experimental'", self.refused(path))

    def test_archived_changesets_are_hidden(self):
        path = self.required('exp-archived-phase', ['format.exp-archived-phase=yes'])
        hg(path, 'update', '0')
        generator.commit(hg, path, 'old')
        hg(path, 'update', '0')
        hg(path, '--config', 'extensions.archived=' + self.archiver(), 'archive-it', 'tip')
        oracle = Oracle(path)
        with Query(path) as query:
            self.equal(query('heads'), oracle.heads(), 'heads')
            self.check_lists(query, oracle)

    def archiver(self):
        """A small extension that moves a changeset to the archived phase."""
        file = workspace / 'archiver.py'
        with open(file, 'w', encoding='ascii') as script:
            script.write("from mercurial import phases, registrar\n"
                         "cmdtable = {}\n"
                         "command = registrar.command(cmdtable)\n"
                         "@command(b'archive-it', [], b'REV')\n"
                         "def archive(ui, repo, rev):\n"
                         "    with repo.lock(), repo.transaction(b'archive') as tr:\n"
                         "        phases.retractboundary(repo, tr, phases.archived,\n"
                         "                               [repo[rev].node()])\n")
        return file

    def test_a_share_has_a_working_copy_of_its_own(self):
        """The source's dirstate is of another format than the share's."""
        source = workspace / 'share-source'
        generator.obsolete(hg, source)
        share = workspace / 'share-of-another-format'
        hg('/', 'share', source, share)
        hg(source, '--config', 'format.use-dirstate-v2=yes', 'debugupgraderepo', '--run',
           '--no-backup')
        self.assertIn(b'dirstate-v2', open(os.path.join(source, '.hg/requires'), 'rb').read())
        self.assertNotIn(b'dirstate-v2', open(os.path.join(share, '.hg/requires'), 'rb').read())
        oracle = Oracle(share)
        with Query(share) as query:
            self.check_lists(query, oracle)

    def test_no_repository_is_refused(self):
        self.assertIn('no repository', self.refused(workspace.path))
        self.assertIn('no repository', self.refused(workspace / 'missing'))

    def test_share_of_nothing_is_refused(self):
        path = workspace / 'orphan'
        generator.shared(hg, path)
        write(path, '.hg/sharedpath', '/nonexistent/.hg\n')
        self.assertIn('sharedpath', self.refused(path))
        os.unlink(os.path.join(path, '.hg/sharedpath'))
        self.assertIn('sharedpath', self.refused(path))

    def test_upgrade_while_running(self):
        path = workspace / 'upgraded'
        generator.tags(hg, path)
        with Query(path) as query:
            self.check_lists(query, Oracle(path))
            hg(path, 'debugupgraderepo', '--run', '--no-backup', '--config',
               'format.revlog-compression=zlib', '--config', 'format.use-share-safe=yes')
            generator.commit(hg, path, 'after')
            oracle = Oracle(path)
            self.check_lists(query, oracle)
            self.check_lookup(query, oracle)


if __name__ == '__main__':
    if not FGQUERY:
        sys.exit('FGQUERY must name the program')
    unittest.main(warnings='ignore')
