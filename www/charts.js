// Small charts over the last minutes, by Chart.js. Owns their look; the colours are the style
// sheet's (--series-1 …), so light and dark follow the page.

import { element } from './dom.js';

/* global Chart */

const { Chart } = window;
const MINUTE = 60;
const dashes = [[], [5, 3], [2, 2]];
const dark = matchMedia('(prefers-color-scheme: dark)');

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function dataset(label, place) {
  return {
    label,
    data: [],
    borderWidth: 1.5,
    borderDash: dashes[place % dashes.length],
    pointRadius: 0,
    pointHitRadius: 8,
    tension: 0.25,
    spanGaps: false,
    fill: place === 0,
  };
}

function options(format, logarithmic) {
  return {
    animation: false,
    responsive: true,
    maintainAspectRatio: false,
    parsing: false,
    normalized: true,
    interaction: { mode: 'index', intersect: false },
    scales: {
      x: {
        type: 'linear',
        display: true,
        grid: { display: false, drawBorder: false },
        ticks: { maxRotation: 0, callback: (value) => (value === 0 ? 'now' : `−${ago(value).replace(' ago', '')}`) },
      },
      y: {
        type: logarithmic ? 'logarithmic' : 'linear',
        grid: { drawBorder: false, drawTicks: false },
        ticks: { padding: 6, callback: (value) => (logarithmic && !isPowerOfTen(value) ? null : format(value)) },
      },
    },
    plugins: {
      legend: { display: false },
      tooltip: {
        displayColors: false,
        callbacks: {
          title: (items) => ago(items[0].parsed.x),
          label: (item) => `${item.dataset.label}: ${format(item.parsed.y)}`,
        },
      },
    },
  };
}

function isPowerOfTen(value) {
  return Number.isInteger(Number(Math.log10(value).toFixed(6)));
}

function ago(seconds) {
  if (seconds > -0.5) {
    return 'now';
  }
  const whole = Math.round(-seconds);
  return whole >= MINUTE && whole % MINUTE === 0 ? `${whole / MINUTE} min ago` : `${whole} s ago`;
}

/** The smallest round number from value on; base 1024 for bytes. Its half is round too. */
function roundUp(value, base) {
  if (!(value > 0)) {
    return 2;
  }
  const unit = base ** Math.floor(Math.log(value) / Math.log(base));
  const steps = base === 1024 ? [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024] : [1, 2, 4, 6, 8, 10];
  return unit * (steps.find((step) => step * unit >= value) ?? base);
}

export class TimeChart {
  /**
   * In box, a chart of some series ([label, …]) of up to `seconds`. format makes text of a value;
   * base (10 or 1024) says which values are round; logarithmic is for values of several magnitudes.
   */
  constructor(box, { label, series, format, base, logarithmic, seconds }) {
    this.seconds = seconds;
    this.base = base;
    this.logarithmic = logarithmic;
    this.canvas = element('canvas', { role: 'img', 'aria-label': label });
    box.append(this.canvas);
    this.chart = new Chart(this.canvas, {
      type: 'line',
      data: { datasets: series.map(dataset) },
      options: options(format, logarithmic),
    });
    this.chart.options.scales.x.max = 0;
    this.paint();
    dark.addEventListener('change', () => {
      this.paint();
      this.chart.update('none');
    });
  }

  paint() {
    const { scales } = this.chart.options;
    scales.x.ticks.color = colour('--muted');
    scales.y.ticks.color = colour('--muted');
    scales.y.grid.color = colour('--line');
    this.chart.data.datasets.forEach((set, place) => {
      const line = colour(`--series-${place + 1}`);
      set.borderColor = line;
      set.backgroundColor = `${line}22`;
    });
  }

  /** points: for each series an array of { x: seconds before now (negative), y }, y null for a gap. */
  show(points) {
    points.forEach((data, place) => {
      this.chart.data.datasets[place].data = data;
    });
    this.setScales(points.flat());
    this.chart.update('none');
  }

  /** As many whole minutes as there is something to see in, and a round value on top. */
  setScales(points) {
    const { x, y } = this.chart.options.scales;
    const oldest = points.reduce((least, point) => (point.y === null ? least : Math.min(least, point.x)), 0);
    const shown = Math.min(this.seconds, Math.max(1, Math.ceil(-oldest / MINUTE)) * MINUTE);
    x.min = -shown;
    x.ticks.stepSize = shown > 2 * MINUTE ? MINUTE * Math.floor(shown / MINUTE / 2) : shown / 2;
    const values = points.map((point) => point.y).filter((value) => value > 0);
    if (this.logarithmic) {
      const [least, most] = values.length > 0 ? [Math.min(...values), Math.max(...values)] : [1e-6, 1e-3];
      y.min = 10 ** Math.floor(Math.log10(least));
      y.max = Math.max(10 * y.min, 10 ** Math.ceil(Math.log10(most)));
    } else {
      y.min = 0;
      y.max = roundUp(Math.max(0, ...values), this.base);
      y.ticks.stepSize = y.max / 2;
    }
  }
}
