// The last minutes, from the digests: how much, how fast and what failed in each second. Counters
// only grow, so everything is a difference of two digests. Knows nothing of the page.

const SECONDS = 300;
const MIX = 5; // seconds over which latencies are taken together, so that quiet times still show

/** Value of a quantile (0 to 1) among buckets [{ from_seconds, below_seconds, count }], or null. */
export function quantile(buckets, part) {
  const total = buckets.reduce((sum, bucket) => sum + bucket.count, 0);
  let rank = part * total;
  for (const bucket of buckets) {
    if (rank <= bucket.count && bucket.count > 0) {
      const width = bucket.below_seconds - bucket.from_seconds;
      return bucket.from_seconds + width * (rank / bucket.count);
    }
    rank -= bucket.count;
  }
  return null;
}

/** All commands' buckets together, by their lower edge. */
function allBuckets(commands) {
  const sum = new Map();
  for (const { latency } of Object.values(commands)) {
    for (const bucket of latency.buckets) {
      const known = sum.get(bucket.from_seconds);
      sum.set(bucket.from_seconds, { ...bucket, count: bucket.count + (known?.count ?? 0) });
    }
  }
  return sum;
}

/** The runs that the newer histogram has and the older has not, ascending. */
function bucketsSince(older, newer) {
  return [...newer.values()]
    .map((bucket) => ({ ...bucket, count: bucket.count - (older.get(bucket.from_seconds)?.count ?? 0) }))
    .filter((bucket) => bucket.count > 0)
    .sort((a, b) => a.from_seconds - b.from_seconds);
}

/** Answers that say that something was wrong: refused, broken or failed requests and commands. */
export function failures({ totals }) {
  return totals.command_errors + totals.protocol_errors + totals.aborted;
}

/** Answers with status 500 and above: the gateway could not do what it should. */
export function serverErrors({ totals }) {
  return Object.entries(totals.status)
    .filter(([status]) => Number(status) >= 500)
    .reduce((sum, [, answers]) => sum + answers, 0);
}

export class History {
  constructor() {
    this.seconds = SECONDS;
    this.samples = []; // { digest, buckets }, oldest first
  }

  add(digest) {
    this.samples.push({ digest, buckets: allBuckets(digest.commands) });
    const first = digest.time - SECONDS - MIX;
    const keep = this.samples.findIndex((sample) => sample && sample.digest.time >= first);
    this.samples.splice(0, keep);
  }

  /** A new process: what came before cannot be compared with what comes. */
  restart() {
    this.samples.push(null);
  }

  get last() {
    return this.samples.at(-1) ?? null;
  }

  /** The newest sample that is at least `seconds` old, or the oldest of this process. */
  before(seconds) {
    const { last } = this;
    let found = null;
    for (let place = this.samples.length - 1; last && place >= 0 && this.samples[place]; place--) {
      found = this.samples[place];
      if (last.digest.time - found.digest.time >= seconds) {
        break;
      }
    }
    return found;
  }

  /** How much a counter grew in the last `seconds`. counter takes a digest. */
  growth(counter, seconds) {
    const older = this.before(seconds);
    return older ? counter(this.last.digest) - counter(older.digest) : 0;
  }

  /** The same per second; 0 while there is nothing to compare. */
  rate(counter, seconds) {
    const older = this.before(seconds);
    const passed = older ? this.last.digest.time - older.digest.time : 0;
    return passed > 0 ? this.growth(counter, seconds) / passed : 0;
  }

  /** Latency quantile of what ran in the last seconds, or null. */
  latency(part, seconds = MIX) {
    const older = this.before(seconds);
    return older ? quantile(bucketsSince(older.buckets, this.last.buckets), part) : null;
  }

  /** Points { x, y } for a chart: y is value(older, newer, seconds between), null for a gap. */
  points(value, distance = 1) {
    const { last } = this;
    const now = last ? last.digest.time : 0;
    return this.samples.map((newer, place) => {
      const older = place >= distance ? this.samples[place - distance] : null;
      const broken = !newer || !older || this.samples.slice(place - distance, place).includes(null);
      if (broken) {
        return { x: newer ? newer.digest.time - now : this.gapAt(place) - now, y: null };
      }
      const passed = newer.digest.time - older.digest.time;
      return { x: newer.digest.time - now, y: passed > 0 ? value(older, newer, passed) : null };
    });
  }

  gapAt(place) {
    return this.samples[place - 1]?.digest.time ?? this.last?.digest.time ?? 0;
  }

  ratePoints(counter) {
    return this.points((older, newer, passed) => (counter(newer.digest) - counter(older.digest)) / passed);
  }

  latencyPoints(part) {
    return this.points((older, newer) => quantile(bucketsSince(older.buckets, newer.buckets), part), MIX);
  }
}
