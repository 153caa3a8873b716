"use strict";

// The stream of events, the filter, and which cards there are.

(() => {
  const byId = id => document.getElementById(id);
  const charts = byId("charts"), input = byId("glob"), pause = byId("pause"), state = byId("state"), matching = byId("matching");
  const histories = new Map(), cards = new Map();
  const clock = { now: 0, first: Infinity };
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  let stream = null, glob = "*", paused = false, drawn = 0, lastView = 0, step = 1, total = null, again = 0;

  /** Opens the stream for the glob in the filter. */
  function open() {
    clearTimeout(again);
    stream?.close();
    stream = new EventSource("/api/live?glob=" + encodeURIComponent(glob));
    const mine = stream;
    const on = (name, take) => stream.addEventListener(name, event => { if (mine === stream) take(JSON.parse(event.data)); });
    stream.onopen = () => { if (mine === stream) say("live", paused ? "paused" : "live"); };
    stream.onerror = () => { if (mine === stream) broken(); };
    on("view", view);
    on("names", names);
    on("status", status => {
      Status.show(status);
      idle(status.now);
    });
  }

  /** The browser tries again by itself, unless the answer was no stream. */
  async function broken() {
    say("lost", "connection lost, trying again");
    Status.interrupt();
    lastView = 0;
    if (stream.readyState !== EventSource.CLOSED) return;
    const mine = stream;
    again = setTimeout(open, 3000);
    try {
      const answer = await fetch("/api/live?glob=" + encodeURIComponent(glob));
      if (answer.ok) return answer.body.cancel();
      const why = (await answer.text()).trim();
      if (mine !== stream) return;
      if (answer.status === 400) {
        clearTimeout(again);
        say("live", "live");
        input.setAttribute("aria-invalid", "true");
        matching.className = "bad";
        matching.textContent = why;
      } else {
        say("lost", why + ", trying again");
      }
    } catch {
      // It is gone, which has been said.
    }
  }

  function say(kind, text) {
    if (state.textContent !== text) state.textContent = text;
    state.className = kind;
  }

  function view({ t, dt, matching: all, moving, series }) {
    clock.arrived = t;
    lastView = t;
    clock.first = Math.min(clock.first, t);
    // The longest of late: a flush may part one in two.
    step = Math.max(1, dt, step * 0.9);
    const keys = new Set();
    for (const [kind, name, tags, value] of series) {
      const key = [kind, name, tags].join("\n");
      keys.add(key);
      if (!histories.has(key)) histories.set(key, new History(kind));
      const history = histories.get(key);
      history.seen = t;
      history.meta = [kind, name, tags];
      if (value !== undefined) history.take(t, dt, value);
    }
    for (const [key, history] of histories) if (history.seen < t - SECONDS) histories.delete(key);
    total = all;
    if (paused) return;
    arrange(keys);
    count(all, moving, keys.size);
    draw();
  }

  /** Where views stay away nothing moves: time goes on. */
  function idle(now) {
    if (lastView > 0 && now - lastView > step + 0.6) {
      lastView += step;
      for (const key of cards.keys()) histories.get(key)?.guess(lastView);
      clock.arrived = lastView;
      if (!paused) draw();
    } else if (lastView === 0) {
      lastView = now;
    }
  }

  /** Brings the cards to the series that are drawn, in the order of their names. */
  function arrange(keys) {
    for (const [key, card] of cards) if (!keys.has(key) || card.history !== histories.get(key)) { card.forget(); card.root.remove(); cards.delete(key); }
    for (const key of keys) if (!cards.has(key)) cards.set(key, new Card(...histories.get(key).meta, histories.get(key), clock));
    const order = [...cards.entries()].sort(([one], [other]) => {
      const [a, b] = [one, other].map(key => key.slice(key.indexOf("\n") + 1));
      return a < b ? -1 : a > b ? 1 : one < other ? -1 : 1;
    });
    order.forEach(([, card], at) => {
      if (charts.children[at] !== card.root) charts.insertBefore(card.root, charts.children[at] ?? null);
    });
  }

  function draw(now = false) {
    if (document.hidden) return;
    clock.now = clock.arrived || 0;
    drawn += 1;
    if (calm.matches && !now && drawn % 5 !== 1) return;
    for (const card of cards.values()) card.draw();
  }

  function count(all, moving, shown) {
    const number = value => value.toLocaleString("en");
    matching.className = "";
    input.removeAttribute("aria-invalid");
    if (all === 0) return nothing();
    const series = all === 1 ? "1 series matches" : `${number(all)} series match`;
    const more = all - shown;
    const others = more === 1 ? "1 more matches" : `${number(more)} more match`;
    const rest = more > 0 && shown > 0 ? `; the ${shown} that move most are drawn, ${others}` : "";
    matching.textContent = `${series}${moving === null ? "" : `, ${number(moving)} moving`}${rest}`;
  }

  function nothing() {
    charts.dataset.empty = glob === "*" ? "Series appear here when they move." : "No series has that name.";
    matching.textContent = glob === "*" ? "" : "No series matches. ";
    if (glob !== "*" && !/[*?[{]/.test(glob)) {
      const wider = element("button", `*${glob}*`);
      wider.type = "button";
      wider.addEventListener("click", () => choose(`*${glob}*`));
      matching.append("Try ", wider);
    }
  }

  function names({ matching: all, series }) {
    const list = byId("names");
    list.replaceChildren(...series.map(([kind, name, tags]) => {
      const button = element("button", tags ? `${name} ${tags}` : name, "name");
      button.type = "button";
      button.title = `${kind}: draw this one`;
      button.addEventListener("click", () => choose(literal(tags ? `${name}#${tags}` : name)));
      return element("li", button);
    }));
    byId("names-note").textContent = all === 0 ? "None yet."
      : all > series.length ? `The first ${series.length} of ${all.toLocaleString("en")} that match; narrow the filter for others.`
      : "All that match; a click draws one alone.";
    if (all === 0 || total === null || cards.size === 0) {
      if (all > 0) charts.dataset.empty = "They appear here when they move.";
      count(all, null, 0);
    }
    total = all;
  }

  /** A name as a glob that matches it alone. */
  function literal(name) { return name.replace(/[\\*?[\]{}]/g, "\\$&"); }

  function choose(text) {
    input.value = text;
    apply();
  }

  /** Takes the filter over into the address and the stream. */
  function apply() {
    const wanted = input.value.trim() || "*";
    if (wanted === glob) return;
    glob = wanted;
    const address = new URL(location.href);
    if (glob === "*") address.searchParams.delete("glob");
    else address.searchParams.set("glob", glob);
    history.replaceState(null, "", address);
    total = null;
    resume();
    arrange(new Set());
    open();
  }

  function resume() {
    paused = false;
    pause.setAttribute("aria-pressed", "false");
    pause.textContent = "Pause";
    if (state.className === "live") say("live", "live");
  }

  pause.addEventListener("click", () => {
    if (paused) {
      resume();
      draw(true);
      return;
    }
    paused = true;
    pause.setAttribute("aria-pressed", "true");
    pause.textContent = "Go on";
    if (state.className === "live") say("live", "paused");
  });

  let typing = 0;
  input.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(apply, 300);
  });
  byId("filter").addEventListener("submit", event => {
    event.preventDefault();
    clearTimeout(typing);
    apply();
  });
  document.addEventListener("keydown", event => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "/" && document.activeElement !== input) {
      event.preventDefault();
      input.focus();
      input.select();
    } else if (event.key === "Escape" && (document.activeElement === input || glob !== "*")) {
      clearTimeout(typing);
      choose("*");
      if (document.activeElement === input) input.select();
    }
  });
  for (const button of document.querySelectorAll(".copy")) {
    button.addEventListener("click", async () => {
      const [code, note] = button.children;
      try {
        await navigator.clipboard.writeText(code.textContent);
        note.textContent = "copied";
      } catch {
        getSelection().selectAllChildren(code);
        note.textContent = "marked";
      }
      setTimeout(() => { note.textContent = "copy"; }, 2000);
    });
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    for (const card of cards.values()) { card.forget(); card.draw(); }
  });
  new ResizeObserver(() => draw(true)).observe(charts);
  document.addEventListener("visibilitychange", () => draw(true));

  glob = new URL(location.href).searchParams.get("glob") || "*";
  input.value = glob;
  charts.dataset.empty = "Series appear here when they move.";
  open();
})();
