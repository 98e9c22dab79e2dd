"""Mercurial's configuration as it is read here, compared setting by setting with Mercurial's own."""

import ast
import os
import random
import shutil
import subprocess
import sys
import tempfile
import unittest
import warnings

from mercurial import (
    configitems, encoding, error, hg, obsolete, pycompat, ui as uimod, wireprotov1server)

from support import ENVIRONMENT, write

FGCONFIG = os.environ['FGCONFIG']
VARIABLES = ('HOME', 'HGRCPATH', 'XDG_CONFIG_HOME', 'HGRCSKIPREPO')
SECTIONS = (b'devel', b'experimental', b'extensions', b'hooks', b'narrowacl', b'phases', b'server', b'trusted', b'web')
CONFIGURATIONS = 120

BOOLEANS = ('yes', 'no', 'On', 'off', '1', '0', 'TRUE', 'never', 'always')
NAMES = {
    'phases': [('publish', BOOLEANS)],
    'server': [(name, BOOLEANS) for name in (
        'uncompressed', 'bundle1', 'bundle1.pull', 'bundle1gd', 'bundle1gd.pull', 'bundle2.stream',
        'disablefullbundle')] + [
            ('concurrent-push-mode', ('strict', 'check-related')), ('view', ('served',)),
            ('zstdlevel', ('3', '4'))],
    'experimental': [(name, BOOLEANS) for name in (
        'evolution.createmarkers', 'evolution.exchange', 'bundle2.stream')] + [
            ('evolution', BOOLEANS + ('all', 'createmarkers', 'createmarkers, exchange', '', '"all"',
                                      'allowunstable exchange createmarkers'))],
    'web': [('allow_read', ('', '*', 'a, b')), ('deny_read', ('', 'x')), ('allow-push', ('', 'a')),
            ('allow_push', ('', 'b')), ('push_ssl', BOOLEANS), ('style', ('paper',))],
    'hooks': [('preoutgoing', ('', 'false', 'python:x')), ('outgoing.log', ('', 'x')),
              ('priority.outgoing', ('1',)), ('pretxnclose.x', ('true',))],
    'extensions': [('rebase', ('', '!')), ('hgext.strip', ('',)), ('mine', ('!', '!/x.py'))],
    'trusted': [('users', ('nobody', '*', 'root', 'a, "nobody"', '')), ('groups', ('nogroup', 'x', '*', ''))],
    'devel': [('serverrequirecert', BOOLEANS)],
    'other': [('publish', BOOLEANS)],
}


class Site:
    """Random files of configuration in a folder, and what Mercurial and framegate say of them."""

    def __init__(self, base, seed, kinds):
        self.base = base
        self.random = random.Random(seed)
        self.broken = self.random.random() < 0.1
        self.includes = []
        kind = self.random.choice(list(kinds))
        self.repository = os.path.join(base, 'repo')
        shutil.copytree(kinds[kind], self.repository)
        hgrcs = [os.path.join(self.repository, '.hg', name) for name in ('hgrc', 'hgrc-not-shared')]
        if kind == 'share':
            source = os.path.join(base, 'source')
            shutil.copytree(kinds['share-safe'], source)
            write(self.repository, '.hg/sharedpath', os.path.join(source, '.hg'))
            hgrcs.append(os.path.join(source, '.hg', 'hgrc'))
        self.program = os.path.join(base, 'prefix', 'bin', 'hg')
        self.file('prefix/bin/hg', '')
        os.chmod(self.program, 0o755)
        for name in ('home/.hgrc', 'home/.config/hg/hgrc', 'xdg/hg/hgrc', 'prefix/etc/mercurial/hgrc',
                     'prefix/etc/mercurial/hgrc.d/b.rc', 'prefix/etc/mercurial/hgrc.d/a.rc',
                     'prefix/etc/mercurial/hgrc.d/not', 'named/x.rc', 'named/y.rc', 'named/z', 'single'):
            if self.random.random() < 0.6:
                self.file(name, self.text(2))
        for path in hgrcs:
            if self.random.random() < 0.8:
                write('/', path, self.text(2))
        self.environment = {'HOME': os.path.join(base, 'home'), 'BASE': base}
        for name, values in (('XDG_CONFIG_HOME', (os.path.join(base, 'xdg'), 'relative')), ('HGRCSKIPREPO', ('',)),
                             ('HGRCPATH', ('', '$BASE/named', '~/../single::${BASE}/missing:' + base + '/named'))):
            if self.random.random() < 0.3:
                self.environment[name] = self.random.choice(values)
        if os.getuid() == 0:
            for path in hgrcs:
                if os.path.exists(path) and self.random.random() < 0.5:
                    os.chown(path, 65534, 65534)

    def file(self, name, text):
        path = os.path.join(self.base, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        write('/', path, text)
        return path

    def include(self, depth):
        name = 'included/%d.rc' % len(self.includes)
        self.includes.append(name)
        path = self.file(name, self.text(depth - 1))
        return self.random.choice((path, '$BASE/' + name, '~/../' + name, '${BASE}//included/../' + name,
                                   os.path.join(self.base, 'no', 'such', 'file')))

    def text(self, depth):
        choose = self.random.choice
        lines = []
        for _ in range(self.random.randrange(1, 4)):
            section = choose(list(NAMES))
            lines.append(choose(('[%s]', '[%s] # comment', '[%s]rest')) % section)
            for _ in range(self.random.randrange(5)):
                name, values = choose(NAMES[section])
                shape = choose(('%s=%s', '%s = %s', '%s  =\t%s  '))
                lines.append(shape % (name, choose(values)))
                if section in ('hooks', 'web', 'trusted') and self.random.random() < 0.2:
                    lines.append('  more, of it\n# comment\n\tand more')
                elif self.random.random() < 0.3:
                    lines.append(choose(('%unset ' + name, '# comment', '', '; x\n  ')))
            if depth > 0 and self.random.random() < 0.4:
                lines.append('%include ' + self.include(depth))
            if self.broken and self.random.random() < 0.1:
                lines.append(choose(('rubbish', '%include /', '= x', '[phases]\npublish = perhaps')))
        return choose(('', '', '\ufeff')) + choose(('\n', '\n', '\r\n')).join(lines) + choose(('', '\n'))

    def question(self):
        words = ['%s=%s' % item for item in self.environment.items()]
        return '\t'.join([self.program, self.repository, *words]) + '\n'


def of_mercurial(site):
    """Its own answer: the error's place or None, the values that are followed, and all settings of both kinds of trust."""
    for name in (*VARIABLES, 'BASE'):
        encoding.environ.pop(name.encode(), None)
        os.environ.pop(name, None)
    for name, value in site.environment.items():
        encoding.environ[name.encode()] = value.encode()
        os.environ[name] = value
    pycompat.sysargv[0] = site.program.encode()
    sys.argv[0] = site.program
    try:
        ui = uimod.ui.load()
        ui.fout = ui.ferr = open(os.devnull, 'wb')
        repo = hg.repository(ui, site.repository.encode())
        values = (
            repo.publishing(),
            repo.ui.configbool(b'server', b'uncompressed', untrusted=True),
            repo.ui.configbool(b'server', b'bundle2.stream'),
            wireprotov1server.bundle1allowed(repo, b'pull'),
            not repo.ui.configbool(b'server', b'disablefullbundle'),
            obsolete.isenabled(repo, obsolete.exchangeopt),
            repo.ui.config(b'server', b'concurrent-push-mode') == b'check-related')
    except error.ConfigError as failure:
        return failure.location or b'value', None, None
    settings = []
    for untrusted in (False, True):
        settings.append({(section, name): (value, repo.ui.configsource(section, name, untrusted).decode())
                         for section, name, value in repo.ui.walkconfig(untrusted) if section in SECTIONS})
    for settings_of_trust in settings:
        settings_of_trust.pop((b'extensions', b'*'), None)
    return None, values, settings


def effective(lines):
    """The last line of each setting, with and without those that are not trusted."""
    result = []
    for untrusted in (False, True):
        settings = {}
        for section, name, value, place, unset, trusted in lines:
            if name and (trusted or untrusted):
                settings.pop((section, name), None)
                if not unset:
                    settings[section, name] = (value, place)
        result.append(settings)
    return result


class Compared(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.base = os.path.realpath(tempfile.mkdtemp(prefix='framegate-config-'))
        cls.addClassCleanup(shutil.rmtree, cls.base)
        cls.kinds = {}
        for kind, safe in (('plain', 'no'), ('share-safe', 'yes')):
            cls.kinds[kind] = path = os.path.join(cls.base, kind)
            cls.hg('init', path, '--config', 'format.use-share-safe=' + safe)
        cls.kinds['share'] = os.path.join(cls.base, 'share')
        cls.hg('share', '-U', '--config', 'extensions.share=', cls.kinds['share-safe'], cls.kinds['share'])

    @staticmethod
    def hg(*arguments):
        subprocess.run(['hg', *arguments], env=ENVIRONMENT, check=True, stdout=subprocess.DEVNULL)

    def setUp(self):
        warnings.simplefilter('ignore', ResourceWarning)  # Mercurial leaves files to the collector

    def ask(self, sites):
        result = subprocess.run([FGCONFIG], input=''.join(site.question() for site in sites), stdout=subprocess.PIPE,
                                text=True, check=True, timeout=100)
        return [ast.literal_eval(line) for line in result.stdout.splitlines()]

    def compare(self, ours, theirs):
        place, values, settings = theirs
        if place is not None:
            self.assertIsNotNone(ours['error'], place)
            if place != b'value':
                self.assertTrue(ours['error'].startswith(place + b': '), (ours['error'], place))
            return
        self.assertIsNone(ours['error'])
        self.assertEqual(effective(ours['lines']), settings)
        self.assertEqual(tuple(map(bool, ours['values'])), values)

    def test_generated_configurations_say_the_same(self):
        sites = [Site(os.path.join(self.base, str(seed)), seed, self.kinds) for seed in range(CONFIGURATIONS)]
        errors = 0
        untrusted = 0
        for seed, (site, ours) in enumerate(zip(sites, self.ask(sites))):
            with self.subTest(seed):
                theirs = of_mercurial(site)
                errors += theirs[0] is not None
                untrusted += theirs[2] is not None and theirs[2][0] != theirs[2][1]
                self.compare(ours, theirs)
        # Else the test has nothing to tell.
        self.assertLess(errors, CONFIGURATIONS / 4)
        self.assertGreater(errors, 0)
        if os.getuid() == 0:
            self.assertGreater(untrusted, CONFIGURATIONS / 20)


    def test_what_is_refused_is_given_to_none_of_many_at_once(self):
        path = os.path.join(self.base, 'refused')
        self.hg('init', path)
        write(path, 'restricting', '[server]\nview = immutable\n')
        output = subprocess.run([FGCONFIG, '--refuse', path, os.path.join(path, 'restricting')],
                                env=ENVIRONMENT, stdout=subprocess.PIPE, check=True).stdout
        self.assertEqual(output, b'0\n')


class Table(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        output = subprocess.run([FGCONFIG, '--table'], stdout=subprocess.PIPE, text=True, check=True).stdout
        cls.rows = {tuple(line.split('\t')[:2]) for line in output.splitlines()}

    def test_each_setting_of_a_server_has_its_row(self):
        names = {name.decode() for name in configitems.coreitems[b'server']}
        self.assertEqual({name for name in names if ('server', name) not in self.rows}, set())

    def test_each_extension_of_mercurial_has_its_row(self):
        import hgext
        names = {name.split('.')[0] for name in os.listdir(os.path.dirname(hgext.__file__)) if not name.startswith('_')}
        self.assertEqual({name for name in names if ('extensions', name) not in self.rows}, set())


if __name__ == '__main__':
    unittest.main()
