// Numbers as people read them. Pure functions from values to text; units are in the text.

const whole = new Intl.NumberFormat('en-GB', { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat('en-GB', { maximumSignificantDigits: 3 });

const tenths = new Intl.NumberFormat('en-GB', { maximumFractionDigits: 1 });
const brief = new Intl.NumberFormat('en-GB', { maximumSignificantDigits: 2 });

/** 1234567 → "1,234,567". */
export function count(value) {
  return whole.format(value);
}

/** Rates: two or three digits are enough to see a change. */
export function rate(value) {
  if (value >= 100) {
    return whole.format(value);
  }
  return value >= 1 ? tenths.format(value) : brief.format(value);
}

/** 1536 → "1.5 KiB". */
export function bytes(value) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  let unit = 0;
  let amount = value;
  while (amount >= 1024 && unit < units.length - 1) {
    amount /= 1024;
    unit += 1;
  }
  const text = unit === 0 || amount >= 100 ? whole.format(amount) : short.format(amount);
  return `${text} ${units[unit]}`;
}

export function bytesPerSecond(value) {
  return `${bytes(value)}/s`;
}

/** Seconds of any size: "840 ns", "12.5 µs", "3.4 ms", "1.2 s". */
export function duration(seconds) {
  if (seconds === 0) {
    return '0 s';
  }
  if (seconds >= 100) {
    return span(seconds);
  }
  const [factor, unit] =
    seconds >= 1 ? [1, 's'] : seconds >= 1e-3 ? [1e3, 'ms'] : seconds >= 1e-6 ? [1e6, 'µs'] : [1e9, 'ns'];
  return `${short.format(seconds * factor)} ${unit}`;
}

/** Long times by their two largest units: "2 d 3 h". */
export function span(seconds) {
  const parts = [
    [86400, 'd'],
    [3600, 'h'],
    [60, 'min'],
    [1, 's'],
  ];
  let rest = Math.max(0, Math.floor(seconds));
  const said = [];
  for (const [size, unit] of parts) {
    const amount = Math.floor(rest / size);
    rest -= amount * size;
    if (amount > 0 && said.length < 2) {
      said.push(`${amount} ${unit}`);
    } else if (said.length === 1) {
      break;
    }
  }
  return said.join(' ') || '0 s';
}

const two = (number) => String(number).padStart(2, '0');

/** Time of day of seconds since 1970, with milliseconds. */
export function clock(seconds) {
  const date = new Date(seconds * 1000);
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':');
  return `${time}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}

/** Date and time of day of seconds since 1970. */
export function dateTime(seconds) {
  const date = new Date(seconds * 1000);
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${clock(seconds).slice(0, 8)}`;
}

export function percent(part) {
  return `${part > 0 && part < 0.001 ? '< 0.1' : brief.format(part * 100)} %`;
}

/** "1 frame", "2 frames". */
export function plural(amount, word) {
  return `${count(amount)} ${word}${amount === 1 ? '' : 's'}`;
}
