// What the browser tests share: a gateway with a repository, Debian's Chromium, and pages that fail
// their test at any error in the console, any request to another place, any breach of the page's
// own Content-Security-Policy.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const program = process.env.FRAMEGATE ?? path.join(root, 'build/release/framegate');
const chromium = process.env.CHROMIUM ?? '/usr/bin/chromium';
// npm's packages and a repository stand in the build folder (see CMakeLists.txt), and screenshots go there.
const build = process.env.BROWSER_BUILD ?? path.join(root, 'build/release/tests/browser');
const require = createRequire(`${build}/`);
const screenshots = path.join(build, 'screenshots');

const MEDIA_TYPE = 'application/mercurial-exp-framing-0003';
export const API = '/api/exp-http-v2-0001';
const TIMEOUT_MS = 60000; // no test waits for longer; a hang is a failure

const flags = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage'];

/** Asks until the answer is truthy, and returns it. */
export async function until(what, ask) {
  const deadline = Date.now() + TIMEOUT_MS;
  let answer;
  while (!(answer = await ask())) {
    assert.ok(Date.now() < deadline, `still not: ${what}`);
    await new Promise((resolve) => {
      setTimeout(resolve, 50);
    });
  }
  return answer;
}

/** Frames of human strings, as bytes. */
export function frames(...lines) {
  return execFileSync(program, ['encode'], { input: `${lines.join('\n')}\n` });
}

/** A running gateway. */
export class Gateway {
  static async start(...options) {
    const gateway = new Gateway();
    gateway.options = options;
    await gateway.run('127.0.0.1:0', '127.0.0.1:0');
    return gateway;
  }

  async run(listen, admin) {
    this.process = spawn(program, ['serve', '--repository', path.join(build, 'demo'), '--listen', listen, '--admin-listen', admin,
      '--access-log', 'off', '--drain-time', '1', ...this.options], { stdio: ['ignore', 'pipe', 'inherit'] });
    const lines = createInterface({ input: this.process.stdout });
    const [line] = await Promise.race([
      new Promise((resolve) => {
        lines.once('line', (first) => resolve([first]));
      }),
      new Promise((resolve) => {
        this.process.once('exit', () => resolve(['']));
      }),
    ]);
    const found = /serving https?:\/\/([^/]+)\/ \(state at (https?:\/\/([^/]+))\/state\)/.exec(line);
    assert.ok(found, `the gateway did not start: ${line}`);
    [, this.listen, this.url, this.admin] = found;
  }

  /** Ends the process. */
  async stop() {
    const ended = new Promise((resolve) => {
      this.process.once('exit', resolve);
    });
    this.process.kill('SIGTERM');
    assert.equal(await ended, 0, 'exit status of the gateway');
  }

  /** Another process at the same addresses. */
  async startAgain() {
    await this.run(this.listen, this.admin);
  }

  async close() {
    if (this.process.exitCode === null) {
      await this.stop();
    }
  }

  /** POST; resolves to { status, body }. */
  ask(target, body) {
    const [host, port] = this.listen.split(':');
    const headers = { 'Content-Type': MEDIA_TYPE, Accept: MEDIA_TYPE, 'Content-Length': body.length };
    return new Promise((resolve, reject) => {
      const request = http.request({ host, port, method: 'POST', path: target, headers }, (response) => {
        const parts = [];
        response.on('data', (part) => parts.push(part));
        response.on('end', () => resolve({ status: response.statusCode, body: Buffer.concat(parts) }));
      });
      request.on('error', reject);
      request.end(body);
    });
  }

  /** Asks for the heads some times. */
  async askHeads(times) {
    const body = frames("1 1 stream-begin command-request new cbor:{b'name': b'heads'}");
    for (let i = 0; i < times; i++) {
      assert.equal((await this.ask(`${API}/ro/heads`, body)).status, 200);
    }
  }

  async state() {
    return (await fetch(`${this.url}/state`)).json();
  }

  /** The newest exchange that was refused. */
  async failedExchange() {
    return until('an exchange that failed', async () => (await this.state()).finished.find(({ status }) => status >= 400));
  }
}

/** Debian's Chromium, for one test file. */
export async function launch() {
  return require('playwright-core').chromium.launch({ executablePath: chromium, args: flags, timeout: TIMEOUT_MS });
}

/** Waits until the composer has its example: without one it sends nothing. */
export async function exampleIn(page) {
  await page.waitForFunction(() => document.getElementById('frames').value !== '');
}

/** A page of the gateway's that shows live numbers. options: as for a browser context, and hash. */
export async function open(browser, gateway, { hash = 'overview', expectErrors = false, prepare, ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  context.setDefaultTimeout(TIMEOUT_MS);
  const page = await context.newPage();
  page.wrong = [];
  page.on('pageerror', (error) => page.wrong.push(String(error.stack)));
  page.on('console', (message) => {
    if (!expectErrors && ['error', 'warning'].includes(message.type())) {
      page.wrong.push(`console: ${message.text()}`);
    }
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(`${gateway.url}/`)) {
      page.wrong.push(`asked elsewhere: ${request.url()}`);
    }
  });
  await prepare?.(page);
  await page.goto(`${gateway.url}/#${hash}`);
  await page.waitForFunction(() => document.documentElement.dataset.moment !== undefined);
  if (hash === 'compose') {
    await exampleIn(page);
  }
  return page;
}

/** Closes the page; fails if anything was wrong in it. */
export async function close(page) {
  await page.context().close();
  assert.deepEqual(page.wrong, []);
}

/** Keeps a picture in the build folder. */
export async function picture(page, name, options = {}) {
  mkdirSync(screenshots, { recursive: true });
  await page.screenshot({ path: path.join(screenshots, `${name}.png`), ...options });
}

/** What axe-core objects to: [rule, elements]. */
export async function objections(page) {
  await page.evaluate(require('axe-core').source);
  const { violations } = await page.evaluate('axe.run()');
  return violations.map(({ id, impact, nodes }) => `${impact} ${id}: ${nodes.map(({ target, failureSummary }) => `${target} ${failureSummary}`).slice(0, 4).join('; ')}`);
}
