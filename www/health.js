// The verdict: is the gateway healthy, and if not, why. Pure functions from the state and the
// history to words; each reason is one rule below, so a new rule is one more entry.

import { bytes, count, percent, plural, rate, span } from './format.js';
import { failures, serverErrors } from './history.js';

const MINUTE = 60;
const MUCH = 0.8; // of a bound
const MANY_FAILURES = 0.05; // of what is asked

/** Share of what was asked in the last minute that failed, or 0. */
function failureShare(history) {
  const asked = history.growth(({ totals }) => Math.max(totals.requests, totals.commands), MINUTE);
  return asked > 0 ? history.growth(failures, MINUTE) / asked : 0;
}

function limitReasons(history, limits) {
  const reasons = [];
  for (const name of Object.keys(limits)) {
    const hits = history.growth((digest) => digest.limits_hit[name] ?? 0, MINUTE);
    if (hits > 0) {
      const times = hits === 1 ? 'once' : `${count(hits)} times`;
      reasons.push({ level: 'warn', text: `${name} was reached ${times} in the last minute` });
    }
  }
  return reasons;
}

function fullness(what, used, bound, format) {
  if (!bound || used / bound < MUCH) {
    return null;
  }
  return { level: 'warn', text: `${what}: ${format(used)} of ${format(bound)}` };
}

function failureReason(history) {
  const share = failureShare(history);
  if (share < MANY_FAILURES) {
    return null;
  }
  const failed = history.growth(failures, MINUTE);
  return {
    level: 'warn',
    text: `${percent(share)} of what was asked in the last minute failed (${count(failed)}): errors in commands or frames, or peers that left`,
    link: '#exchanges/failed',
  };
}

function serverErrorReason(history) {
  const errors = history.growth(serverErrors, MINUTE);
  if (errors === 0) {
    return null;
  }
  return { level: 'bad', text: `${plural(errors, 'answer')} with status 500 or above in the last minute`, link: '#exchanges/failed' };
}

function logReason(history) {
  const lost = history.growth(({ totals }) => totals.log_lines_lost, MINUTE);
  return lost === 0 ? null : { level: 'warn', text: `${plural(lost, 'line')} of the logs could not be written in the last minute` };
}

function queueReason(state) {
  const { workers, workers_busy: busy } = state.threads;
  if (state.worker_queue === 0 || busy < workers) {
    return null;
  }
  return { level: 'warn', text: `all ${count(workers)} workers are busy, ${plural(state.worker_queue, 'command')} waiting` };
}

function damageReason({ repository: { damaged } }) {
  if (damaged.length === 0) {
    return null;
  }
  const { file, reason } = damaged[0];
  const more = damaged.length > 1 ? ` (and ${count(damaged.length - 1)} more)` : '';
  return { level: 'bad', text: `the repository is damaged: ${file === null ? '' : `${file}: `}${reason}${more}` };
}

/** { level: "good" | "warn" | "bad", sentence, reasons: [{ level, text, link }] } */
export function verdict(state, history) {
  const publicListener = state.listeners.find(({ name }) => name === 'public');
  const reasons = [
    state.draining ? { level: 'bad', text: 'told to stop: it takes no new connections and finishes what runs' } : null,
    damageReason(state),
    state.repository.error ? { level: 'bad', text: `the repository cannot be read: ${state.repository.error}` } : null,
    serverErrorReason(history),
    failureReason(history),
    queueReason(state),
    logReason(history),
    fullness('memory for exchanges', state.memory_bytes, state.memory.limit_bytes, bytes),
    fullness('disk for pushes', state.push_disk_bytes, state.limits['max-push-disk']?.value, bytes),
    fullness('connections', state.connections, publicListener?.connections_max, count),
    ...limitReasons(history, state.limits),
  ].filter(Boolean);
  const level = reasons.some((reason) => reason.level === 'bad') ? 'bad' : reasons.length > 0 ? 'warn' : 'good';
  return { level, word: words[level], sentence: `${sentences[level]} ${activity(history)}`, reasons };
}

const words = { good: 'Healthy', warn: 'Needs a look', bad: 'In trouble' };
const sentences = { good: 'All is well.', warn: 'It works, but something needs a look.', bad: 'Something is wrong.' };

function activity(history) {
  const answered = history.rate(({ totals }) => totals.requests, MINUTE);
  const first = history.before(MINUTE);
  const seconds = first ? history.last.digest.time - first.digest.time : 0;
  if (seconds < 1) {
    return '';
  }
  const time = seconds > MINUTE - 2 ? 'the last minute' : `the last ${span(seconds)}`;
  return answered === 0 ? `Nobody asked anything in ${time}.` : `${rate(answered)} requests a second in ${time}.`;
}
