"use strict";

// Numbers as text, and one card with a chart for a series. Names and tags are foreign: they only become text nodes.

const SECONDS = 180;
/** Seconds of a chart while the page is young. */
const FIRST_SECONDS = 60;
const HEIGHT = 102;
const TAGS = 18;

/** Three digits that matter, with k, M, G or T. */
function short(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  for (const [unit, letter] of [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e4, "k"]]) {
    if (size >= unit) {
      const by = letter === "k" ? 1e3 : unit;
      return digits(value / by) + " " + letter;
    }
  }
  return digits(value);
}

function digits(value) {
  const size = Math.abs(value);
  if (size >= 1000) return Math.round(value).toLocaleString("en");
  const places = size >= 100 || size === 0 ? 0 : size >= 10 ? 1 : size >= 0.1 ? 2 : 4;
  return String(Number(value.toFixed(places)));
}

/** Milliseconds as µs, ms or s. */
function milliseconds(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size >= 1000) return digits(value / 1000) + " s";
  if (size > 0 && size < 0.1) return digits(value * 1000) + " µs";
  return digits(value) + " ms";
}

function element(name, content, className) {
  const made = document.createElement(name);
  if (className) made.className = className;
  for (const part of [].concat(content ?? [])) made.append(part);
  return made;
}

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
}

/** Whether a kind is drawn as bands of percentiles. */
function isBand(kind) {
  return kind === "timer" || kind === "histogram" || kind === "distribution";
}

/** What was seen of one series: times, and a column for each line. */
class History {
  constructor(kind) {
    this.kind = kind;
    this.width = isBand(kind) ? 6 : 1;
    this.times = [];
    this.columns = Array.from({ length: this.width }, () => []);
    this.length = 0;
    this.seen = 0;
  }

  get last() { return this.times.length - 1; }

  /** Takes what a view that ended at `time` and is `dt` seconds long has of the series. */
  take(time, dt, value) {
    while (this.last >= 0 && this.guessed > 0 && this.times[this.last] > time - dt + 0.05) this.pop();
    this.guessed = 0;
    // The clock was set back: what was seen before it has no place any more.
    if (this.last >= 0 && time < this.times[this.last]) this.clear();
    // A view right after a flush is a moment long: it belongs to the second before.
    if (dt < 0.3 && (dt < 0.05 || this.length < 0.9) && this.last >= 0) return this.merge(dt, value);
    if (dt < 0.05) { value = this.kind === "counter" ? value * dt : value; dt = 1; }
    const before = time - dt;
    if (this.last >= 0 && before - this.times[this.last] > Math.max(1, dt / 2)) this.push(before, null);
    this.push(time, this.known(value));
    this.length = dt;
  }

  /** Enters a second in which nothing came, until a view says otherwise. */
  guess(time) {
    if (this.last < 0) return;
    // Over a lost connection nothing is known.
    if (time - this.times[this.last] > this.length + 1.5) this.push(time - 1, null);
    this.push(time, this.kind === "counter" ? 0 : this.known(null));
    this.guessed = (this.guessed || 0) + 1;
  }

  /** A counter that was not sent stands still, a gauge keeps its value, a distribution has none. */
  known(value) {
    if (value !== null) return value;
    if (this.kind === "counter") return 0;
    return isBand(this.kind) ? null : this.columns[0][this.last] ?? null;
  }

  merge(dt, value) {
    if (value === null) return;
    const at = this.last;
    if (this.kind === "counter") {
      const length = this.length || 1;
      this.columns[0][at] = (this.columns[0][at] * length + value * dt) / (length + dt);
      this.length = length + dt;
    } else if (!isBand(this.kind)) {
      this.columns[0][at] = value;
    } else if (this.columns[1][at] === null) {
      value.forEach((each, line) => { this.columns[line][at] = each; });
    } else {
      this.columns[0][at] = Math.min(this.columns[0][at], value[0]);
      this.columns[4][at] = Math.max(this.columns[4][at], value[4]);
    }
  }

  push(time, value) {
    this.times.push(time);
    this.columns.forEach((column, line) => column.push(this.width === 1 ? value : value && value[line]));
    while (this.times[0] < time - SECONDS - 10) {
      this.times.shift();
      this.columns.forEach(column => column.shift());
    }
  }

  clear() {
    this.times.length = 0;
    this.columns.forEach(column => { column.length = 0; });
  }

  pop() {
    this.times.pop();
    this.columns.forEach(column => column.pop());
  }
}

/** A card: name, tags, the values of now or under the pointer, and the chart. */
class Card {
  constructor(kind, name, tags, history, clock) {
    this.kind = kind;
    this.history = history;
    this.clock = clock;
    this.at = null;
    this.unit = kind === "timer" ? milliseconds : short;
    const title = element("span", name, "name");
    title.title = tags ? name + " " + tags : name;
    this.tags = element("div", tags ? tags.split(",").map(tag => element("span", tag, "tag")) : [], "tags");
    this.tags.hidden = !tags;
    // Cards are of one height, with tags or without.
    this.height = tags ? HEIGHT : HEIGHT + TAGS;
    this.now = element("div", [], "now");
    this.box = element("div", [], "plot");
    this.box.setAttribute("role", "img");
    this.label = `${kind} ${name}${tags ? " with tags " + tags : ""}`;
    const heading = element("h3", [title, element("span", kind, "kind")]);
    this.root = element("article", [heading, this.tags, this.now, this.box]);
  }

  /** The chart is made once the card has a width. */
  draw() {
    const width = this.box.clientWidth;
    if (width === 0) return;
    if (!this.plot) this.plot = new uPlot(this.options(width), this.data(), this.box);
    else {
      if (this.plot.width !== width) this.plot.setSize({ width, height: this.height });
      this.plot.setData(this.data());
    }
    this.write();
  }

  data() {
    const { times, columns } = this.history;
    // From the top line to the bottom one, which is the order of bands.
    return isBand(this.kind) ? [times, columns[4], columns[3], columns[2], columns[1], columns[0]] : [times, columns[0]];
  }

  /** Values as text: those under the pointer, or the last. */
  write() {
    const { columns } = this.history;
    const at = this.at ?? this.history.last;
    const value = line => columns[line][at];
    const parts = isBand(this.kind)
      ? [["p50", this.unit(value(1))], ["p90", this.unit(value(2))], ["p99", this.unit(value(3))]]
      : [["", this.kind === "counter" ? short(value(0)) : this.unit(value(0))]];
    const texts = parts.map(([label, text]) => element("span", label ? [label + " ", element("b", text)] : element("b", text, "sole")));
    const beside = this.kind === "counter" ? "per second" : this.kind === "set" ? "distinct members"
      : isBand(this.kind) ? "" : "value";
    if (beside) texts.push(element("span", beside));
    this.now.replaceChildren(...texts);
    this.box.setAttribute("aria-label", `${this.label}: ${parts.map(part => part.join(" ")).join(", ")} ${beside}`);
  }

  options(width) {
    const band = isBand(this.kind);
    const line = colour(band ? "band" : this.kind);
    const axis = { stroke: colour("quiet"), font: "10px system-ui, sans-serif", ticks: { show: false } };
    const grid = { stroke: colour("grid"), width: 1 };
    const points = { show: false, filter: alone, size: 4, stroke: line, fill: line };
    const plain = { stroke: line, width: 1.5, points, fill: this.kind === "counter" ? line + "1f" : undefined };
    const edge = { stroke: line + "38", width: 0.75, points: { show: false } };
    const fill = strength => line + strength;
    return {
      width, height: this.height, legend: { show: false }, padding: [6, 4, 0, 0],
      cursor: { sync: { key: "all" }, drag: { x: false, y: false }, y: false, points: { size: 5 } },
      scales: {
        x: { time: true, range: () => [this.clock.now - this.span, this.clock.now] },
        y: { range: (_, low, high) => bounds(low, high, this.kind) },
      },
      axes: [
        { ...axis, grid: { show: false }, size: 19, gap: 4, incrs: [30, 60], space: 50, values: (_, at) => at.map(time => this.timeText(time)) },
        { ...axis, grid, size: 44, gap: 4, space: 26, values: (_, at) => at.map(value => this.unit(value)) },
      ],
      series: band
        ? [{}, edge, edge, edge, { stroke: line, width: 1.75, points }, edge]
        : [{}, plain],
      bands: band
        ? [["1f", 1, 2], ["3d", 2, 3], ["66", 3, 4], ["24", 4, 5]].map(([strength, from, to]) => ({ series: [from, to], fill: fill(strength) }))
        : [],
      hooks: {
        setCursor: [plot => {
          const at = plot.cursor.left >= 0 ? plot.cursor.idx : null;
          if (at !== this.at) { this.at = at; this.write(); }
        }],
      },
    };
  }

  /** Seconds from the left edge to the right one: they grow with what the page has seen. */
  get span() {
    return Math.min(SECONDS, Math.max(FIRST_SECONDS, this.clock.now - this.clock.first));
  }

  /** Nothing at the left edge, where the values are, nor where it would be cut off at the right one. */
  timeText(time) {
    const place = 1 - (this.clock.now - time) / this.span;
    return place < 0.12 || place > 0.89 ? "" : clockTime(time);
  }

  /** Colours are read when the chart is made. */
  forget() {
    this.plot?.destroy();
    this.plot = null;
  }
}

/** Points that have no neighbour and so no line. */
function alone(plot, line) {
  const column = plot.data[line];
  const found = [];
  column.forEach((value, at) => {
    if (value !== null && (column[at - 1] ?? null) === null && (column[at + 1] ?? null) === null) found.push(at);
  });
  return found;
}

/** Rates and sizes are seen from zero; gauges and times from where they are. */
function bounds(low, high, kind) {
  if (low === null || high === null) return [0, 1];
  const floor = kind === "gauge" && low > 0 && high - low < low / 2 ? low - (high - low || Math.abs(low)) / 4 : Math.min(0, low);
  const top = high + (high - floor || 1) * 0.08;
  return [floor, top > floor ? top : floor + 1];
}

function clockTime(seconds) {
  const time = new Date(seconds * 1000);
  const two = number => String(number).padStart(2, "0");
  return `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
}
